"""Records as pages show them, on a real broker: bounded, by right, and never a secret."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from kafka import KafkaProducer
from starlette.testclient import TestClient

from console.access.rights import Identity, Right
from console.config import ConsoleConfig
from console.topics import records as module
from console.topics.records import read_lines, read_record
from runtime.kafka.producer import Publisher
from runtime.kafka.topic_setup import create_topics
from schemas.servers import AccountTokens
from schemas.settings import OutgoingServer, Secret
from schemas.topics import CALL_EVENTS, MAIL_FETCHED, MAIL_REJECTED, SERVER_TOKENS, SETTINGS, Topic
from schemas.wire import OutputRecord, Record, encode
from tests.console.live.window import client, services

pytestmark = pytest.mark.broker

NOW = datetime.now(UTC)
CANARY = "c2VhbGVkLWNhbmFyeQ=="
HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture
def topics(config: ConsoleConfig) -> ConsoleConfig:
    create_topics(config)
    return config


def write(config: ConsoleConfig, topic: str, minutes_ago: tuple[int, ...], partition: int) -> None:
    producer = KafkaProducer(bootstrap_servers=config.kafka_bootstrap_servers)
    for minutes in minutes_ago:
        at = int((NOW - timedelta(minutes=minutes)).timestamp() * 1000)
        producer.send(topic, f"{minutes}".encode(), b"key", partition=partition, timestamp_ms=at).get(30)
    producer.close()


def ages(config: ConsoleConfig, topic: str, since: int | None, most: int) -> list[int]:
    found = read_lines(config, topic, None if since is None else NOW - timedelta(minutes=since), most)
    assert found.whole
    return [round((NOW - line.at).total_seconds() / 60) for line in found.lines]


def test_the_newest_of_all_partitions_or_the_first_from_a_moment_on(topics: ConsoleConfig) -> None:
    topic = MAIL_FETCHED.name(topics.topic_prefix)
    write(topics, topic, (50, 40, 30, 20), partition=2)
    write(topics, topic, (45, 5), partition=7)

    assert ages(topics, topic, None, 3) == [5, 20, 30]
    assert ages(topics, topic, 46, 3) == [30, 40, 45]
    assert ages(topics, topic, 1, 3) == []
    assert ages(topics, topic, None, 100) == [5, 20, 30, 40, 45, 50]


def test_without_time_for_all_it_is_said(topics: ConsoleConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    topic = MAIL_FETCHED.name(topics.topic_prefix)
    write(topics, topic, (2, 1), partition=0)
    monkeypatch.setattr(module, "SECONDS", -1.0)

    assert not read_lines(topics, topic, None, 3).whole


def test_one_record_by_its_place(topics: ConsoleConfig) -> None:
    topic = MAIL_FETCHED.name(topics.topic_prefix)
    write(topics, topic, (2, 1), partition=4)
    found = read_record(topics, topic, 4, 1)

    assert found is not None and (found.value, found.offset) == (b"1", 1)
    for partition, offset in ((4, 2), (4, -1), (99, 0), (5, 0)):
        assert read_record(topics, topic, partition, offset) is None


# ---- pages -----------------------------------------------------------------------------------------------------------


def with_rights(config: ConsoleConfig, *rights: Right, partitions: frozenset[str] | None = None) -> TestClient:
    identity = Identity("2", "Sam", frozenset((Right.SYSTEM_SET_UP, *rights)), partitions, partitions)
    return client(services(config=config), identity)


def put(publisher: Publisher, topic: Topic, value: bytes, key: str = "ann@example.com") -> None:
    publisher.publish([OutputRecord(topic, key, value, (("ce_id", HOSTILE.encode()),))])


def pages(browser: TestClient, topic: Topic, partition: int, offset: int = 0) -> Iterator[str]:
    for path in ("records", f"records/{partition}/{offset}"):
        answer = browser.get(f"/operations/topics/{topic.short}/{path}")
        assert answer.status_code == 200
        yield answer.text


def place(config: ConsoleConfig, topic: Topic) -> int:
    return read_lines(config, topic.name(config.topic_prefix), None, 1).lines[0].partition


def test_content_and_keys_are_shown_with_the_right_of_the_topic_only(
    topics: ConsoleConfig, publisher: Publisher
) -> None:
    put(publisher, CALL_EVENTS, b'{"subject": "Printer on fire", "note": "<b>now</b>"}')
    at = place(topics, CALL_EVENTS)

    listed, shown = pages(with_rights(topics, Right.READ_CALLS), CALL_EVENTS, at)
    assert "ann@example.com" in listed and "Printer on fire" in shown
    assert "<b>now</b>" not in shown and "&lt;b&gt;now" in shown
    assert HOSTILE not in listed + shown
    for browser in (
        with_rights(topics),
        with_rights(topics, Right.HELD_MAIL, Right.PERSONS),
        with_rights(topics, Right.READ_CALLS, partitions=frozenset(("it",))),
    ):
        listed, shown = pages(browser, CALL_EVENTS, at)
        assert "ann@example.com" not in listed + shown
        assert "Printer" not in shown and "onerror" not in listed + shown
        assert "Read Calls" in listed and "Read Calls" in shown


def test_records_of_mails_are_for_who_may_see_those_of_all_partitions(
    topics: ConsoleConfig, publisher: Publisher
) -> None:
    put(publisher, MAIL_REJECTED, b'{"subject": "Salary of Ben"}')
    at = place(topics, MAIL_REJECTED)
    listed, shown = pages(with_rights(topics, Right.HELD_MAIL), MAIL_REJECTED, at)
    assert "ann@example.com" in listed and "Salary of Ben" in shown
    listed, shown = pages(with_rights(topics, Right.HELD_MAIL, partitions=frozenset(("it",))), MAIL_REJECTED, at)
    assert "ann@example.com" not in listed + shown and "Salary" not in shown


def test_a_raw_mail_is_not_shown_here(topics: ConsoleConfig, publisher: Publisher) -> None:
    put(publisher, MAIL_FETCHED, b"From: a@b.c\r\n\r\nvery private")
    _, shown = pages(with_rights(topics, Right.HELD_MAIL), MAIL_FETCHED, place(topics, MAIL_FETCHED))

    assert "very private" not in shown
    assert "the page of the mail shows it safely" in shown


def test_a_sealed_secret_is_in_no_page(topics: ConsoleConfig, publisher: Publisher) -> None:
    server = OutgoingServer.model_validate(
        {"id": "it", "from_address": "it@desk.example", "username": "it", "password": Secret(sealed=CANARY)}
    )
    tokens = AccountTokens(account="a" * 32, server_id="it", sealed=CANARY, renewed_at=NOW)
    publisher.publish(
        [
            encode(SETTINGS, "outgoing-server/it", server, id="1", source="/t", time=NOW),
            encode(SERVER_TOKENS, tokens.account, tokens, id="2", source="/t", time=NOW),
        ]
    )
    browser = client(services(config=topics))  # with every right

    _, settings = pages(browser, SETTINGS, 0)
    listed, secret = pages(browser, SERVER_TOKENS, 0)
    assert CANARY not in settings + listed + secret
    assert "it@desk.example" in settings and "set, and never shown" in settings
    assert "never shown" in listed and "never shown" in secret


def test_what_is_no_json_is_not_shown_and_what_is_not_there_is_not_found(
    topics: ConsoleConfig, publisher: Publisher
) -> None:
    put(publisher, CALL_EVENTS, b"\xff\x00 raw")
    put(publisher, CALL_EVENTS, b"[" * 100_000)
    at = place(topics, CALL_EVENTS)
    browser = with_rights(topics, Right.READ_CALLS)

    for offset in (0, 1):
        assert "is no JSON" in list(pages(browser, CALL_EVENTS, at, offset))[1]
    for path in (f"{at}/99", f"{at}/{10**30}", f"{10**12}/0"):
        assert browser.get(f"/operations/topics/call.events/records/{path}").status_code == 404


def test_a_moment_that_is_none_is_told_beside_what_was_typed(topics: ConsoleConfig) -> None:
    browser = with_rights(topics)
    for typed in ("yesterday", "9999-12-31T23:59:59+00:01x", HOSTILE):
        answer = browser.get("/operations/topics/call.events/records", params={"since": typed})
        assert answer.status_code == 422
        assert "is no moment" in answer.text and "<title>Error: " in answer.text
        assert HOSTILE not in answer.text
    for fine in ("2026-11-29 08:00", "2026-11-29T08:00+01:00", "0001-01-01"):
        assert browser.get("/operations/topics/call.events/records", params={"since": fine}).status_code == 200


def test_a_key_of_any_length_is_shown_by_its_beginning() -> None:
    record = Record("t", 0, 1, b"k" * 1_000_000, b"v", [("ce_id", b"i" * 1_000_000)], 0)
    line = module._line(record)
    assert (line.key, line.id) == ("k" * module.MOST_TEXT, "i" * module.MOST_TEXT)
