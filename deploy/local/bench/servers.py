"""What the benchmark starts beside the pipeline, and its desk: one partition, one mailbox, answers to a sink."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import psycopg

from console.settings.settings_file import SettingsFile
from deploy.local.bench.broker_requests import CountingBroker
from deploy.local.bench.mail_host import BenchMailHost
from deploy.local.bench.mails import SENDERS, BenchMail, sender_address
from deploy.local.bench.sink import SinkProcess
from deploy.local.bench.sql_statements import count_from_next_start
from deploy.local.servers.database import Database
from schemas import ids
from schemas.addresses import normalise
from schemas.persons import Person
from schemas.settings import (
    Authentication,
    CallTemplate,
    EmailOptions,
    IncomingServer,
    OutgoingServer,
    Partition,
    Secret,
    Security,
    Setting,
)
from schemas.settings.notification_rules import AutoReplyLimits, NotificationRule
from schemas.tokens import TokenKeys

DATABASE = "bench"
ANY_NUMBER = AutoReplyLimits(per_sender_and_item=0, per_sender_and_hour=0, all_in_ten_minutes=0, unproved_in_hour=0)
DESK_DOMAIN = "desk.example"
PASSWORD_VARIABLE, PASSWORD = "MAILCALL_BENCH_PASSWORD", "s3cret-bench"
KNOWN_SHARE = 2 / 3  # of the senders; the others become new persons


@dataclass(frozen=True)
class BenchServers:
    """The broker, which serves all builds that are measured, and what serves this one alone."""

    broker: CountingBroker
    database: Database
    mail_host: BenchMailHost
    sink: SinkProcess

    @property
    def pids(self) -> dict[str, int]:
        shared = {"broker": self.broker.pid} if self.broker.pid is not None else {}
        return {**shared, **self.own_pids}

    @property
    def own_pids(self) -> dict[str, int]:
        running = {
            "database": self.database.pid,
            "mail_host": self.mail_host.pid,
            "sink": self.sink.pid,
        }
        return {name: pid for name, pid in running.items() if pid is not None}


def server_id(number: int) -> str:
    """Of the incoming server with that number, from 0. Its mailbox is `mailbox(number)`."""
    return f"measured-{number}"


def mailbox(number: int) -> str:
    return f"help-{number}@{DESK_DOMAIN}"


def start_broker(directory: Path, stack: ExitStack) -> CountingBroker:
    """It is stopped at the end of the stack."""
    return stack.enter_context(CountingBroker(directory / "broker"))


def start_servers(broker: CountingBroker, stack: ExitStack, mailboxes: int) -> BenchServers:
    """What serves one build, beside that broker; each is stopped at the end of the stack."""
    servers = BenchServers(
        broker=broker,
        database=Database(durable=True),
        mail_host=stack.enter_context(BenchMailHost([mailbox(number) for number in range(mailboxes)])),
        sink=stack.enter_context(SinkProcess()),
    )
    stack.callback(servers.database.close)
    _start_database(servers.database)
    return servers


def _start_database(database: Database) -> None:
    """It keeps the time of each commit, one end of the latency that is measured, and counts its statements."""
    database.start()
    with psycopg.connect(database.dsn(), autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET track_commit_timestamp = on")
        connection.execute(f"CREATE DATABASE {DATABASE}")
        count_from_next_start(connection)
    database.stop()
    database.start()


def acknowledgement(server_id: str, mail: BenchMail) -> str:
    """Notification id of the answer to a mail that logs a call at that incoming server."""
    return ids.notification_id(ids.mail_id(server_id, mail.raw), "CallLogged", normalise(mail.sender))


def acknowledgement_id(server_id: str, token_keys: TokenKeys, at: datetime, mail: BenchMail) -> str:
    """Message-ID of that answer, signed as if it had been asked for at `at`."""
    return ids.message_id(token_keys.sign(acknowledgement(server_id, mail), at, mail.sender), DESK_DOMAIN)


def bench_settings(servers: BenchServers, mailboxes: int) -> SettingsFile:
    """The benchmark's desk."""
    sink = OutgoingServer(
        id="sink",
        host=servers.sink.host,
        port=servers.sink.port,
        security=Security.NONE,
        authentication=Authentication.NONE,
        from_address=f"desk@{DESK_DOMAIN}",
    )
    users = [
        Person(id=f"user-{number}", last_name=f"User {number}", addresses=(sender_address(number),), is_user=True)
        for number in range(int(SENDERS * KNOWN_SHARE))
    ]
    options = EmailOptions(default_outgoing_server=sink.id, answers=ANY_NUMBER)
    return desk_settings([options, sink, *(_incoming(servers.mail_host, number) for number in range(mailboxes))], users)


def desk_settings(settings: Sequence[Setting], users: Sequence[Person] = ()) -> SettingsFile:
    """A desk of one partition, one call template `mail` and one person `analyst`, with these settings and persons.

    Each mail is acknowledged, however many come, and nobody else is notified of it.
    """
    everything = [_PARTITION, _TEMPLATE, *_ANSWERS_ONLY, *settings]
    return SettingsFile(
        name="benchmark",
        settings={f"{setting.kind}/{setting.id}": setting for setting in everything},
        persons={person.id: person for person in (_ANALYST, *users)},
    )


def _incoming(mail_host: BenchMailHost, number: int) -> IncomingServer:
    return IncomingServer(
        id=server_id(number),
        protocol="imap",
        host=mail_host.host,
        port=mail_host.imap_port,
        security=Security.NONE,
        username=mailbox(number),
        password=Secret(env=PASSWORD_VARIABLE),
        start_from="beginning",
        call_template="mail",
        default_logging_analyst="analyst",
    )


_PARTITION = Partition(
    id="desk", impacts=("one",), urgencies=("usual",), priorities=("P3",), priority_matrix={"one": {"usual": "P3"}}
)
_TEMPLATE = CallTemplate(id="mail", partition="desk", impact="one", urgency="usual")
_ANSWERS_ONLY = (
    EmailOptions(answers=ANY_NUMBER),
    NotificationRule(id="updates", event="CallUpdated", tell=("author",)),
)
_ANALYST = Person(id="analyst", last_name="Analyst", addresses=("analyst@desk.example",), is_analyst=True)
