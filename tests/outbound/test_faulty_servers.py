"""Servers that do everything wrong beside a healthy one: its mail is not slowed, nothing is lost or comes twice."""

import os
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session

from deploy.local.servers.smtp_sink import SmtpSink
from desk.engine import open_desk
from desk.migrate import upgrade
from outbound.config import OutboundConfig
from runtime.kafka.producer import Publisher
from runtime.kafka.topic_reader import read_to_end
from runtime.kafka.topic_setup import create_topics
from schemas.events import NotificationRequested, NotificationResult
from schemas.ids import notification_id
from schemas.settings import EmailOptions, OutgoingServer, Partition, Setting
from schemas.topics import NOTIFICATION_REQUESTED, NOTIFICATION_RESULTS, SETTINGS
from schemas.wire import OutputRecord, decode, encode
from tests.outbound.faulty_server import FAULTS, FaultyServer
from tests.outbound.test_outbound_process import _patiently

pytestmark = [pytest.mark.timeout(240), pytest.mark.alone]
MakeServer = Callable[..., OutgoingServer]

MAILS = 60  # a round, to the healthy server
EVERY = 0.02  # seconds between two of them
ROUNDS = 3
EACH = 6  # a round, to each faulty server
PATIENCE = 2  # seconds until a server that stalls is given up: whoever has to wait for one waits at least so long
LEAVING_DOUBT = ("drops after the last dot", "drops after the chunk")  # it had them; nobody could know
REFUSING = ("refuses recipients", "refuses mails")


class TimedSink(SmtpSink):
    """Knows when the mail of each recipient came."""

    def __init__(self) -> None:
        super().__init__()
        self.came: dict[str, float] = {}

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        self.came.update(dict.fromkeys(envelope.rcpt_tos, time.monotonic()))
        return await super().handle_DATA(server, session, envelope)


@dataclass
class Running:
    """One outbound process, a healthy server and the faulty ones."""

    config: OutboundConfig
    healthy: TimedSink
    faulty: Sequence[FaultyServer]
    asked_at: dict[str, float] = field(default_factory=dict)
    asked: dict[str, list[str]] = field(default_factory=dict)  # fault -> recipients

    def round(self, name: str) -> list[float]:
        """Seconds from being asked for to arriving, of each mail to the healthy server; the others get theirs."""
        others = threading.Thread(target=self._ask_the_others, args=(name,))
        others.start()
        recipients = [f"{name}-{number}@healthy.example" for number in range(MAILS)]
        with closing(Publisher(self.config)) as publisher:
            publisher.publish([_request(f"{name}-first@healthy.example", "healthy")])  # it connects: not measured
            for recipient in recipients:
                self.asked_at[recipient] = time.monotonic()
                publisher.publish([_request(recipient, "healthy")])
                time.sleep(EVERY)
        others.join()
        _until(lambda: self.healthy.came.keys() >= set(recipients), 30, "the healthy server's mail")
        return [self.healthy.came[one] - self.asked_at[one] for one in recipients]

    def _ask_the_others(self, name: str) -> None:
        with closing(Publisher(self.config)) as publisher:
            for number in range(EACH):
                for index, server in enumerate(self.faulty):
                    recipient = f"{name}-{number}@fault{index}.example"
                    self.asked.setdefault(server.fault, []).append(recipient)
                    publisher.publish([_request(recipient, f"fault{index}")])
                time.sleep(MAILS * EVERY / EACH / 2)

    def results(self) -> dict[str, list[NotificationResult]]:
        """By recipient."""
        found: dict[str, list[NotificationResult]] = {}
        for record in read_to_end(self.config, [NOTIFICATION_RESULTS.name(self.config.topic_prefix)]):
            result: NotificationResult = decode(NOTIFICATION_RESULTS, record)[1]
            found.setdefault(result.recipient, []).append(result)
        return found

    def open(self) -> list[str]:
        """Recipients of whom nothing final is told yet."""
        results = self.results()
        everybody = [*self.asked_at, *(one for many in self.asked.values() for one in many)]
        return [one for one in everybody if not any(two.outcome != "deferred" for two in results.get(one, ()))]


@pytest.fixture
def running(kafka_bootstrap: str, topic_prefix: str, postgres_url: str, make_server: MakeServer) -> Iterator[Running]:
    config = OutboundConfig(kafka_bootstrap_servers=kafka_bootstrap, topic_prefix=topic_prefix, desk_url=postgres_url)
    _patiently(lambda: create_topics(config))
    engine = open_desk(config.desk_url)
    upgrade(engine)
    engine.dispose()
    with ExitStack() as stack:
        healthy = stack.enter_context(TimedSink())
        faulty = [stack.enter_context(FaultyServer(fault)) for fault in FAULTS]
        ports = {"healthy": healthy.port, **{f"fault{index}": one.port for index, one in enumerate(faulty)}}
        settings = [one for id_, port in ports.items() for one in _of_partition(id_, port, make_server)]
        with closing(Publisher(config)) as publisher:
            _patiently(lambda: publisher.publish([_setting(one) for one in [EmailOptions(), *settings]]))
        process = _start(config)
        try:
            yield Running(config, healthy, faulty)
        finally:
            process.terminate()
            process.wait(30)


def test_the_healthy_servers_mail_waits_for_no_other_and_nothing_is_lost_or_comes_twice(running: Running) -> None:
    running.round("warm-up")
    all_well = [seconds for number in range(ROUNDS) for seconds in running.round(f"well{number}")]
    for server in running.faulty:
        server.spoil()
    beside = [seconds for number in range(ROUNDS) for seconds in running.round(f"beside{number}")]
    p99 = [statistics.quantiles(times, n=100)[98] for times in (all_well, beside)]
    sys.stdout.write(f"p99: {p99[0]:.3f} s with all servers well, {p99[1]:.3f} s beside faulty ones\n")

    for server in running.faulty:
        server.mend()
    _until(lambda: not running.open(), 60, "what became of every mail")

    results = running.results()
    for server in running.faulty:
        asked = [one for one in running.asked[server.fault] if one.startswith("beside")]
        outcomes = {one: {two.outcome for two in results[one]} - {"deferred"} for one in asked}
        taken = Counter(one for one in server.taken if one.startswith("beside"))
        if server.fault in REFUSING:
            assert {frozenset(one) for one in outcomes.values()} == {frozenset({"failed"})}, server.fault
            continue
        assert {frozenset(one) for one in outcomes.values()} == {frozenset({"sent"})}, server.fault
        assert set(taken) == set(asked), server.fault
        if server.fault not in LEAVING_DOUBT:
            assert max(taken.values()) == 1, server.fault
    assert max(Counter(one for mail in running.healthy.messages for one in mail.recipients).values()) == 1
    assert max(beside) < PATIENCE, "a mail to the healthy server waited for another one"


def _of_partition(id_: str, port: int, make_server: MakeServer) -> tuple[Setting, Setting]:
    server = make_server(id=id_, port=port, timeout_seconds=PATIENCE)
    return server, Partition(
        id=id_, outgoing_server=id_, impacts=("a",), urgencies=("b",), priorities=("P1",),
        priority_matrix={"a": {"b": "P1"}},
    )  # fmt: skip


def _setting(setting: Setting) -> OutputRecord:
    key = f"{setting.kind}/{setting.id}"
    return encode(SETTINGS, key, setting, id=key, source="/test", time=datetime.now(UTC))


def _request(recipient: str, partition: str) -> OutputRecord:
    now = datetime.now(UTC)
    request = NotificationRequested(
        notification_id=notification_id(recipient, "CallLogged", recipient), recipient=recipient, event="CallLogged",
        partition=partition, data={"reference": "C-000123"}, requested_at=now,
    )  # fmt: skip
    return encode(NOTIFICATION_REQUESTED, recipient, request, id=request.notification_id, source="/test", time=now)


def _start(config: OutboundConfig) -> subprocess.Popen[bytes]:
    names = ("kafka_bootstrap_servers", "topic_prefix", "desk_url")
    environment = os.environ | {f"MAILCALL_{name.upper()}": str(getattr(config, name)) for name in names}
    command = [sys.executable, "-m", "tests.outbound.with_short_waits"]
    return subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)


def _until(met: Callable[[], bool], seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not met():
        assert time.monotonic() < deadline, f"{what}: not within {seconds:.0f} s"
        time.sleep(0.1)
