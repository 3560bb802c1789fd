"""The official CloudEvents SDK reads what we write, and we read what it writes, in both modes of the Kafka binding."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_kafka, to_binary, to_structured
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from schemas.fetched import open_fetched
from schemas.topics import BY_SHORT_NAME, MAIL_FETCHED, Topic
from schemas.wire import Record, decode, encode

EXAMPLES = Path(__file__).resolve().parents[2] / "schemas/examples"
FILES = [file for file in sorted(EXAMPLES.glob("*/*.json")) if "value" in json.loads(file.read_text("utf-8"))]
NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
FORMAT = JSONFormat()
MAIL = b"From: ursula@example.com\r\nSubject: Gr\xfc\xdfe\r\n\r\nHello\r\n"


def example(file: Path) -> tuple[Topic, Any]:
    stored = json.loads(file.read_text("utf-8"))
    return BY_SHORT_NAME[file.parent.name.rpartition(".v")[0]], stored["value"]


def record(message: KafkaMessage) -> Record:
    return Record("t", 0, 0, b"k", message.value, list(message.headers.items()))


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_the_sdk_reads_what_we_write(file: Path) -> None:
    topic, value = example(file)
    assert topic.value is not None
    body = topic.value.validate_python(value)
    message = encode(topic, "k", body, id="1", source="/test", time=NOW, extensions={"mailid": "7"})
    event = from_kafka(KafkaMessage(dict(message.headers), b"k", message.value or b""), FORMAT)
    assert (event.get_id(), event.get_source(), event.get_type()) == ("1", "/test", topic.event_type)
    assert (event.get_time(), event.get_extension("mailid")) == (NOW, "7")
    assert event.get_data() == json.loads(message.value or b"")


@pytest.mark.parametrize("write", [to_binary, to_structured])
@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_we_read_what_the_sdk_writes(file: Path, write: Any) -> None:
    topic, value = example(file)
    assert topic.value is not None
    known = {"id": "1", "source": "/test", "type": topic.event_type, "datacontenttype": "application/json", "time": NOW}
    context, read = decode(topic, record(write(CloudEvent({**known, "mailid": "7"}, value), FORMAT)))
    assert (context.id, context.source, context.extensions["mailid"]) == ("1", "/test", "7")
    assert read == topic.value.validate_python(value)


@pytest.mark.parametrize("write", [to_binary, to_structured])
def test_we_read_a_raw_mail_that_the_sdk_writes(write: Any) -> None:
    known = {"id": "1", "source": "/mta", "type": MAIL_FETCHED.event_type, "datacontenttype": "message/rfc822"}
    mail = open_fetched(record(write(CloudEvent({**known, "serverid": "it-mailbox"}, MAIL), FORMAT)))
    assert (mail.raw, mail.server_id) == (MAIL, "it-mailbox")
