"""The resolver as it runs: its own process, Faust, the real broker; killed without warning, it loses nothing."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine

from runtime.config import ProcessConfig
from runtime.kafka.producer import Publisher
from runtime.kafka.topic_reader import read_to_end
from runtime.kafka.topic_setup import create_topics, missing_topics
from schemas import ids
from schemas.snapshot import SettingsSnapshot
from schemas.topics import MAIL_FETCHED, MAIL_REJECTED, MAIL_RESOLVED, SETTINGS, Topic
from schemas.wire import LEAST_RECORD_BYTES, MAX_INLINE_BYTES, OutputRecord, Record, decode, encode, inline_bytes
from tests.desks import new_desk

ROOT = Path(__file__).parents[2]
PATIENCE = 60.0
Start = Callable[[], "subprocess.Popen[bytes]"]


@pytest.fixture
def desk_url(tmp_path: Path) -> str:
    """Both databases are the handler's tests' matter."""
    return new_desk(tmp_path / "desk.db")


@pytest.fixture
def config(kafka_bootstrap: str, topic_prefix: str, desk_url: str, tmp_path: Path) -> ProcessConfig:
    config = ProcessConfig(
        kafka_bootstrap_servers=kafka_bootstrap,
        topic_prefix=topic_prefix,
        desk_url=desk_url,
        blob_url=(tmp_path / "blobs").as_uri(),
        kafka_max_record_bytes=LEAST_RECORD_BYTES,
    )
    create_topics(config)
    wait_for(lambda: not missing_topics(config), "the topics")
    return config


@pytest.fixture
def start(config: ProcessConfig, desk: Engine, tmp_path: Path) -> Iterator[Start]:
    """Starts the resolver as an operating-system process; whatever still runs at the end is killed."""
    names = ("kafka_bootstrap_servers", "topic_prefix", "desk_url", "blob_url", "kafka_max_record_bytes")
    settings = {f"MAILCALL_{name.upper()}": str(getattr(config, name)) for name in names}
    settings["MAILCALL_BATCH_RECORDS"] = "10"  # so that the kill comes in the middle of the work
    started: list[subprocess.Popen[bytes]] = []

    def run() -> "subprocess.Popen[bytes]":
        with (tmp_path / "resolver.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "resolver"], cwd=ROOT, env={**os.environ, **settings}, stdout=log, stderr=log
            )
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.wait()


def wait_for(done: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not done():
        assert time.monotonic() < deadline, f"{what}: not within {PATIENCE:.0f} s"
        time.sleep(0.2)


def on_topic(config: ProcessConfig, topic: Topic) -> list[Record]:
    return list(read_to_end(config, [topic.name(config.topic_prefix)]))


def ids_on(config: ProcessConfig, topic: Topic) -> set[str]:
    return {decode(topic, record)[0].id for record in on_topic(config, topic)}


def mail(number: int, sender: str = "ursula@example.org") -> bytes:
    return f"From: {sender}\r\nSubject: Mail {number}\r\n\r\nHello {number}\r\n".encode()


def as_message(raw: bytes, record: Record) -> OutputRecord:
    return OutputRecord(MAIL_FETCHED, "ursula@example.org", raw, tuple(record.headers))


def as_messages(snapshot: SettingsSnapshot) -> list[OutputRecord]:
    now = datetime.now(UTC)
    return [encode(SETTINGS, key, value, id=key, source="/test", time=now) for key, value in snapshot.settings.items()]


def test_what_is_fetched_is_resolved_and_kill_9_loses_nothing(
    config: ProcessConfig,
    publisher: Publisher,
    snapshot: SettingsSnapshot,
    fetched: Callable[..., Record],
    start: Start,
) -> None:
    publisher.publish(as_messages(snapshot))
    raws = [mail(number) for number in range(400)]
    raws[0] += b'"' * 150_000  # in a record twice as many: more than this broker takes, less than others do
    expected = {ids.mail_id("it-mailbox", raw) for raw in raws}
    messages = [as_message(raw, fetched(raw)) for raw in raws]
    publisher.publish(messages[:200])

    first = start()
    wait_for(lambda: len(ids_on(config, MAIL_RESOLVED)) >= 200, "the first mails")
    publisher.publish(messages[200:])
    wait_for(lambda: len(ids_on(config, MAIL_RESOLVED)) > 200, "one more mail")
    first.send_signal(signal.SIGKILL)
    first.wait()
    ours = b"X-Mailcall-Loop: 1\r\n" + mail(0, "desk@example.org")
    publisher.publish([as_message(ours, fetched(ours))])
    second = start()

    wait_for(lambda: ids_on(config, MAIL_RESOLVED) == expected, "every mail")
    wait_for(lambda: len(on_topic(config, MAIL_REJECTED)) == 1, "the rejected one")
    _, value = decode(MAIL_RESOLVED, on_topic(config, MAIL_RESOLVED)[0])
    assert (value.sender.person_id, value.sender.logging_analyst, value.call_template) == ("ursula", "ida", "it-call")
    # One, or two where the process was killed before it had committed the first mails.
    large = [record for record in on_topic(config, MAIL_RESOLVED) if decode(MAIL_RESOLVED, record)[1].files]
    assert 0 < max(len(record.value or b"") for record in large) < inline_bytes(LEAST_RECORD_BYTES) < MAX_INLINE_BYTES
    second.send_signal(signal.SIGTERM)
    assert second.wait(30) == 0


def test_a_wrong_configuration_ends_it_with_exit_code_2_and_the_place() -> None:
    command = [sys.executable, "-m", "resolver"]
    for wrong, told in (
        ({"MAILCALL_BATCH_RECORDS": "many"}, "MAILCALL_BATCH_RECORDS"),
        (
            {"MAILCALL_DESK_URL": "oracle://x"},
            "MAILCALL_DESK_URL",
        ),
    ):
        ran = subprocess.run(
            command, cwd=ROOT, env={**os.environ, **wrong}, capture_output=True, text=True, timeout=60, check=False
        )
        assert ran.returncode == 2
        assert told in ran.stderr
        assert "Traceback" not in ran.stderr
