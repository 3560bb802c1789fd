"""deploy/Containerfile, as far as it can be held without a container engine.

Its own commands make elsewhere what they would make in it (only what pip fetches is fetched by uv, which keeps it), and
the processes run from that, with the environment of the image, on a file system that they may not write on.
"""

import json
import os
import re
import shlex
import shutil
import smtplib
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from email import message_from_bytes
from email.policy import default
from importlib.metadata import Distribution
from pathlib import Path

import pytest
from imapclient import IMAPClient

from deploy.chart_settings import STAGES
from deploy.local import NotAvailableError
from deploy.local.pipeline import AS_IN_THE_IMAGE
from deploy.local.ports import HOST, free_ports, wait_until
from deploy.local.servers.mail_host import MailHost
from deploy.local.supervisor import Program, Supervisor
from runtime.version import VERSION

ROOT = Path(__file__).parents[2]
FILE = ROOT / "deploy" / "Containerfile"
CONFINED = Path(__file__).with_name("confined.py")
BIN = Path(sys.executable).parent
BASE = re.compile(r"^(python:3\.11\.\d+-slim-\w+)@(sha256:[0-9a-f]{64})$")


def instructions() -> Iterator[tuple[str, str]]:
    """(word, the rest) of each instruction, in one line."""
    lines = [line for line in FILE.read_text("utf-8").splitlines() if not line.startswith("#")]
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        if line:
            word, _, rest = line.partition(" ")
            yield word, rest


def words(*names: str) -> list[str]:
    return [rest for word, rest in instructions() if word in names]


def test_hadolint_has_nothing_to_say(tmp_path: Path) -> None:
    def lint(file: Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run([BIN / "hadolint", file], capture_output=True, text=True, check=False)

    done = lint(FILE)
    assert (done.returncode, done.stdout) == (0, "")
    wrong = tmp_path / "Containerfile"
    wrong.write_text(FILE.read_text("utf-8").replace("USER 10001:10001", "USER root"))
    assert "Last USER should not be root" in lint(wrong).stdout


def test_it_says_what_it_is_made_of() -> None:
    bases = {one.split()[0] for one in words("FROM")}
    assert len(bases) == 1, "built in what it runs in"
    found = BASE.match(bases.pop())
    assert found
    labels = dict(re.findall(r'org\.opencontainers\.image\.([\w.]+)="([^"]*)"', " ".join(words("LABEL"))))
    assert (labels["version"], labels["licenses"]) == (VERSION, "Apache-2.0")
    assert (labels["base.name"], labels["base.digest"]) == (f"docker.io/library/{found[1]}", found[2])


def test_it_runs_as_nobody_in_particular_and_holds_no_compiler() -> None:
    (user,) = words("USER")
    assert re.fullmatch(r"[1-9]\d+:[1-9]\d+", user), "numbers: Kubernetes cannot tell that a name is not root"
    text = " ".join(words("RUN"))
    assert not re.search(r"apt|gcc|build-essential|curl|wget", text)
    assert text.count("install --require-hashes") == 2


def test_all_that_it_copies_gets_into_the_build() -> None:
    allowed = {line.removeprefix("!") for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] == "!"}
    copied = {source for rest in words("COPY") if "--from" not in rest for source in rest.split()[:-1]}
    assert copied == allowed
    assert [one for one in copied if not (ROOT / one).exists()] == []


# ---- made by its own commands ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Image:
    """`home` stands for /opt/mailcall."""

    home: Path

    @property
    def python(self) -> Path:
        return self.home / "bin" / "python"

    def confined(self, writable: Sequence[Path], *command: str) -> list[str]:
        """A command of the image, in the first of those directories."""
        script = [str(self.python), str(CONFINED), *map(str, writable), "--", str(self.home / "bin" / command[0])]
        return ["env", f"--chdir={writable[0]}", *script, *command[1:]]

    def environment(self, temporary: Path) -> dict[str, str]:
        """As the image sets it, with another place for /tmp."""
        (line,) = [rest for rest in words("ENV") if "HOME=" in rest]
        said = dict(one.split("=", 1) for one in shlex.split(line))
        assert said["HOME"] == "/tmp"
        return {
            **said,
            "PATH": f"{self.home}/bin:{os.environ['PATH']}",
            "HOME": str(temporary),
            "TMPDIR": str(temporary),
        }


def test_the_pipeline_of_a_checkout_allocates_memory_as_the_image_does() -> None:
    assert AS_IN_THE_IMAGE.items() <= {tuple(one.split("=", 1)) for line in words("ENV") for one in shlex.split(line)}


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    root = tmp_path_factory.mktemp("image")
    source = root / "src"
    for rest in words("COPY"):
        if "--from" not in rest:
            *names, _ = rest.split()
            for name in names:
                (source / name).parent.mkdir(parents=True, exist_ok=True)
                if (ROOT / name).is_dir():
                    shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
                else:
                    shutil.copy(ROOT / name, source / name)
    for command in words("RUN"):
        if "/opt/" in command:
            _run(command.replace("/opt/", f"{root}/opt/"), source)
    image = Image(root / "opt" / "mailcall")
    _compile(image)
    return image


def _run(command: str, directory: Path) -> None:
    uv = f"{BIN / 'uv'} pip install --quiet --no-build --python"
    command = re.sub(r"python -m pip --python (\S+) install(?= --require-hashes)", rf"{uv} \1", command)
    path = f"{BIN}:{os.environ['PATH']}"
    done = subprocess.run(
        ["sh", "-c", command],
        cwd=directory,
        env={**os.environ, "PATH": path, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_QUIET": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode and "require-hashes" in command:
        raise NotAvailableError(f"packages for the image could not be fetched from the package index:\n{done.stderr}")
    assert done.returncode == 0, done.stderr


def _compile(image: Image) -> None:
    """What the processes import, which is a third of what pip compiles: none of them may write there."""
    imports = "; ".join(f"import {module}" for module in ("console.cli", *(f"{stage}.__main__" for stage in STAGES)))
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    subprocess.run([image.python, "-P", "-c", imports], cwd=image.home, env=environment, check=True)


@pytest.mark.timeout(600)
def test_it_holds_what_is_pinned_and_ourselves(image: Image) -> None:
    (site,) = image.home.glob("lib/python3.*/site-packages")
    there = {d.metadata["Name"].lower().replace("_", "-").replace(".", "-"): d.version for d in _distributions(site)}
    pinned = set(re.findall(r"^([\w-]+)==(\S+)", (ROOT / "requirements/production.txt").read_text(), re.MULTILINE))
    assert there.pop("mailcall") == VERSION
    assert len(there) > 50
    assert there.items() <= pinned  # some are for other machines or Pythons
    assert {"deploy", "tests", "pip", "setuptools"} & {path.name for path in site.iterdir()} == set()


def _distributions(site: Path) -> list[Distribution]:
    from importlib.metadata import distributions

    return list(distributions(path=[str(site)]))


@pytest.mark.timeout(600)
def test_its_bill_of_materials_is_whole(image: Image) -> None:
    (site,) = image.home.glob("lib/python3.*/site-packages")
    bill = json.loads((image.home / "share/sbom/mailcall.cdx.json").read_text("utf-8"))
    assert bill["bomFormat"] == "CycloneDX"
    assert bill["metadata"]["component"]["name"] == "mailcall"
    listed = {(one["name"], one["version"]) for one in bill["components"]}
    assert listed == {(d.metadata["Name"], d.version) for d in _distributions(site)} - {("mailcall", VERSION)}


@pytest.mark.timeout(600)
def test_all_of_it_works_where_little_can_be_written(
    image: Image, kafka_bootstrap: str, topic_prefix: str, mail_host: MailHost, tmp_path: Path
) -> None:
    """From set-up to a mail that is answered, with deploy/compose-desk.yaml."""
    data, temporary = tmp_path / "data", tmp_path / "tmp"
    data.mkdir()
    temporary.mkdir()
    desk, writer = (f"{name}-{topic_prefix}@example.org" for name in ("desk", "ann"))
    for account in (desk, writer):
        mail_host.add_account(account, "s3cret")
    environment = {
        **image.environment(temporary),
        "MAILCALL_KAFKA_BOOTSTRAP_SERVERS": kafka_bootstrap,
        "MAILCALL_TOPIC_PREFIX": topic_prefix,
        "MAILCALL_DESK_URL": f"sqlite:///{data}/desk.db",
        "MAILCALL_BLOB_URL": (data / "blobs").as_uri(),
        "MAILCALL_TOKEN_KEY_FILE": str(data / "token.key"),
        "MAILCALL_WINDOW_PORT": "0",
        "DESK_MAIL_PASSWORD": "s3cret",
    }

    def run(*command: str) -> subprocess.CompletedProcess[str]:
        confined = image.confined((data, temporary), *command)
        return subprocess.run(confined, env=environment, capture_output=True, text=True, check=False)

    elsewhere = run("python", "-c", f"open({str(tmp_path / 'elsewhere')!r}, 'w')")
    assert "PermissionError" in elsewhere.stderr, "it is not confined at all"
    where = run("python", "-c", "import ingest; print(ingest.__file__)")
    assert where.stdout.startswith(str(image.home))

    settings = (ROOT / "deploy/compose-desk.yaml").read_text("utf-8").replace("host: mail", f"host: {HOST}")
    settings = settings.replace("port: 3143", f"port: {mail_host.imap_port}").replace("desk@example.org", desk)
    (data / "desk.yaml").write_text(settings.replace("port: 3025", f"port: {mail_host.smtp_port}"), "utf-8")
    for command in ("secrets make-token-key token.key", "topics create", "desk migrate", "apply desk.yaml"):
        done = run("mailcall", *command.split())
        assert done.returncode == 0, done.stderr
    with smtplib.SMTP(HOST, mail_host.smtp_port) as client:
        client.sendmail(writer, desk, f"From: {writer}\r\nTo: {desk}\r\nSubject: No light\r\n\r\nIt is dark here.\r\n")

    programs = [
        Program(
            name=stage,
            command=image.confined((data, temporary), "python", "-m", stage),
            environment={**environment, "MAILCALL_METRICS_PORT": str(port)},
            health_port=port,
        )
        for stage, port in zip(STAGES, free_ports(len(STAGES)), strict=True)
    ]
    with Supervisor(programs, tmp_path / "logs") as supervisor:
        supervisor.wait_ready()
        assert wait_until(lambda: bool(_subjects(mail_host, writer)), 60), run(
            "mailcall", "notifications", "list"
        ).stdout
        assert {stage: supervisor.restarts(stage) for stage in STAGES} == dict.fromkeys(STAGES, 0)
    (subject,) = _subjects(mail_host, writer)
    assert "C-000001" in subject
    assert "No light" in run("mailcall", "calls", "list").stdout


def _subjects(mail_host: MailHost, account: str) -> list[str]:
    with IMAPClient(HOST, mail_host.imap_port, ssl=False) as client:
        client.login(account, "s3cret")
        client.select_folder("INBOX", readonly=True)
        found = client.fetch(client.search(), ["RFC822.HEADER"])
    return [message_from_bytes(one[b"RFC822.HEADER"], policy=default)["Subject"] for one in found.values()]
