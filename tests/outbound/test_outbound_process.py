"""`python -m outbound` on a real broker: killed and started again, it sends every mail and tells what became of it."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from email import message_from_bytes
from pathlib import Path

import pytest

from deploy.local.servers.smtp_sink import SmtpSink
from desk.engine import open_desk
from desk.migrate import upgrade
from outbound.config import OutboundConfig
from runtime.kafka.producer import Publisher
from runtime.kafka.topic_reader import read_to_end
from runtime.kafka.topic_setup import create_topics
from runtime.outages import OutageError
from schemas.events import NotificationRequested, NotificationResult
from schemas.ids import notification_id
from schemas.settings import EmailOptions, OutgoingServer
from schemas.topics import NOTIFICATION_REQUESTED, NOTIFICATION_RESULTS, SETTINGS
from schemas.wire import OutputRecord, decode, encode

MAILS = 400
CONNECTIONS = 2

MakeRequest = Callable[..., NotificationRequested]
MakeServer = Callable[..., OutgoingServer]


@pytest.fixture
def config(kafka_bootstrap: str, topic_prefix: str, tmp_path: Path) -> OutboundConfig:
    config = OutboundConfig(
        kafka_bootstrap_servers=kafka_bootstrap,
        topic_prefix=topic_prefix,
        desk_url=f"sqlite:///{tmp_path / 'desk.db'}",
        batch_records=50,
    )
    _patiently(lambda: create_topics(config))
    engine = open_desk(config.desk_url)
    upgrade(engine)
    engine.dispose()
    return config


def _patiently(action: Callable[[], object]) -> None:
    """Do it again while the broker is busy with the topics it has just made."""
    deadline = time.monotonic() + 60
    while True:
        try:
            action()
        except OutageError:
            assert time.monotonic() < deadline, "the broker was away for a minute"
            time.sleep(0.2)
        else:
            return


def _start(config: OutboundConfig) -> subprocess.Popen[bytes]:
    settings = {
        f"MAILCALL_{name.upper()}": str(getattr(config, name))
        for name in ("kafka_bootstrap_servers", "topic_prefix", "desk_url", "batch_records")
    }
    return subprocess.Popen([sys.executable, "-m", "outbound"], env=os.environ | settings, stderr=subprocess.DEVNULL)


def _requested(request: NotificationRequested) -> OutputRecord:
    return encode(
        NOTIFICATION_REQUESTED, request.recipient, request, id=request.notification_id, source="/test",
        time=request.requested_at,
    )  # fmt: skip


def _results(config: OutboundConfig) -> list[NotificationResult]:
    records = read_to_end(config, [NOTIFICATION_RESULTS.name(config.topic_prefix)])
    return [decode(NOTIFICATION_RESULTS, record)[1] for record in records]


def test_killed_and_started_again_it_sends_every_mail_and_tells_of_it(
    config: OutboundConfig,
    publisher: Publisher,
    smtp_sink: SmtpSink,
    make_request: MakeRequest,
    make_server: MakeServer,
) -> None:
    settings = (
        make_server(port=smtp_sink.port, connections=CONNECTIONS),
        EmailOptions(default_outgoing_server="it-out"),
    )
    now = datetime.now(UTC)
    _patiently(
        lambda: publisher.publish(
            [encode(SETTINGS, f"{one.kind}/{one.id}", one, id=one.id, source="/test", time=now) for one in settings]
        )
    )
    asked = {notification_id(f"cause-{n}", "CallLogged", "x"): f"user-{n}@example.com" for n in range(MAILS)}
    _patiently(
        lambda: publisher.publish(
            [_requested(make_request(notification_id=id_, recipient=to, requested_at=now)) for id_, to in asked.items()]
        )
    )

    killed = _start(config)
    smtp_sink.wait_for(MAILS // 8, 60)
    killed.kill()
    killed.wait()
    before = len(smtp_sink.messages)
    process = _start(config)
    try:
        deadline = time.monotonic() + 60
        while {result.notification_id for result in _results(config)} != asked.keys():
            assert time.monotonic() < deadline, "not every notification was told of in time"
            assert process.poll() is None
    finally:
        process.terminate()
    assert process.wait(20) == 0

    assert before < MAILS, "it was killed too late to show anything"
    mails = smtp_sink.messages
    ids = [message_from_bytes(mail.raw)["Message-ID"] for mail in mails]
    assert set(ids) == {f"<mailcall.{id_}@desk.example>" for id_ in asked}
    assert {mail.recipients for mail in mails} == {(to,) for to in asked.values()}
    # what a server took in the moment of the kill may be sent once more, with the same Message-ID
    assert len(ids) - len(set(ids)) <= CONNECTIONS
    assert {result.outcome for result in _results(config)} == {"sent"}
