"""Dead letters against the real broker: listed, shown without their content, and sent back as they were."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from console.config import ConsoleConfig
from console.mails.index.letter_facts import REPLAYED
from runtime.kafka.producer import Publisher
from runtime.kafka.topic_reader import read_to_end
from runtime.processing.dead_letters import dead_letter, without_value
from runtime.processing.outcomes import Dead
from schemas.reasons import Reason
from schemas.topics import MAIL_FETCHED, NOTIFICATION_REQUESTED, Topic
from schemas.wire import Record

Mailcall = Callable[..., Any]
NOW = datetime(2026, 11, 1, tzinfo=UTC)
ORIGINAL = (("ce_id", b"a" * 32), ("ce_serverid", b"it-mailbox"), ("binary", b"\xff\x00"))


def dead(config: ConsoleConfig, topic: Topic, number: int, value: bytes | None = b"secret words") -> Any:
    record = Record(topic.name(config.topic_prefix), 2, number, b"key", value, ORIGINAL, 1)
    stage = topic.dead_letters[0]
    return dead_letter(record, topic, Dead(Reason.WRONG_SCHEMA, "no good"), stage, config.topic_prefix, NOW)


def on_topic(config: ConsoleConfig, topic: Topic) -> list[Record]:
    return list(read_to_end(config, [topic.name(config.topic_prefix)]))


def test_they_are_listed_and_shown_without_their_content(
    at_broker: Mailcall, config: ConsoleConfig, publisher: Publisher
) -> None:
    publisher.publish([dead(config, MAIL_FETCHED, 7), dead(config, NOTIFICATION_REQUESTED, 8)])

    listed = json.loads(at_broker("dead-letters", "list", "--json").out)
    one_topic = json.loads(at_broker("dead-letters", "list", "--topic", "mail.fetched", "--json").out)
    shown = json.loads(at_broker("dead-letters", "show", "mail.fetched/0/0", "--json").out)
    said = at_broker("dead-letters", "list").out + at_broker("dead-letters", "show", "mail.fetched/0/0").out

    assert {letter["id"] for letter in listed} == {"mail.fetched/0/0", "notification.requested/0/0"}
    assert [letter["id"] for letter in one_topic] == ["mail.fetched/0/0"]
    assert (shown["stage"], shown["reason"], shown["message"]) == ("resolver", "wrong-schema", "no good")
    assert (shown["original"], shown["mail_id"], shown["size"]) == ([2, 7], "a" * 32, 12)
    assert shown["headers"]["ce_serverid"] == "it-mailbox"
    assert "secret words" not in said + json.dumps(listed) + json.dumps(shown)


def test_they_are_sent_back_as_they_were_and_once(
    at_broker: Mailcall, config: ConsoleConfig, publisher: Publisher
) -> None:
    publisher.publish([dead(config, MAIL_FETCHED, 7), dead(config, MAIL_FETCHED, 8, value=None)])

    first = json.loads(at_broker("dead-letters", "replay", "--topic", "mail.fetched", "--json").out)
    second = json.loads(at_broker("dead-letters", "replay", "--json").out)
    named = json.loads(at_broker("dead-letters", "replay", "--id", "mail.fetched/0/0", "--json").out)

    assert first == ["mail.fetched/0/0", "mail.fetched/0/1"]
    assert second == []
    assert named == ["mail.fetched/0/0"]
    records = on_topic(config, MAIL_FETCHED)
    assert [record.value for record in records] == [b"secret words", None, b"secret words"]
    assert {record.key for record in records} == {b"key"}
    for record in records:
        headers = [header for header in record.headers if header[0] != REPLAYED]
        assert tuple(headers) == ORIGINAL
    listed = json.loads(at_broker("dead-letters", "list", "--json").out)
    assert [letter["id"] for letter in listed] == ["mail.fetched/0/0", "mail.fetched/0/1"]
    assert all(letter["replayed_at"] for letter in listed)


def test_one_whose_value_was_too_large_to_keep_is_not_sent_back(
    at_broker: Mailcall, config: ConsoleConfig, publisher: Publisher
) -> None:
    publisher.publish([without_value(dead(config, MAIL_FETCHED, 7))])

    assert json.loads(at_broker("dead-letters", "replay", "--json").out) == []
    named = at_broker("dead-letters", "replay", "--id", "mail.fetched/0/0")
    assert named.code == 2
    assert "too large" in named.err
    assert on_topic(config, MAIL_FETCHED) == []


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["list", "--topic", "call.events"], "name one of: mail.fetched"),
        (["show", "mail.fetched/0/99"], "there is no dead letter 'mail.fetched/0/99'"),
        (["show", "nonsense"], "no topic 'nonsense'"),
        (["replay", "--id", "mail.fetched/0/99"], "there is no dead letter"),
    ],
)
def test_a_wrong_name_is_told(arguments: list[str], told: str, at_broker: Mailcall) -> None:
    ran = at_broker("dead-letters", *arguments)
    assert ran.code == 2
    assert told in ran.err
