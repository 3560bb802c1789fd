"""Two releases at work side by side: `python -m deploy.local.scaling.rolling_upgrade CHECKOUT` (docs/operations.md).

CHECKOUT is one of the release before, with an environment of its own (`make venv` there). Broker, PostgreSQL, mail
host, SMTP sink and two processes of every stage run on this machine, and mail comes in all the while. The release
before makes topics, tables and settings; this one migrates beneath it. Then one stage after the other is moved to the
other release, in such an order that every mixture of the two is there once, and every stage goes there and back.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

import psycopg
from imapclient import IMAPClient
from rich.console import Console

from deploy.local import NotAvailableError
from deploy.local.bench.sink import SinkProcess
from deploy.local.child import Child
from deploy.local.pipeline import PROCESSES, ROOT, token_key_file_in
from deploy.local.ports import HOST, free_port, wait_until
from deploy.local.scaling.storm_mails import SERVER, Outcome, StormMail, make_mails, outcome
from deploy.local.servers.broker import KafkaProcess
from deploy.local.servers.database import Database
from deploy.local.servers.mail_host import MailHost
from deploy.local.supervisor import interrupt_on_signals, why_not_ready
from desk.engine import open_desk, read_transaction
from runtime.config import ENV_PREFIX

BUILD = Path("build")
NEW_FIELDS = ", unproved_in_hour: 0"  # of the answers, which N-1 does not know: set by N, read by both
READY_SECONDS, GRACE_SECONDS, ANSWERED_SECONDS = 300.0, 75.0, 300.0
REPLICAS = 2
PASSWORD_VARIABLE, PASSWORD = "DESK_MAIL_PASSWORD", "s3cret-upgrade"
MAILBOX = "desk@desk.example"
LARGE_EVERY, LARGE_LINES = 25, 11_000  # every so many mails one that goes by way of the blob store
# One bit a step, so that all 16 mixtures of two releases in four stages are there once, from all N-1 back to there.
GRAY_CODE = (0, 1, 0, 2, 0, 1, 0, 3, 0, 1, 0, 2, 0, 1, 0, 3)
FLIPPED = ("outbound", "resolver", "logger", "ingest")  # stage of each bit: the first goes there and back most often
UPGRADE = ("logger", "resolver", "outbound", "ingest")  # the order of docs/operations.md
SETTINGS = f"""
partitions:
  - {{id: desk, impacts: [one], urgencies: [usual], priorities: [P3], priority_matrix: {{one: {{usual: P3}}}}}}
call_templates:
  - {{id: mail, partition: desk, impact: one, urgency: usual}}
incoming_servers:
  - id: {SERVER}
    protocol: imap
    host: {HOST}
    port: IMAP_PORT
    security: none
    allow_password_in_clear: true
    username: {MAILBOX}
    password: {{env: {PASSWORD_VARIABLE}}}
    call_template: mail
    default_logging_analyst: analyst
    start_from: beginning
    after_fetch: delete
    floods: {{per_sender: 0, per_sender_and_item: 0}}
outgoing_servers:
  - {{id: sink, host: {HOST}, port: SINK_PORT, security: none, authentication: none, from_address: {MAILBOX}}}
email_options:
  default_outgoing_server: sink
  answers: {{per_sender_and_item: 0, per_sender_and_hour: 0, all_in_ten_minutes: 0NEW}}
persons:
  - {{id: analyst, last_name: Analyst, addresses: [analyst@desk.example], is_analyst: true}}
"""


@dataclass(frozen=True, slots=True)
class Release:
    """A checkout with its environment."""

    name: str
    root: Path

    def command(self, *words: str) -> list[str]:
        """Python there, run in its root, so that its own packages are imported."""
        return ["env", f"--chdir={self.root}", str(self.root / ".venv/bin/python"), *words]


class Mails:
    """A thread that puts mails into the mailbox, so many a second, from the beginning to the end of its block."""

    def __init__(self, imap_port: int, per_second: float) -> None:
        self._imap_port, self._pause = imap_port, 1 / per_second
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._send, name="mails", daemon=True)
        self.sent: list[StormMail] = []

    def _send(self) -> None:
        with IMAPClient(HOST, self._imap_port, ssl=False) as client:
            client.login(MAILBOX, PASSWORD)
            for mail in make_mails(range(sys.maxsize)):
                raw = mail.raw
                if mail.number % LARGE_EVERY == 0:
                    raw += b"\r\n" + (b"and on " * 10 + b"\r\n") * LARGE_LINES
                client.append("INBOX", raw)
                self.sent.append(StormMail(mail.number, mail.sender, raw))
                if self._ended.wait(self._pause):
                    return

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()


class Stages:
    """Two processes of each stage, all of the first release until they are moved. Ended at the end of the stack."""

    def __init__(self, release: Release, environment: Mapping[str, str], logs: Path, stack: ExitStack) -> None:
        self._environment, self._logs = environment, logs
        self._started = 0
        self.release = dict.fromkeys(PROCESSES, release)
        self._children = {stage: [self._start(stage) for _ in range(REPLICAS)] for stage in PROCESSES}
        stack.callback(self._stop)
        for stage, children in self._children.items():
            for child, port in children:
                self._wait_ready(stage, child, port)

    def move(self, stage: str, release: Release) -> None:
        """One process after the other, the first one killed. Outbound is not: a mail that was just sent would be sent
        again then (docs/outgoing-mail.md).
        """
        self.release[stage] = release
        for number, (old, _) in enumerate(self._children[stage]):
            if number == 0 and stage != "outbound" and old.pid:
                os.kill(old.pid, signal.SIGKILL)
            old.stop(GRACE_SECONDS)
            child, port = self._start(stage)
            self._children[stage][number] = (child, port)
            self._wait_ready(stage, child, port)

    def look(self) -> None:
        """Raises `NotAvailableError` where one has ended by itself."""
        for child, _ in (one for children in self._children.values() for one in children):
            if child.pid is None:
                raise NotAvailableError(f"{child.name} has ended; {child.log} ends:\n{child.log_tail()}")

    def _start(self, stage: str) -> tuple[Child, int]:
        self._started += 1
        port = free_port()
        name = f"{self._started:03d}-{stage}-{self.release[stage].name}"
        child = Child(
            name,
            self.release[stage].command("-m", stage),
            log=self._logs / f"{name}.log",
            environment={**self._environment, f"{ENV_PREFIX}METRICS_PORT": str(port)},
        )
        child.start()
        return child, port

    def _wait_ready(self, stage: str, child: Child, port: int) -> None:
        wait_until(lambda: child.pid is None or not why_not_ready(port), READY_SECONDS)
        if child.pid is None or why_not_ready(port):
            raise NotAvailableError(f"{stage} is not ready; {child.log} ends:\n{child.log_tail()}")

    def _stop(self) -> None:
        for child, _ in (one for children in self._children.values() for one in children):
            child.stop(GRACE_SECONDS)


def steps(old: Release, new: Release) -> Iterator[tuple[str, Release]]:
    """Which stage is moved to which release, one after the other; at the end all are of the new one."""
    now = dict.fromkeys(PROCESSES, old)
    for stage in (*(FLIPPED[bit] for bit in GRAY_CODE), *UPGRADE):
        now[stage] = new if now[stage] is old else old
        yield stage, now[stage]


def run(directory: Path, old: Release, new: Release, per_second: float, say: Callable[[str], None]) -> Outcome:
    with ExitStack() as stack:
        broker, database = KafkaProcess(directory / "broker", options=(), heap_mb=512), Database(durable=True)
        mail_host = MailHost({MAILBOX: PASSWORD})
        stack.enter_context(broker)
        stack.enter_context(closing(database))
        stack.enter_context(mail_host)
        sink = stack.enter_context(SinkProcess())
        database.start()
        with psycopg.connect(database.dsn(), autocommit=True) as connection:
            connection.execute("CREATE DATABASE upgrade")
        settings = {
            "KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap_servers,
            "TOPIC_PREFIX": "upgrade",
            "DESK_URL": database.url("upgrade"),
            "BLOB_URL": (directory / "blobs").absolute().as_uri(),
            "TOKEN_KEY_FILE": str(token_key_file_in(directory)),
        }
        environment = {name: value for name, value in os.environ.items() if not name.startswith(ENV_PREFIX)}
        environment |= {f"{ENV_PREFIX}{name}": value for name, value in settings.items()}
        environment[PASSWORD_VARIABLE] = PASSWORD

        def mailcall(release: Release, *words: str) -> str:
            command = [str(release.root / ".venv/bin/mailcall"), *words]
            done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
            if done.returncode:
                raise NotAvailableError(f"mailcall {' '.join(words)}, {release.name}: {done.stdout}{done.stderr}")
            return done.stdout

        def apply(release: Release, fields: str) -> None:
            text = SETTINGS.replace("IMAP_PORT", str(mail_host.imap_port)).replace("SINK_PORT", str(sink.port))
            file = (directory / "desk.yaml").absolute()
            file.write_text(text.replace("NEW", fields), "utf-8")
            mailcall(release, "apply", str(file))

        mailcall(old, "topics", "create")
        stages = Stages(old, environment, directory / "logs", stack)
        apply(old, "")
        with Mails(mail_host.imap_port, per_second) as mails:

            def answered() -> None:
                """Until what comes from now on is: it has gone through this mixture from one end to the other."""
                wanted = len(mails.sent) + 1
                came = wait_until(lambda: sink.count() >= wanted, ANSWERED_SECONDS)
                stages.look()
                if not came:
                    raise NotAvailableError(f"{len(mails.sent)} mails, {sink.count()} answers after a long while")

            answered()
            say(f"all of {old.name}, {len(mails.sent)} mails so far; now this release migrates")
            mailcall(new, "topics", "create")
            mailcall(new, "desk", "migrate")
            apply(new, NEW_FIELDS)
            answered()
            for stage, release in steps(old, new):
                began = time.monotonic()
                stages.move(stage, release)
                answered()
                mixture = " ".join(f"{one}:{of.name}" for one, of in stages.release.items())
                say(f"{mixture}  {time.monotonic() - began:.0f} s, {len(mails.sent)} mails, {sink.count()} answers")
        wait_until(lambda: sink.count() >= len(mails.sent), ANSWERED_SECONDS)
        say(mailcall(new, "reconcile", "--wait", "60"))
        say(mailcall(new, "dead-letters", "list"))
        engine = open_desk(environment[f"{ENV_PREFIX}DESK_URL"])
        stack.callback(engine.dispose)
        with read_transaction(engine) as connection_:
            return outcome(connection_, sink.answers(), mails.sent)


def main(argv: Sequence[str] | None = None) -> int:
    """Exit 0 when nothing was lost, handled twice, or overtook one of its sender, else 1."""
    parser = argparse.ArgumentParser(
        "python -m deploy.local.scaling.rolling_upgrade", description="Two releases side by side."
    )
    parser.add_argument("checkout", type=Path, help="of the release before, with its .venv")
    parser.add_argument("--per-second", type=float, default=8.0, help="mails that come in")
    options = parser.parse_args(argv)
    console, directory = Console(), BUILD / "upgrade"
    shutil.rmtree(directory, ignore_errors=True)
    interrupt_on_signals()
    old, new = Release("N-1", options.checkout.absolute()), Release("N", ROOT)
    try:
        ended = run(directory, old, new, options.per_second, lambda text: console.print(text, highlight=False))
    except NotAvailableError as error:
        console.print(str(error), markup=False, highlight=False)
        return 1
    except KeyboardInterrupt:
        return 130
    console.print(", ".join(f"{name.replace('_', ' ')} {count}" for name, count in asdict(ended).items()))
    return 0 if ended.ok else 1


if __name__ == "__main__":
    raise SystemExit(main())
