"""Records on the broker, their form and size: CloudEvents Kafka binding 1.0.2 in binary mode, W3C trace context.

Structured mode (`content-type: application/cloudevents+json`) is accepted on input.
"""

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from types import MappingProxyType
from typing import Any, NamedTuple

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import to_json

from schemas.reasons import Reason
from schemas.topics import Topic

Header = tuple[str, bytes]
JSON = "application/json"
RFC822 = "message/rfc822"
STRUCTURED = "application/cloudevents+json"
_VERSION: Header = ("ce_specversion", b"1.0")
_RAW: Header = ("content-type", RFC822.encode())
_MODEL: Header = ("content-type", JSON.encode())
UNREADABLE_NAME = "header-name-not-utf8"  # the header that tells so of a record; its value: the first such name
NOT_UNPACKED = "batch-not-unpacked"  # the header of the record that stands for a batch; its value: which, and why


class Record(NamedTuple):
    """One record as consumed. `timestamp_ms` is the broker's or producer's, milliseconds since 1970."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[Header] = ()
    timestamp_ms: int = 0


class OutputRecord(NamedTuple):
    """One record to be produced: topic of the catalogue, not yet prefixed."""

    topic: Topic
    key: str
    value: bytes | None
    headers: tuple[Header, ...] = ()


class EventAttributes(NamedTuple):
    """What a record's headers say: id, source, type, time, trace, and CloudEvents extensions without `ce_`."""

    id: str = ""
    source: str = ""
    type: str = ""
    time: str = ""
    traceparent: str = ""
    extensions: Mapping[str, str] = MappingProxyType({})


class CloudEvent(NamedTuple):
    """A record taken apart: context and data bytes, whichever CloudEvents mode it came in."""

    context: EventAttributes
    data: bytes


class UndecodableError(ValueError):
    """A record that no later try can decode. `reason` is the dead letter's; the text never holds the content."""

    def __init__(self, reason: Reason, text: str) -> None:
        super().__init__(text)
        self.reason = reason


def encode(
    topic: Topic,
    key: str,
    body: BaseModel | bytes,
    *,
    id: str,  # noqa: A002 - the word of CloudEvents
    source: str,
    time: datetime,
    traceparent: str = "",
    extensions: Mapping[str, str] | None = None,
) -> OutputRecord:
    """A message in binary mode. `source` is a URI reference such as `/mailcall/resolver`; `time` is aware."""
    raw = isinstance(body, bytes)
    headers: list[Header] = [
        _VERSION,
        ("ce_id", id.encode()),
        ("ce_source", source.encode()),
        ("ce_type", topic.event_type.encode()),
        ("ce_time", _utc(time)),
        _RAW if raw else _MODEL,
    ]
    if traceparent:
        headers.append(("traceparent", traceparent.encode()))
    if extensions:
        headers += [(f"ce_{name}", value.encode("utf-8", "replace")) for name, value in extensions.items()]
    # By the model itself: a topic of several models would look for the one that it is.
    value = body if isinstance(body, bytes) else to_json(body, by_alias=True)
    return OutputRecord(topic, key, value, tuple(headers))


@lru_cache(16)
def _utc(time: datetime) -> bytes:
    """The records about a batch have one time."""
    return time.astimezone(UTC).isoformat().encode()


def tombstone(topic: Topic, key: str) -> OutputRecord:
    """The record that deletes a key of a compacted topic."""
    return OutputRecord(topic, key, None)


def open_envelope(topic: Topic, record: Record) -> CloudEvent:
    """Context and data of a record; checks type and version. Raises `UndecodableError`."""
    if record.value is None:
        raise UndecodableError(Reason.NULL_VALUE, "the record has no value")
    headers = {name.lower(): value.decode("utf-8", "replace") for name, value in record.headers if value is not None}
    if NOT_UNPACKED in headers:
        raise UndecodableError(Reason.NOT_UNPACKED, headers[NOT_UNPACKED][:300])
    if UNREADABLE_NAME in headers:
        raise UndecodableError(
            Reason.WRONG_SCHEMA, f"the name of a header is not UTF-8: {headers[UNREADABLE_NAME][:50]!r}"
        )
    if headers.get("content-type", "").startswith(STRUCTURED):
        envelope = _structured(record.value)
    else:
        envelope = CloudEvent(_context(headers), record.value)
    _check_type(topic, envelope.context.type)
    return envelope


def decode(topic: Topic, record: Record) -> tuple[EventAttributes, Any]:
    """Context and model of a record of a topic with a model. Raises `UndecodableError`."""
    models = _models(topic)
    envelope = open_envelope(topic, record)
    try:
        return envelope.context, models.validator.validate_json(envelope.data)
    except ValidationError as error:
        raise UndecodableError(Reason.WRONG_SCHEMA, _first_error(error)) from None


def _models(topic: Topic) -> TypeAdapter[Any]:
    if topic.value is None:
        raise TypeError(f"{topic.short} holds raw bytes: read it with `open_envelope`")
    return topic.value


def _context(headers: dict[str, str]) -> EventAttributes:
    """Takes out of `headers` what has a place of its own."""
    take = headers.pop
    take("ce_specversion", None)
    known = take("ce_id", ""), take("ce_source", ""), take("ce_type", ""), take("ce_time", "")
    traceparent = take("traceparent", "") or take("ce_traceparent", "")
    extensions = {name[3:]: value for name, value in headers.items() if name.startswith("ce_")}
    return EventAttributes(*known, traceparent, extensions)


def _structured(value: bytes) -> CloudEvent:
    try:
        event = json.loads(value)
        if not isinstance(event, dict):
            raise ValueError("not an object")
        if "data_base64" in event:
            data = base64.b64decode(event.pop("data_base64"), validate=True)
        else:
            data = json.dumps(event.pop("data")).encode()
    except (ValueError, KeyError, TypeError, RecursionError, binascii.Error):
        raise UndecodableError(Reason.WRONG_SCHEMA, "the value is no CloudEvent in structured mode") from None
    return CloudEvent(_context({f"ce_{name}": str(value) for name, value in event.items()}), data)


def _check_type(topic: Topic, type_: str) -> None:
    if type_ in ("", topic.event_type):
        return
    if type_.rpartition(".v")[0] == topic.event_type.rpartition(".v")[0]:
        raise UndecodableError(Reason.UNKNOWN_VERSION, f"type {type_[:100]!r}: this release reads {topic.event_type!r}")
    raise UndecodableError(
        Reason.WRONG_TYPE, f"type {type_[:100]!r} does not belong on this topic: {topic.event_type!r} does"
    )


def _first_error(error: ValidationError) -> str:
    """Place and kind of the first fault, never the input itself."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    place = ".".join(str(part) for part in first["loc"]) or "value"
    return f"{place}: {first['msg']} ({error.error_count()} in all)"


MAX_RECORD_BYTES = 16 * 1024 * 1024  # what our topics accept where the broker lets them; twice as much is unpacked
LEAST_RECORD_BYTES = 512 * 1024  # whatever a mail holds, what is made of it fits: `resolver.outputs.LIMITS`
MAX_INLINE_BYTES = 700_000  # above this a mail goes to the blob store, as large as its record might be


def inline_bytes(max_record_bytes: int) -> int:
    """Most bytes of a mail, or of what was read from it, that stand in its record: of its record two thirds."""
    return min(MAX_INLINE_BYTES, max_record_bytes * 2 // 3)


def cursor_bytes(max_record_bytes: int) -> int:
    """Most bytes of unique ids or names that a mailbox's cursor holds: of its record three quarters."""
    return max_record_bytes * 3 // 4
