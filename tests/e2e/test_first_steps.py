"""README's first steps, to the letter: every command is typed as it stands there, in one terminal, by a new user."""

import os
import re
import shutil
import smtplib
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from email.message import EmailMessage
from pathlib import Path

import pytest

from deploy.local.packages.python_packages import fetch_production
from deploy.local.ports import HOST, wait_until
from deploy.local.servers.mail_host import MailHost
from deploy.local.servers.relay import Relay

ROOT = Path(__file__).resolve().parents[2]
SECTION = "## First steps with your own mail\n"
_YAML = re.compile(r"^ *```yaml\n(.*?)^ *```\n", re.DOTALL | re.MULTILINE)
_COMMANDS = re.compile(r"(?:^ {7}.*\n)+", re.MULTILINE)
_TYPED, _OVER = "__typed__", "__over__"
SECONDS = 90.0


def first_steps() -> tuple[list[str], str]:
    """The blocks of commands in their order, and the settings file."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    section = readme.partition(SECTION)[2].partition("\n## ")[0]
    (settings,) = _YAML.findall(section)
    blocks = [textwrap.dedent(block) for block in _COMMANDS.findall(_YAML.sub("", section))]
    return blocks, textwrap.dedent(settings)


class Terminal:
    """A shell in which one block after another is typed. It ends at the first command that fails, as a reader would."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self.type(f"trap 'kill $(jobs -p) 2>/dev/null; wait; echo {_OVER}' EXIT")

    def type(self, block: str) -> str:
        """What it prints."""
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(f"{block.rstrip()}\necho {_TYPED}\n")
        self._process.stdin.flush()
        printed: list[str] = []
        for line in self._process.stdout:
            if line.strip() == _TYPED:
                return "".join(printed)
            if line.strip() == _OVER:
                break
            printed.append(line)
        pytest.fail(f"a command of this block failed:\n{block}\nIt printed:\n{''.join(printed)}")


@contextmanager
def terminal(folder: Path, home: Path, topic_prefix: str) -> Iterator[Terminal]:
    """Of a user who has nothing but Python. Wheels take the place of the package index, which is slow to be asked.

    Modules are compiled when they are first imported: most never are.
    """
    real_home = Path.home()
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAILCALL_", "KAFKA_"))}
    environment |= {
        "HOME": str(home),
        "PATH": f"{Path(sys.base_prefix) / 'bin'}{os.pathsep}{environment['PATH']}",
        "XDG_CACHE_HOME": environment.get("XDG_CACHE_HOME", str(real_home / ".cache")),
        "XDG_CONFIG_HOME": environment.get("XDG_CONFIG_HOME", str(real_home / ".config")),
        "MAILCALL_TOPIC_PREFIX": topic_prefix,
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(fetch_production()),
        "PIP_NO_COMPILE": "0",  # it is this that pip takes for yes
    }
    environment.pop("VIRTUAL_ENV", None)
    with subprocess.Popen(
        ["bash", "-e"],
        cwd=folder,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as shell:
        yield Terminal(shell)
        assert shell.stdin
        shell.stdin.close()


def clone(folder: Path) -> Path:
    """What a clone would hold if everything were committed."""
    names = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(names, cwd=ROOT, capture_output=True, check=True).stdout.decode().split("\0")
    for name in filter(None, listed):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    return folder


def filled_in(text: str, own: Mapping[str, str]) -> str:
    """With the reader's own servers and addresses in place of the README's."""
    for example, value in own.items():
        text = text.replace(example, value)
    return text


def _at(port: int, authority: Path) -> str:
    """The fields of a server on this machine, with a certificate that nobody knows."""
    return f"host: localhost\n    port: {port}\n    security: tls\n    ca_file: {authority}"


def send(mail_host: MailHost, to: str) -> str:
    """A mail from somebody new; its subject."""
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "ursula@example.org", to, "The printer is on fire"
    mail["Message-ID"] = f"<first-steps-{to}>"
    mail.set_content("On the second floor.")
    with smtplib.SMTP(HOST, mail_host.smtp_port) as smtp:
        smtp.send_message(mail)
    return str(mail["Subject"])


@pytest.mark.timeout(900)
def test_a_new_user_gets_from_a_clone_to_the_first_call(
    kafka_bootstrap: str,
    topic_prefix: str,
    postgres_url: str,
    mail_host: MailHost,
    mail_account: tuple[str, str],
    tmp_path: Path,
) -> None:
    address, password = mail_account
    reader = f"reader-of-{address}"
    mail_host.add_account(reader, password)
    relay = Relay(mail_host, {address: password}, tmp_path / "relay")
    own = {
        "broker:9092": kafka_bootstrap,
        "postgresql+psycopg://mailcall@db/mailcall": postgres_url,
        "DESK_MAIL_PASSWORD=...": f"DESK_MAIL_PASSWORD={password}",
        "host: imap.example.org": _at(mail_host.imaps_port, mail_host.authority),
        "host: smtp.example.org\n    security: starttls": _at(relay.tls_port, relay.authority),
        "desk@example.org": address,
        "you@example.org": reader,
    }
    blocks, settings = first_steps()
    assert not [example for example in own if example not in "".join((*blocks, settings))]
    home, folder = tmp_path / "home", clone(tmp_path / "clone")
    home.mkdir()
    (folder / "desk.yaml").write_text(filled_in(settings, own), encoding="utf-8")

    with relay, terminal(folder, home, topic_prefix) as shell:
        *steps, look = (filled_in(block, own) for block in blocks)
        for step in steps:
            shell.type(step)
        subject = send(mail_host, address)
        assert wait_until(lambda: subject in shell.type(look), SECONDS)

        installed = {line.partition("==")[0].lower() for line in shell.type("pip freeze").splitlines()}
        assert {"kafka-python", "sqlalchemy"} <= installed
        assert not {"mypy", "playwright", "pytest", "ruff", "uv"} & installed
        shell.type("kill $(jobs -p); wait")

    for process in ("ingest", "resolver", "logger", "outbound"):
        log = (home / "mailcall" / f"{process}.log").read_text().splitlines()
        assert '"event": "done"' in log[-1]


def test_a_new_user_need_not_be_root_and_writes_into_the_own_directory_alone() -> None:
    typed = "\n".join(first_steps()[0])
    assert "kill $(jobs -p)" in (ROOT / "README.md").read_text()
    assert "sudo" not in typed
    assert not re.search(r"(?<![\w.$~/:])/(?!/)\w", typed)
    assert "~/mailcall" in typed
