"""A canary: no secret of the whole suite is left in any topic, log, metric, database, blob or page.

Every password and token of the tests and of their servers holds the word `CANARY`; keys, which are random, are known by
the files that they lie in. Whatever a run leaves is searched for them: topics just before their test deletes them, the
directories of all tests and of the shared servers at the end. One that is found fails the run, which says where; so
does a run in which nothing was searched where much should have been.

With pytest-xdist each worker searches its own directories, and the first process adds up what all of them found.
"""

import base64
import os
import re
import stat
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, suppress
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from ahocorasick_rs import BytesAhoCorasick

from deploy.local.supervisor import Supervisor
from runtime.security.secret_forms import forms_of

CANARY = "s3cret"
MANY = 100  # tests with topics: a run with so many has left something of every kind
_SEGMENT = re.compile(r"\d{20}\.log")
_KEY_BYTES = range(40, 100)  # a file of a key: 32 bytes in base64
_AT_ONCE = 1 << 24


def _kind(path: Path) -> str | None:
    """What a file that a test left is, as far as our processes write such; None: it was the test's own."""
    if _SEGMENT.fullmatch(path.name):
        return "topic"
    if "sha256" in path.parts[-4:]:
        return "blob"
    if "pg_wal" in path.parts or "base" in path.parts[-3:-1]:
        return "database"
    kinds = {".log": "log", ".db": "database", ".db-wal": "database", ".html": "page", ".metrics": "metric"}
    return kinds.get(path.suffix)


class Search:
    """`found`: a line for each place that holds a secret. `searched`: how many places of each kind there were."""

    def __init__(self) -> None:
        self.found: list[str] = []
        self.searched: Counter[str] = Counter()
        self._keys: set[str] = set()
        self._pattern = _pattern([CANARY])

    def know_keys(self, directory: Path) -> None:
        """The keys that lie in files there count as secrets from now on."""
        keys = {key for path in _files(directory) if (key := _key_in(path))} - self._keys
        if keys:
            self._keys |= keys
            self._pattern = _pattern([CANARY, *self._keys])

    def directory(self, directory: Path, called: str = "") -> None:
        """Every file under it that one of our processes may have written."""
        for path in _files(directory):
            if kind := _kind(path):
                self.file(path, kind, f"{called}{path}")

    def topics(self, broker: Path, prefix: str, called: str = "") -> None:
        """The records of each topic that still lies in a broker's directory."""
        for topic in sorted((broker / "data").glob(f"{prefix}.*")):
            for path in _files(topic):
                if _kind(path) == "topic":
                    self.file(path, "topic", f"{topic.name}{called}")

    def file(self, path: Path, kind: str, called: str) -> None:
        try:
            pieces = list(_batches(path.read_bytes()) if kind == "topic" else _pieces(path))
        except FileNotFoundError:
            return  # its server has just removed it
        if any(pieces):
            self.text(kind, called, pieces)

    def text(self, kind: str, called: str, pieces: Iterable[bytes]) -> None:
        self.searched[kind] += 1
        for piece in pieces:
            if matches := self._pattern.find_matches_as_indexes(piece):
                _, start, end = matches[0]
                self.found.append(f"{kind} {called}: {piece[max(0, start - 60) : end + 20]!r}")
                return


def _pattern(secrets: Iterable[str]) -> BytesAhoCorasick:
    """Of all at once: there are thousands, and a regular expression would try each of them at each byte."""
    forms = {form for secret in secrets for form in forms_of(secret)}
    return BytesAhoCorasick([form.encode("utf-8", "surrogatepass") for form in sorted(forms)])


def _files(directory: Path) -> Iterator[Path]:
    """Every file, without following links; none of a directory that its server has just removed."""
    for root, _, names in os.walk(directory):
        for name in names:
            path = Path(root, name)
            if not path.is_symlink() and path.is_file():
                yield path


def _key_in(path: Path) -> str | None:
    """The key in a file that only its owner may read and that holds nothing else."""
    try:
        found = path.stat()
        if found.st_size not in _KEY_BYTES or stat.S_IMODE(found.st_mode) != 0o600:
            return None
        text = path.read_text("ascii").strip()
        return text if len(base64.b64decode(text, validate=True)) >= 32 else None
    except (OSError, ValueError):
        return None


def _pieces(path: Path) -> Iterator[bytes]:
    """A file's bytes, a piece at a time; each begins with the end of the one before."""
    with path.open("rb") as file:
        end = b""
        while piece := file.read(_AT_ONCE):
            yield end + piece
            end = piece[-1000:]


def _batches(segment: bytes) -> Iterator[bytes]:
    """The records of a topic, unpacked."""
    from kafka.record import MemoryRecords

    records = MemoryRecords(segment)
    while (batch := records.next_batch()) is not None:
        batch._maybe_uncompress()
        yield bytes(batch._buffer)


# ---- pytest's hooks --------------------------------------------------------------------------------------------------

_SEARCH = pytest.StashKey[Search]()
RUNNING = pytest.StashKey[Callable[[], Iterable[Path]]]()  # directories of the servers that this process shares


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_SEARCH] = Search()
    _keep_metrics()
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(_Workers(config.stash[_SEARCH]))


def _keep_metrics() -> None:
    """What the processes under test count goes with them: it is kept as a file beside the log of each."""
    stop = Supervisor.stop

    def keep_and_stop(self: Supervisor) -> None:
        for one in self._watched.values():
            with suppress(OSError, HTTPException), closing(_metrics_of(one.program.health_port)) as answer:
                one.child.log.with_suffix(".metrics").write_bytes(answer.read())
        stop(self)

    setattr(Supervisor, "stop", keep_and_stop)  # noqa: B010 - mypy takes an assignment for a mistake


def _metrics_of(port: int) -> Any:
    return urlopen(f"http://127.0.0.1:{port}/metrics", timeout=2)


@pytest.fixture
def search_topics(request: pytest.FixtureRequest, pytestconfig: pytest.Config) -> Callable[[Path, str], None]:
    """Searches a prefix's topics in the directory of their broker."""
    search = pytestconfig.stash[_SEARCH]

    def run(directory: Path, prefix: str) -> None:
        search.searched["test with topics"] += 1
        if own := request.node.funcargs.get("tmp_path"):
            search.know_keys(own)
        search.topics(directory, prefix, f" of {request.node.nodeid}")

    return run


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    config = session.config
    search = config.stash[_SEARCH]
    factory = getattr(config, "_tmp_path_factory", None)
    workers = hasattr(config, "workerinput") or not getattr(config.option, "numprocesses", None)
    if factory is not None and workers:
        _search_what_this_process_left(search, factory.getbasetemp())
    if hasattr(config, "workerinput"):
        config.workeroutput["canary"] = (search.found, dict(search.searched))  # type: ignore[attr-defined]
    else:
        for server in config.stash.get(RUNNING, lambda: ())():
            search.directory(server, "a shared server's ")
        search.found += _nothing_searched(search.searched)
        if search.found:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _search_what_this_process_left(search: Search, directory: Path) -> None:
    search.know_keys(directory)
    search.directory(directory)
    if metrics := sys.modules.get("prometheus_client"):  # else no test has counted anything
        search.text("metric", "metrics of the process of the tests", [metrics.generate_latest()])
    search.found += _control(directory)


def _control(directory: Path) -> list[str]:
    """Whether a search finds what is there, each time anew."""
    planted = Search()
    place = directory / "canary-control" / "planted.log"
    place.parent.mkdir(exist_ok=True)
    place.write_bytes(base64.b64encode(f"\0desk\0{CANARY}".encode()))
    planted.directory(place.parent)
    place.unlink()
    return [] if len(planted.found) == 1 else ["a secret that was planted was not found: nothing was searched"]


def _nothing_searched(searched: Counter[str]) -> list[str]:
    if searched["test with topics"] < MANY:
        return []
    return [f"no {kind} was searched" for kind in ("topic", "log", "database", "blob", "page") if not searched[kind]]


class _Workers:
    def __init__(self, search: Search) -> None:
        self._search = search

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        found, searched = getattr(node, "workeroutput", {}).get("canary", ((), {}))
        self._search.found += found
        self._search.searched.update(searched)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    search = config.stash[_SEARCH]
    if search.found:
        terminalreporter.section("secrets that the run left", red=True, bold=True)
        for line in search.found:
            terminalreporter.write_line(line)
    counts = ", ".join(f"{count} {kind}" for kind, count in sorted(search.searched.items()))
    terminalreporter.write_line(f"searched for secrets: {counts or 'nothing'}")
