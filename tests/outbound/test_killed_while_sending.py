"""kill -9 at each named step of a send, 120 times: nothing is lost, and nothing arrives twice that need not.

Four pipelines side by side, each with topics, database and mail servers of its own, which survive. Two of them have one
connection, so that a kill finds no other mail in flight; two have four connections at two servers. After each kill
the test looks which mails the servers took that the ledger does not know: these alone may come again.
"""

import json
import os
import re
import signal
import subprocess
import sys
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session
from kafka import TopicPartition
from sqlalchemy import select

from deploy.local.pipeline import ROOT, retry_while_starting
from deploy.local.ports import wait_until
from deploy.local.servers.broker import Broker
from deploy.local.servers.certificates import Certificates, make_certificates
from deploy.local.servers.database import Database
from deploy.local.servers.smtp_sink import SmtpSink
from desk.engine import open_desk, read_transaction
from desk.tables import deliveries
from outbound.config import OutboundConfig
from runtime.kafka.producer import Publisher
from runtime.kafka.topic_reader import read_to_end
from runtime.kafka.topic_setup import create_topics
from runtime.processing.lag import LagProbe
from schemas.events import NotificationRequested, NotificationResult
from schemas.ids import notification_id
from schemas.settings import Authentication, EmailOptions, OutgoingServer, Partition, Secret, Security, Setting
from schemas.topics import NOTIFICATION_REQUESTED, NOTIFICATION_RESULTS, SETTINGS
from schemas.wire import OutputRecord, decode, encode
from tests.conftest import delete_topics
from tests.desks import make_tables, new_database
from tests.outbound.killed_at import STEPS, Step, place_of

pytestmark = pytest.mark.timeout(600)

KILLS, PIPELINES, KINDS = 120, 4, 2  # of pipelines: with one lane, with four
PASSWORD, PASSWORD_VARIABLE = "s3cret", "TEST_SMTP_PASSWORD"
TEXT = "We have received your mail.\n" * 100
LATER, NEVER = "451 4.7.1 come again", "550 5.1.1 no such user"
_ID = re.compile(rb"\r\nX-Mailcall-Loop: ([0-9a-f]{32})\r\n")
_DATE = re.compile(rb"\r\nDate: [^\r]*\r\n")


@dataclass(frozen=True, slots=True)
class Told:
    """One notification for one recipient."""

    id: str
    recipient: str


@dataclass(frozen=True, slots=True)
class Kill:
    """What was to happen, and what was seen. `in_doubt`: taken by a server since the last kill, not in the ledger."""

    step: Step
    number: int
    exit_code: int
    in_doubt: frozenset[Told]


class Server(SmtpSink):
    """Defers each recipient `later-...` once, and refuses every `never-...`."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._deferred: set[str] = set()

    async def handle_RCPT(  # noqa: N802 (aiosmtpd's name)
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address.startswith("never-"):
            return NEVER
        if address.startswith("later-") and address not in self._deferred:
            self._deferred.add(address)
            return LATER
        return await super().handle_RCPT(server, session, envelope, address, options)

    def taken(self) -> list[tuple[Told, bytes]]:
        """Every mail of every recipient, in the order in which they came."""
        return [
            (Told(_ID.search(b"\r\n" + mail.raw)[1].decode(), recipient), mail.raw)  # type: ignore[index]
            for mail in self.messages
            for recipient in mail.recipients
        ]


class Killed:
    """`tests.outbound.killed_at` as a process of its own."""

    def __init__(self, config: OutboundConfig, log: Path) -> None:
        given = config.model_dump(include=config.model_fields_set)
        settings = {f"MAILCALL_{name.upper()}": str(value) for name, value in given.items()}
        self.log = log
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.outbound.killed_at"],
            env=os.environ | settings | {PASSWORD_VARIABLE: PASSWORD, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log.open("wb"),
            text=True,
            start_new_session=True,
        )

    def start(self, doom: tuple[str, int] | None) -> int:
        """Start outbound; its process id."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(doom) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def exit_code(self) -> int:
        """That of the process started last, once it has ended."""
        return self._answer()

    def close(self) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.communicate()

    def _answer(self) -> int:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, f"the process that starts outbound has ended, see {self.log}"
        return int(line)


@dataclass
class Sending:
    """One pipeline: what it was asked, what its servers took, when it was killed."""

    config: OutboundConfig
    servers: Sequence[Server]
    log: Path
    asked: list[Told] = field(default_factory=list)
    kills: list[Kill] = field(default_factory=list)

    @property
    def connections(self) -> int:
        return len(self.servers) * len(self.servers)  # one connection at one server, two each at two

    def run(self, plan: Sequence[tuple[Step, int]]) -> None:
        """Each kill with new mails to send; then until everything is sent."""
        with closing(Publisher(self.config)) as publisher, closing(Killed(self.config, self.log)) as killed:
            for step, number in plan:
                portion = self._portion(step)
                retry_while_starting(lambda: publisher.publish(portion))  # noqa: B023 - called at once
                before = Counter(told for told, _ in self.taken())
                for server in self.servers:
                    server.extensions = step.extensions
                killed.start((step.name, number))
                exit_code = killed.exit_code()
                for server in self.servers:
                    server.wait_until_left()
                arrived = Counter(told for told, _ in self.taken()) - before
                self.kills.append(Kill(step, number, exit_code, frozenset(arrived.keys() - self.final().keys())))
            pid = killed.start(None)
            assert wait_until(lambda: not self.open(), 50), f"still open: {self.open()[:5]}, see {self.log}"
            os.kill(pid, signal.SIGTERM)
            assert killed.exit_code() == 0

    def taken(self) -> list[tuple[Told, bytes]]:
        return [one for server in self.servers for one in server.taken()]

    def final(self) -> dict[Told, str]:
        """The outcome of what is final in the ledger."""
        engine = open_desk(self.config.desk_url)
        query = select(deliveries.c.notification_id, deliveries.c.recipient, deliveries.c.outcome)
        try:
            with read_transaction(engine) as connection:
                rows = connection.execute(query.where(deliveries.c.outcome != "deferred")).all()
        finally:
            engine.dispose()
        final = {Told(id_, recipient): outcome for id_, recipient, outcome in rows}
        assert len(final) == len(rows), "somebody has two final rows in the ledger"
        return final

    def results(self) -> list[NotificationResult]:
        records = read_to_end(self.config, [NOTIFICATION_RESULTS.name(self.config.topic_prefix)])
        return [decode(NOTIFICATION_RESULTS, record)[1] for record in records]

    def open(self) -> list[object]:
        """Whom no result tells of, and topics with records whose offsets are not committed."""
        told = {Told(one.notification_id, one.recipient) for one in self.results() if one.outcome != "deferred"}
        prefix, topic = self.config.topic_prefix, NOTIFICATION_REQUESTED
        names = (topic.name(prefix), topic.retry(prefix))
        partitions = [TopicPartition(name, number) for name in names for number in range(topic.partitions)]
        with closing(LagProbe(self.config, f"{prefix}.outbound")) as probe:
            behind = [(name, lag) for name, lag in probe.measure(partitions).items() if lag]
        return [*(one for one in self.asked if one not in told), *behind]

    def _portion(self, step: Step) -> list[OutputRecord]:
        """Asked for before each start: enough for each connection, one deferred, one refused, one to several."""
        first = len(self.asked)
        each = 6 if step.in_round else 2  # a round comes after two batches
        kinds = ["later", "never", "several", *["user"] * each * (self.connections + 1)]
        portion = [_request(kind, first + number) for number, kind in enumerate(kinds)]
        for one in portion:
            self.asked += (Told(one.notification_id, to) for to in (one.recipient, *one.cc, *one.bcc))
        return [
            encode(
                NOTIFICATION_REQUESTED, one.recipient, one,
                id=one.notification_id, source="/test", time=one.requested_at,
            )
            for one in portion
        ]  # fmt: skip


def _request(kind: str, number: int) -> NotificationRequested:
    """`several`: to three, one of whom the server defers."""
    recipient = f"{kind}-{number}@example.com"
    return NotificationRequested(
        notification_id=notification_id(recipient, "CallLogged", recipient),
        recipient=recipient,
        cc=(f"later-cc-{number}@example.com",) if kind == "several" else (),
        bcc=(f"user-bcc-{number}@example.com",) if kind == "several" else (),
        partition=("it", "hr")[number % 2],
        event="CallLogged",
        subject="Your mail",
        text=TEXT,
        requested_at=datetime.now(UTC),
    )


def plan() -> list[list[tuple[Step, int]]]:
    """What each pipeline goes through: all steps in turn. Pipelines of either kind come to a later call each time."""
    of_each_kind = ([step for step in STEPS if not step.in_round], STEPS)
    turns = range(-(-KILLS // len(of_each_kind[0])))
    rounds = [[(step, 1 + turn // KINDS % step.most) for step in of_each_kind[turn % KINDS]] for turn in turns]
    everything = [(turn, kill) for turn, one in enumerate(rounds) for kill in one][:KILLS]
    return [[kill for turn, kill in everything if turn % PIPELINES == number] for number in range(PIPELINES)]


def _log_in(_server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: object) -> AuthResult:
    return AuthResult(success=getattr(data, "password", None) == PASSWORD.encode())


@pytest.fixture(scope="module")
def sendings(broker: Broker, database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Sending]]:
    """All pipelines, with their kills behind them."""
    directory = tmp_path_factory.mktemp("killed")
    certificates = make_certificates(directory)
    with ExitStack() as stack, ThreadPoolExecutor(PIPELINES) as pool:
        sendings = []
        for number in range(PIPELINES):
            servers = [Server(**_locked(certificates)), *([Server()] if number % 2 else [])]
            config = _config(broker, stack.enter_context(_database(database)), number, len(servers))
            for server in servers:
                stack.enter_context(server)
            stack.callback(delete_topics, broker.bootstrap_servers, config.topic_prefix)
            _set_up(config, _settings(servers, certificates))
            sendings.append(Sending(config, servers, directory / f"{number}.log"))
        for running in [pool.submit(one.run, part) for one, part in zip(sendings, plan(), strict=True)]:
            running.result()
        yield sendings


def _locked(certificates: Certificates) -> dict[str, Any]:
    """A server that wants STARTTLS and a password."""
    return {
        "tls_context": certificates.context(),
        "require_starttls": True,
        "authenticator": _log_in,
        "auth_required": True,
    }


@contextmanager
def _database(database: Database) -> Iterator[str]:
    """URL of a desk's database of its own."""
    with new_database(database) as url:
        make_tables(url)
        yield url


def _config(broker: Broker, desk_url: str, number: int, servers: int) -> OutboundConfig:
    return OutboundConfig(
        kafka_bootstrap_servers=broker.bootstrap_servers,
        topic_prefix=f"killed-{number}-{uuid.uuid4().hex[:8]}",
        desk_url=desk_url,
        batch_records=4,
        commit_seconds=0,
        session_seconds=1 if broker.pid else 6,  # another's broker may not allow less
    )


def _set_up(config: OutboundConfig, settings: Sequence[OutputRecord]) -> None:
    retry_while_starting(lambda: create_topics(config))
    with closing(Publisher(config)) as publisher:
        retry_while_starting(lambda: publisher.publish(settings))


def _settings(servers: Sequence[Server], certificates: Certificates) -> list[OutputRecord]:
    first, *others = servers
    settings: list[Setting] = [
        EmailOptions(default_outgoing_server="first"),
        OutgoingServer(
            id="first",
            port=first.port,
            security=Security.STARTTLS,
            ca_file=str(certificates.authority),
            authentication=Authentication.SASL_PLAIN,
            username="desk",
            password=Secret(env=PASSWORD_VARIABLE),
            from_address="it@desk.example",
            connections=len(servers),
        ),
    ]
    for other in others:
        settings += (
            OutgoingServer(
                id="second",
                port=other.port,
                security=Security.NONE,
                from_address="hr@desk.example",
                connections=len(servers),
            ),
            Partition(
                id="hr",
                outgoing_server="second",
                impacts=("one",),
                urgencies=("usual",),
                priorities=("P3",),
                priority_matrix={"one": {"usual": "P3"}},
            ),
        )
    now = datetime.now(UTC)
    return [encode(SETTINGS, f"{one.kind}/{one.id}", one, id=one.id, source="/test", time=now) for one in settings]


def _copies(sending: Sending) -> Mapping[Told, list[bytes]]:
    copies: dict[Told, list[bytes]] = {}
    for told, raw in sending.taken():
        copies.setdefault(told, []).append(raw)
    return copies


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_a_step_is_where_the_table_says(step: Step) -> None:
    place_of(*step.place)


def test_the_document_names_the_steps() -> None:
    table = (ROOT / "docs/outgoing-mail.md").read_text("utf-8").partition("| killed after |")[2].partition("\n\n")[0]

    assert [row.split("|")[1].strip() for row in table.splitlines()[2:]] == [step.name for step in STEPS]


def test_every_kill_met_its_step(sendings: list[Sending]) -> None:
    kills = [kill for sending in sendings for kill in sending.kills]

    assert len(kills) == KILLS
    assert [(kill.step.name, kill.number) for kill in kills if kill.exit_code != -signal.SIGKILL] == []
    assert {kill.step for kill in kills} == set(STEPS)


def test_everybody_was_told_but_for_those_whom_the_server_refuses(sendings: list[Sending]) -> None:
    for sending in sendings:
        assert set(_copies(sending)) == {told for told in sending.asked if not told.recipient.startswith("never-")}


def test_a_kill_leaves_only_the_mail_in_doubt_that_it_hit_after_its_last_dot(sendings: list[Sending]) -> None:
    """Other connections may have been at that point, too: one mail each."""
    for sending in sendings:
        for kill in sending.kills:
            others = sending.connections - 1 if kill.step.in_connection else sending.connections
            mails = {told.id for told in kill.in_doubt}
            assert len(mails) <= others + kill.step.copies - 1, (kill, sending.connections)


def test_a_mail_came_again_only_after_a_kill_that_left_it_in_doubt(sendings: list[Sending]) -> None:
    for sending in sendings:
        doubts = Counter(told for kill in sending.kills for told in kill.in_doubt)
        assert {told: len(copies) - 1 for told, copies in _copies(sending).items() if len(copies) > 1} == doubts


def test_a_mail_that_came_again_was_the_same_but_for_its_date(sendings: list[Sending]) -> None:
    """To each recipient: a part of the recipients has a Message-ID of its own."""
    for sending in sendings:
        again = [copies for copies in _copies(sending).values() if len(copies) > 1]
        assert [raws for raws in again if len({_DATE.sub(b"\r\n", raw) for raw in raws}) > 1] == []


def test_a_kill_after_the_servers_reply_and_before_the_ledger_repeats_the_mail(sendings: list[Sending]) -> None:
    """So the test sees a mail that comes twice."""
    kills = [kill for sending in sendings for kill in sending.kills if kill.step.name == "250 read"]

    assert [kill for kill in kills if not kill.in_doubt] == []


def test_the_results_tell_of_each_what_the_ledger_says(sendings: list[Sending]) -> None:
    for sending in sendings:
        told: dict[Told, set[str]] = {}
        for result in sending.results():
            if result.outcome != "deferred":
                told.setdefault(Told(result.notification_id, result.recipient), set()).add(result.outcome)
        expected = {one: "failed" if one.recipient.startswith("never-") else "sent" for one in sending.asked}
        assert sending.final() == expected
        assert told == {one: {outcome} for one, outcome in expected.items()}
