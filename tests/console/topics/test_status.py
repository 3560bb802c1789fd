"""`mailcall topics status`: the window's picture, in a terminal and as JSON."""

import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.structs import OffsetAndMetadata

from console.config import ConsoleConfig
from console.health.groups import GROUPS
from console.health.sample import Progress, Sample
from console.health.sampler import Traffic, Trouble
from console.topics.overview import topic_lines
from console.topics.status import DeadLetters, status_of
from schemas.topics import MAIL_FETCHED
from tests.console.conftest import Mailcall

NOW = datetime(2026, 11, 29, 8, tzinfo=UTC)
FETCHED = ("resolver", "mail.fetched")
ALL = {group.name: 1 for group in GROUPS}


def test_it_is_the_windows_picture_with_dead_letters_apart() -> None:
    samples = [
        Sample(NOW - timedelta(seconds=ago), {"mail.fetched": written}, held, {"mail.fetched.dlq": 2}, waits, ALL)
        for ago, written in ((60, 0), (0, 30))
        for held in [{"mail.fetched": written, "mail.fetched.dlq": 7, "mail.resolved.dlq": 0}]
        for waits in [{FETCHED: Progress(3, 10, NOW - timedelta(minutes=9))}]
    ]
    status = status_of(Traffic(samples), NOW)

    assert status.topics == [line for line in topic_lines(samples) if not line.name.endswith(".dlq")]
    assert status.dead_letters == [DeadLetters("mail.fetched", 7, 2)]
    assert [one.severity for one in status.problems] == ["error", "warning"]
    assert "resolver takes nothing of mail.fetched" in status.problems[0].what


def test_what_is_wrong_with_the_broker_is_told_and_the_last_picture_stays() -> None:
    away = Trouble(NOW - timedelta(minutes=2), "the broker is away", "Start it.")
    status = status_of(Traffic([Sample(NOW, {}, {"mail.fetched": 5}, members=ALL)], broker=away), NOW)

    assert status.topics[0].held == 5
    assert [one.what for one in status.problems] == ["The broker is away"]


@pytest.mark.parametrize("more", [(), ("--watch",)])
def test_a_broker_that_is_away_at_the_start_ends_it(mailcall: Mailcall, more: tuple[str, ...]) -> None:
    ran = mailcall("--bootstrap-servers", "127.0.0.1:1", "topics", "status", *more)

    assert (ran.code, ran.out) == (1, "")
    assert "127.0.0.1:1" in ran.err


@pytest.fixture
def behind(config: ConsoleConfig, at_broker: Mailcall) -> Iterator[ConsoleConfig]:
    """Three mails, the last two waiting since half an hour, and a dead letter of now."""
    topic, at = MAIL_FETCHED.name(config.topic_prefix), datetime.now(UTC) - timedelta(minutes=30)
    producer = KafkaProducer(bootstrap_servers=config.kafka_bootstrap_servers)
    for _ in range(3):
        producer.send(topic, b"x", partition=3, timestamp_ms=int(at.timestamp() * 1000)).get(30)
    producer.send(MAIL_FETCHED.dlq(config.topic_prefix), b"x").get(30)
    producer.close()
    member = KafkaConsumer(
        topic, bootstrap_servers=config.kafka_bootstrap_servers, group_id=f"{config.topic_prefix}.resolver"
    )
    while not member.assignment():
        member.poll(200)
    member.commit({TopicPartition(topic, 3): OffsetAndMetadata(1, "", -1)})
    yield config
    member.close(autocommit=False)


@pytest.mark.broker
def test_each_topic_and_group_with_what_waits_and_since_when(behind: ConsoleConfig, at_broker: Mailcall) -> None:
    ran = at_broker("topics", "status", "--seconds", "1", "--json")
    found = json.loads(ran.out)
    (line,) = (one for one in found["topics"] if one["topic"] == "mail.fetched")
    (reader,) = line["readers"]

    assert (line["held"], line["written_per_minute"]) == (3, 0)
    assert (reader["group"], reader["waiting"], reader["taken_per_minute"]) == ("resolver", 2, 0)
    waits = datetime.now(UTC) - datetime.fromisoformat(reader["oldest_since"])
    assert timedelta(minutes=29) < waits < timedelta(minutes=35)
    running = {one["group"]: one["running"] for one in found["processes"]}
    assert (running["resolver"], running["logger"]) == (1, 0)
    assert found["dead_letters"] == [{"topic": "mail.fetched", "held": 1, "last_hour": 1}]
    assert any(one["what"].startswith("resolver is behind on mail.fetched") for one in found["problems"])

    shown = at_broker("topics", "status", "--seconds", "1").out
    (row,) = (one.split() for one in shown.splitlines() if one.startswith("mail.fetched ") and "resolver" in one)
    assert row[:5] == ["mail.fetched", "3", "0", "resolver", "2"]
    assert "error: No logger is running" in shown


@pytest.mark.broker
@pytest.mark.parametrize("terminal", [True, False])
def test_watched_it_looks_again_and_only_a_terminal_is_painted_over(behind: ConsoleConfig, terminal: bool) -> None:
    ours, theirs = pty.openpty() if terminal else os.pipe()
    command = ["--topic-prefix", behind.topic_prefix, "topics", "status", "--watch", "--seconds", "1"]
    process = subprocess.Popen(
        # Where a shell has started the tests in the background, SIGINT is ignored by all that they start.
        [
            "env",
            "--default-signal=INT",
            sys.executable,
            "-m",
            "console.cli",
            "--bootstrap-servers",
            behind.kafka_bootstrap_servers,
            *command,
        ],
        stdout=theirs,
        env={**os.environ, "TERM": "xterm", "PYTHONUNBUFFERED": "1"},
    )
    os.close(theirs)
    shown = b""
    while shown.count(b"as the broker knew it") < 2 and (piece := os.read(ours, 65_536)):
        shown += piece
    process.send_signal(signal.SIGINT)

    assert process.wait(30) == 0
    assert shown.count(b"\x1b[2J") == (2 if terminal else 0)
    assert terminal or b"\x1b" not in shown
    os.close(ours)
