"""Records on the wire: both CloudEvents modes, every way to be wrong, and no bytes that raise anything else."""

import base64
import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.events import CallClosed
from schemas.reasons import Reason
from schemas.topics import CALL_EVENTS, MAIL_FETCHED, TOPICS, Topic
from schemas.wire import Header, Record, UndecodableError, decode, encode, open_envelope, tombstone

AT = datetime(2026, 11, 23, 10, 0, tzinfo=timezone(timedelta(hours=1)))
EVENT = CallClosed(reference="C-000123", item_kind="call", partition="it", at=AT, person_id="ursula")
TRACE = "00-" + "1" * 32 + "-" + "2" * 16 + "-01"


def _record(value: bytes | None, headers: list[Header] | tuple[Header, ...] = ()) -> Record:
    return Record("t", 0, 0, b"k", value, headers)


def _encoded(**extensions: str) -> Record:
    message = encode(
        CALL_EVENTS, "C-000123", EVENT, id="1", source="/test", time=AT, traceparent=TRACE, extensions=extensions
    )
    return _record(message.value, message.headers)


def _structured(**changes: Any) -> Record:
    event = {"specversion": "1.0", "id": "1", "source": "/test", "type": "mailcall.call.events.v1"} | changes
    return _record(json.dumps(event).encode(), [("content-type", b"application/cloudevents+json; charset=utf-8")])


def _reason(topic: Topic, record: Record) -> Reason:
    with pytest.raises(UndecodableError) as caught:
        decode(topic, record)
    return caught.value.reason


def test_what_is_encoded_is_decoded_with_its_context() -> None:
    context, value = decode(CALL_EVENTS, _encoded(mailid="abc"))
    assert value == EVENT
    assert (context.id, context.source, context.type) == ("1", "/test", "mailcall.call.events.v1")
    assert context.time == "2026-11-23T09:00:00+00:00"
    assert context.traceparent == TRACE
    assert context.extensions == {"mailid": "abc"}


def test_structured_mode_is_accepted() -> None:
    data = EVENT.model_dump(mode="json")
    context, value = decode(CALL_EVENTS, _structured(data=data, traceparent=TRACE, other="x"))
    assert value == EVENT
    assert (context.id, context.traceparent) == ("1", TRACE)
    assert context.extensions["other"] == "x"


def test_raw_mail_in_structured_mode_comes_as_base64() -> None:
    raw = b"Subject: x\r\n\r\n\xff\x00"
    record = _structured(type="mailcall.mail.fetched.v1", data_base64=base64.b64encode(raw).decode())
    assert open_envelope(MAIL_FETCHED, record).data == raw


def test_a_record_without_headers_is_read_as_what_its_topic_holds() -> None:
    """An integrator with the plainest of tools may leave them out."""
    assert decode(CALL_EVENTS, _record(EVENT.model_dump_json().encode()))[1] == EVENT


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (_record(None), Reason.NULL_VALUE),
        (_record(b""), Reason.WRONG_SCHEMA),
        (_record(b"{}"), Reason.WRONG_SCHEMA),
        (_record(b"\xff\xfe"), Reason.WRONG_SCHEMA),
        (_record(b"[" * 100_000), Reason.WRONG_SCHEMA),
        (_record(b'{"event": "CallMelted"}'), Reason.WRONG_SCHEMA),
        (_record(b"{}", [("ce_type", b"mailcall.call.events.v2")]), Reason.UNKNOWN_VERSION),
        (_record(b"{}", [("ce_type", b"mailcall.persons.v1")]), Reason.WRONG_TYPE),
        (_record(b"{}", [("ce_type", b"\xff")]), Reason.WRONG_TYPE),
        (_structured(), Reason.WRONG_SCHEMA),
        (_structured(data_base64="?"), Reason.WRONG_SCHEMA),
        (_structured(data_base64=7), Reason.WRONG_SCHEMA),
        (_structured(data={}, type="mailcall.call.events.v9"), Reason.UNKNOWN_VERSION),
        (_record(b"[]", [("content-type", b"application/cloudevents+json")]), Reason.WRONG_SCHEMA),
        (_record(b"[" * 100_000, [("content-type", b"application/cloudevents+json")]), Reason.WRONG_SCHEMA),
    ],
    ids=range(15),
)
def test_what_cannot_be_decoded_says_why(record: Record, reason: Reason) -> None:
    assert _reason(CALL_EVENTS, record) is reason


def test_an_error_never_tells_the_content() -> None:
    record = _record(json.dumps({"event": "CallClosed", "reference": ["s3cret"], "at": "s3cret"}).encode())
    with pytest.raises(UndecodableError) as caught:
        decode(CALL_EVENTS, record)
    assert "s3cret" not in str(caught.value)
    assert "reference" in str(caught.value)


def test_unknown_fields_are_left_unread() -> None:
    newer = EVENT.model_dump(mode="json") | {"of_a_later_release": 1}
    assert decode(CALL_EVENTS, _record(json.dumps(newer).encode()))[1] == EVENT


def test_a_tombstone_has_no_value() -> None:
    message = tombstone(CALL_EVENTS, "C-000123")
    assert (message.key, message.value) == ("C-000123", None)


_header_names = st.sampled_from(["ce_type", "ce_id", "content-type", "Content-Type", "traceparent"]) | st.text(
    max_size=9
)
_header_values = (
    st.none()
    | st.binary(max_size=40)
    | st.sampled_from(
        [b"application/cloudevents+json", b"application/json", b"mailcall.call.events.v1", b"mailcall.call.events.v"]
    )
)
_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
)
_events = st.dictionaries(
    st.sampled_from(["data", "data_base64", "type", "id", "event", "kind", "reference", "traceparent"]),
    _json,
    max_size=5,
)


@given(
    topic=st.sampled_from([topic for topic in TOPICS if topic.value is not None]),
    value=st.none() | st.binary(max_size=200) | (_json | _events).map(lambda event: json.dumps(event).encode()),
    headers=st.lists(st.tuples(_header_names, _header_values), max_size=4),
)
def test_no_bytes_raise_anything_but_undecodable(topic: Topic, value: bytes | None, headers: list[Any]) -> None:
    try:
        decode(topic, _record(value, headers))
    except UndecodableError as error:
        assert error.reason in (Reason.NULL_VALUE, Reason.WRONG_SCHEMA, Reason.WRONG_TYPE, Reason.UNKNOWN_VERSION)


@given(text=st.text(max_size=60))
def test_any_text_survives_the_way(text: str) -> None:
    event = EVENT.model_copy(update={"mail_id": text})
    message = encode(CALL_EVENTS, "k", event, id="1", source="/test", time=datetime.now(UTC), extensions={"x": text})
    context, value = decode(CALL_EVENTS, _record(message.value, message.headers))
    assert value == event
    assert context.extensions["x"] == text


def test_what_is_no_unicode_is_replaced_in_a_header() -> None:
    now = datetime.now(UTC)
    message = encode(CALL_EVENTS, "k", EVENT, id="1", source="/test", time=now, extensions={"x": "a\ud800b"})
    context, _ = decode(CALL_EVENTS, _record(message.value, message.headers))
    assert context.extensions["x"] == "a?b"
