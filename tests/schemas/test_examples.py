"""The stored example of each topic and version must decode for ever, and there is one of every kind of record."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from schemas.events import CallEvent, NotificationResult
from schemas.fetched import open_fetched
from schemas.ids import mail_id
from schemas.settings import Setting
from schemas.topics import BY_SHORT_NAME, CALL_EVENTS, MAIL_FETCHED, SETTINGS, TOPICS, Topic
from schemas.wire import Record, decode, encode

EXAMPLES = Path(__file__).resolve().parents[2] / "schemas" / "examples"
FILES = sorted(EXAMPLES.glob("*/*.json"))


def _topic(file: Path) -> Topic:
    short, _, version = file.parent.name.rpartition(".v")
    topic = BY_SHORT_NAME[short]
    assert int(version) <= topic.version
    return topic


def _record(file: Path) -> Record:
    stored = json.loads(file.read_text(encoding="utf-8"))
    mail = file.with_suffix(".eml")
    value = mail.read_bytes() if mail.exists() else json.dumps(stored["value"]).encode() if "value" in stored else b""
    headers = [(name, text.encode()) for name, text in stored["headers"].items()]
    return Record(file.parent.name, 0, 0, stored["key"].encode(), value, headers)


def _values(topic: Topic) -> Iterator[Any]:
    for file in FILES:
        if _topic(file) is topic:
            yield decode(topic, _record(file))[1]


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_an_example_decodes(file: Path) -> None:
    topic, record = _topic(file), _record(file)
    if topic is MAIL_FETCHED:
        fetched = open_fetched(record)
        assert fetched.size and fetched.server_id
        assert bool(fetched.raw) != bool(fetched.dataref)
        assert fetched.dataref or fetched.wholeref or fetched.mail_id == mail_id(fetched.server_id, fetched.raw)
        return
    context, value = decode(topic, record)
    assert context.id and context.source.startswith("/") and context.type == topic.event_type
    stored = json.loads(record.value or b"")
    encoded = encode(topic, "k", value, id="1", source="/s", time=datetime.now(UTC)).value or b""
    assert topic.value and encoded == topic.value.dump_json(value, by_alias=True)
    written = json.loads(encoded)
    assert written == stored | written, "every field of the example has a place in the model"
    assert stored.keys() <= written.keys()


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.short)
def test_every_topic_has_an_example_of_its_version(topic: Topic) -> None:
    assert list((EXAMPLES / f"{topic.short}.v{topic.version}").glob("*.json"))


@pytest.mark.parametrize(
    ("topic", "union"), [(CALL_EVENTS, CallEvent), (SETTINGS, Setting)], ids=["events", "settings"]
)
def test_every_kind_of_record_has_an_example(topic: Topic, union: Any) -> None:
    members: set[type[BaseModel]] = set(get_args(get_args(union)[0]))
    assert len(members) > 1
    assert {type(value) for value in _values(topic)} == members


def test_every_outcome_of_a_notification_has_an_example() -> None:
    outcomes = set(get_args(NotificationResult.model_fields["outcome"].annotation))
    assert {value.outcome for value in _values(BY_SHORT_NAME["notification.results"])} == outcomes
