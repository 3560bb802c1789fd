"""On a real broker, while a server goes away and comes back and a process is killed: mails keep their order."""

import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from email import message_from_bytes
from itertools import pairwise
from pathlib import Path

import pytest
from sqlalchemy import Select, func, select

from deploy.local.pipeline import retry_while_starting
from deploy.local.ports import free_port, wait_until
from deploy.local.servers.smtp_sink import CapturedMail, SmtpSink
from desk.engine import open_desk, read_transaction
from desk.tables import deferred_notifications, deliveries
from outbound.config import OutboundConfig
from runtime.kafka.producer import Publisher
from runtime.kafka.topic_setup import create_topics
from schemas.events import NotificationRequested
from schemas.ids import notification_id
from schemas.settings import EmailOptions, OutgoingServer
from schemas.topics import NOTIFICATION_REQUESTED, SETTINGS
from schemas.wire import OutputRecord, encode
from tests.desks import new_desk

MAILS = 300
RECIPIENTS = 5
PROCESSES = 2
ROOT = Path(__file__).parents[2]

MakeRequest = Callable[..., NotificationRequested]
MakeServer = Callable[..., OutgoingServer]


@pytest.fixture
def config(kafka_bootstrap: str, topic_prefix: str, tmp_path: Path) -> OutboundConfig:
    config = OutboundConfig(
        kafka_bootstrap_servers=kafka_bootstrap,
        topic_prefix=topic_prefix,
        desk_url=new_desk(tmp_path / "desk.db"),
        batch_records=20,
        session_seconds=6,
    )
    retry_while_starting(lambda: create_topics(config))
    return config


@contextmanager
def _running(config: OutboundConfig) -> Iterator[Sequence[subprocess.Popen[bytes]]]:
    names = ("kafka_bootstrap_servers", "topic_prefix", "desk_url", "batch_records", "session_seconds")
    settings = {f"MAILCALL_{name.upper()}": str(getattr(config, name)) for name in names}
    environment = os.environ | settings | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "tests.outbound.with_short_waits"]
    processes = [subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) for _ in range(PROCESSES)]
    try:
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.wait()


def _number(mail: CapturedMail) -> int:
    return int(str(message_from_bytes(mail.raw)["Subject"]).rpartition("no. ")[2])


def _inversions(mails: Sequence[CapturedMail]) -> list[tuple[str, int, int]]:
    """Neighbours of one recipient that came the wrong way round, each mail counted when it first came."""
    numbers: dict[str, list[int]] = defaultdict(list)
    for mail in mails:
        if _number(mail) not in numbers[mail.recipients[0]]:
            numbers[mail.recipients[0]].append(_number(mail))
    return [(to, first, then) for to, came in numbers.items() for first, then in pairwise(came) if first > then]


@pytest.mark.timeout(420)
def test_neither_an_outage_of_the_server_nor_a_kill_turns_mails_of_a_recipient_round(
    config: OutboundConfig, publisher: Publisher, make_request: MakeRequest, make_server: MakeServer
) -> None:
    port, now = free_port(), datetime.now(UTC)
    settings = (make_server(port=port, connections=2), EmailOptions(default_outgoing_server="it-out"))
    retry_while_starting(
        lambda: publisher.publish(
            [encode(SETTINGS, f"{one.kind}/{one.id}", one, id=one.id, source="/test", time=now) for one in settings]
        )
    )

    def ask(numbers: range) -> None:
        requests = [
            make_request(
                notification_id=notification_id(f"cause-{n}", "CallLogged", "x"),
                recipient=f"user-{n % RECIPIENTS}@example.com",
                subject=f"no. {n}",
                text="Hello",
                data={},
                requested_at=datetime.now(UTC),
            )
            for n in numbers
        ]
        retry_while_starting(lambda: publisher.publish(list(map(_requested, requests))))

    with _running(config) as processes:
        with SmtpSink(port) as before:
            ask(range(20))
            before.wait_for(20, 60)
            ask(range(20, 100))
            before.wait_for(40, 60)
        ask(range(100, 200))
        tried_again = select(func.count()).select_from(deliveries).where(deliveries.c.attempt > 1)
        assert wait_until(lambda: _count(config, tried_again) >= RECIPIENTS, 60)
        with SmtpSink(port) as after:
            for start in range(200, MAILS, 20):  # while it comes back
                ask(range(start, start + 20))
            processes[0].kill()
            every = set(range(MAILS))
            after.wait_until(lambda mails: {*map(_number, before.messages), *map(_number, mails)} == every, 180)
            still_waiting = select(func.count()).select_from(deferred_notifications)
            # Its server still up: what the killed process sent and did not record is sent once more.
            assert wait_until(lambda: _count(config, still_waiting) == 0, 180)
            mails = (*before.messages, *after.messages)
        assert [process.poll() for process in processes[1:]] == [None] * (PROCESSES - 1)

    assert len(before.messages) < MAILS - 100, "the outage came too late to show anything"
    assert _inversions(mails) == []


def _count(config: OutboundConfig, query: Select[int]) -> int:
    engine = open_desk(config.desk_url)
    with read_transaction(engine) as connection:
        count = int(connection.execute(query).scalar_one())
    engine.dispose()
    return count


def _requested(request: NotificationRequested) -> OutputRecord:
    return encode(
        NOTIFICATION_REQUESTED, request.recipient, request, id=request.notification_id, source="/test",
        time=request.requested_at,
    )  # fmt: skip
