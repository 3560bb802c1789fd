"""Two releases at work side by side (docs/operations.md):

    python -m deploy.local.scaling.rolling_upgrade CHECKOUT

CHECKOUT is one of the release before, with an environment of its own (`make venv` there). Broker, PostgreSQL, mail
host, SMTP sink and two processes of every stage run on this machine, and mail comes in all the while. The release
before makes topics, tables and settings; this one migrates beneath it. Then one stage after the other is moved to the
other release, in such an order that every mixture of the two is there once, and every stage goes there and back.
"""

import argparse
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import asdict
from pathlib import Path

import psycopg
from rich.console import Console

from deploy.local import NotAvailableError
from deploy.local.bench.sink import SinkProcess
from deploy.local.pipeline import PROCESSES, ROOT, token_key_file_in
from deploy.local.ports import HOST, wait_until
from deploy.local.scaling.storm_mails import SERVER
from deploy.local.scaling.storm_result import Outcome, outcome
from deploy.local.scaling.upgrade_stages import MAILBOX, PASSWORD, PASSWORD_VARIABLE, Mails, Release, Stages
from deploy.local.servers.broker import KafkaProcess
from deploy.local.servers.database import Database
from deploy.local.servers.mail_host import MailHost
from deploy.local.supervisor import interrupt_on_signals
from desk.engine import open_desk, read_transaction
from runtime.config import ENV_PREFIX

BUILD = Path("build")
NEW_FIELDS = ", unproved_in_hour: 0"  # of the answers, which N-1 does not know: set by N, read by both
ANSWERED_SECONDS = 300.0
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


def steps(old: Release, new: Release) -> Iterator[tuple[str, Release]]:
    """Which stage is moved to which release, one after the other; at the end all are of the new one."""
    now = dict.fromkeys(PROCESSES, old)
    for stage in (*(FLIPPED[bit] for bit in GRAY_CODE), *UPGRADE):
        now[stage] = new if now[stage] is old else old
        yield stage, now[stage]


class Upgrade:
    """Broker, PostgreSQL, mail host and sink, and `mailcall` of either release at them. Ended with the stack."""

    def __init__(self, directory: Path, stack: ExitStack, say: Callable[[str], None]) -> None:
        self._directory, self._stack, self._say = directory, stack, say
        broker, database = KafkaProcess(directory / "broker", options=(), heap_mb=512), Database(durable=True)
        self._mail_host = MailHost({MAILBOX: PASSWORD})
        stack.enter_context(broker)
        stack.enter_context(closing(database))
        stack.enter_context(self._mail_host)
        self._sink = stack.enter_context(SinkProcess())
        database.start()
        with psycopg.connect(database.dsn(), autocommit=True) as connection:
            connection.execute("CREATE DATABASE upgrade")
        self._desk_url = database.url("upgrade")
        self._environment = self._environment_with(
            {
                "KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap_servers,
                "TOPIC_PREFIX": "upgrade",
                "DESK_URL": self._desk_url,
                "BLOB_URL": (directory / "blobs").absolute().as_uri(),
                "TOKEN_KEY_FILE": str(token_key_file_in(directory)),
            }
        )

    def run(self, old: Release, new: Release, per_second: float) -> Outcome:
        """Every mixture of the two releases, with mails coming in meanwhile. Raises `NotAvailableError`."""
        self._mailcall(old, "topics", "create")
        stages = Stages(old, self._environment, self._directory / "logs", self._stack)
        self._apply(old, "")
        with Mails(self._mail_host.imap_port, per_second) as mails:
            self._wait_for_answers(mails, stages)
            self._say(f"all of {old.name}, {len(mails.sent)} mails so far; now this release migrates")
            self._mailcall(new, "topics", "create")
            self._mailcall(new, "desk", "migrate")
            self._apply(new, NEW_FIELDS)
            self._wait_for_answers(mails, stages)
            for stage, release in steps(old, new):
                began = time.monotonic()
                stages.move(stage, release)
                self._wait_for_answers(mails, stages)
                mixture = " ".join(f"{name}:{of.name}" for name, of in stages.release.items())
                seconds = time.monotonic() - began
                self._say(f"{mixture}  {seconds:.0f} s, {len(mails.sent)} mails, {self._sink.count()} answers")
        wait_until(lambda: self._sink.count() >= len(mails.sent), ANSWERED_SECONDS)
        self._say(self._mailcall(new, "reconcile", "--wait", "60"))
        self._say(self._mailcall(new, "dead-letters", "list"))
        engine = open_desk(self._desk_url)
        self._stack.callback(engine.dispose)
        with read_transaction(engine) as connection:
            return outcome(connection, self._sink.answers(), mails.sent)

    def _environment_with(self, settings: Mapping[str, str]) -> dict[str, str]:
        environment = {name: value for name, value in os.environ.items() if not name.startswith(ENV_PREFIX)}
        environment |= {f"{ENV_PREFIX}{name}": value for name, value in settings.items()}
        return {**environment, PASSWORD_VARIABLE: PASSWORD}

    def _mailcall(self, release: Release, *words: str) -> str:
        command = [str(release.root / ".venv/bin/mailcall"), *words]
        done = subprocess.run(command, env=self._environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise NotAvailableError(f"mailcall {' '.join(words)}, {release.name}: {done.stdout}{done.stderr}")
        return done.stdout

    def _apply(self, release: Release, fields: str) -> None:
        text = SETTINGS.replace("IMAP_PORT", str(self._mail_host.imap_port)).replace("SINK_PORT", str(self._sink.port))
        file = (self._directory / "desk.yaml").absolute()
        file.write_text(text.replace("NEW", fields), "utf-8")
        self._mailcall(release, "apply", str(file))

    def _wait_for_answers(self, mails: Mails, stages: Stages) -> None:
        """Until a mail that is sent from now on is answered: it has gone through this mixture from end to end."""
        wanted = len(mails.sent) + 1
        came = wait_until(lambda: self._sink.count() >= wanted, ANSWERED_SECONDS)
        stages.look()
        if not came:
            raise NotAvailableError(f"{len(mails.sent)} mails, {self._sink.count()} answers after a long while")


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
        with ExitStack() as stack:
            upgrade = Upgrade(directory, stack, lambda text: console.print(text, highlight=False))
            ended = upgrade.run(old, new, options.per_second)
    except NotAvailableError as error:
        console.print(str(error), markup=False, highlight=False)
        return 1
    except KeyboardInterrupt:
        return 130
    console.print(", ".join(f"{name.replace('_', ' ')} {count}" for name, count in asdict(ended).items()))
    return 0 if ended.ok else 1


if __name__ == "__main__":
    raise SystemExit(main())
