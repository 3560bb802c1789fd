"""The decisions of ingest, without a network: back-off, status, ownership, blocks, records."""

import hashlib
import itertools
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kafka.partitioner import DefaultPartitioner

from ingest import records
from ingest.backoff import MOST_SECONDS, delay
from ingest.connectors import remote_mail
from ingest.connectors.base import BATCH_BYTES, BATCH_MAILS, take_batch
from ingest.connectors.imap_responses import internal_date
from ingest.connectors.remote_mail import FIRST_PART_BYTES, RemoteMail, spooled
from ingest.server_assignment import changes, partition_of, servers_of
from ingest.status import REFRESH, StatusTracker, state_after
from mailserver.errors import MailServerError
from runtime.blobs import BlobStore
from runtime.kafka.producer import OVERHEAD_BYTES, prepare
from schemas import ids
from schemas.fetched import FetchedMail, open_fetched
from schemas.reasons import Reason
from schemas.servers import MailboxCursor
from schemas.settings import IncomingServer
from schemas.snapshot import SettingsSnapshot
from schemas.topics import MAIL_FETCHED, MAILBOX_CURSORS
from schemas.wire import (
    LEAST_RECORD_BYTES,
    MAX_INLINE_BYTES,
    MAX_RECORD_BYTES,
    OutputRecord,
    Record,
    decode,
    inline_bytes,
)

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
RAW = b"From: Ann <Ann@Example.test>\r\nSubject: hello\r\n\r\nhello\r\n"


def record_of(message: OutputRecord) -> Record:
    return Record(message.topic.short, 0, 0, message.key.encode(), message.value, message.headers, 0)


def trouble(reason: Reason) -> MailServerError:
    return MailServerError(reason, "what happened", temporary=True)


# ---- back-off ----


def test_what_the_server_asks_for_is_heeded_within_bounds() -> None:
    assert 120 <= delay(1, temporary=True, draw=0.5, asked=120) <= 150
    assert delay(1, temporary=True, draw=1, asked=10**9) <= 4_000


@given(st.integers(1, 10_000), st.floats(0, 1))
def test_waits_grow_within_bounds(failures: int, draw: float) -> None:
    assert 0.5 <= delay(failures, temporary=True, draw=draw) <= MOST_SECONDS
    assert delay(failures, temporary=True, draw=draw) <= delay(failures + 1, temporary=True, draw=draw)


@given(st.integers(1, 10_000), st.floats(0, 1))
def test_what_needs_a_person_is_tried_again_twice_and_then_not_hammered(failures: int, draw: float) -> None:
    wait = delay(failures, temporary=False, draw=draw)
    if failures == 1:
        assert 20 <= wait <= 25
    elif failures == 2:
        assert 60 <= wait <= 75
    else:
        assert 900 <= wait <= 1125


# ---- status ----


def test_a_status_is_written_when_the_state_changes_only() -> None:
    tracker, first = StatusTracker("it").moved("idle", NOW)
    assert first is not None and (first.state, first.since, first.last_success) == ("idle", NOW, NOW)
    tracker, again = tracker.moved("idle", NOW + timedelta(seconds=60))
    assert again is None
    later = NOW + timedelta(seconds=120)
    _, failed = tracker.moved("unreachable", later, error=trouble(Reason.SERVER_UNREACHABLE))
    assert failed is not None
    assert (failed.since, failed.last_success, failed.last_error) == (later, NOW, "what happened")


def test_an_unchanged_success_is_told_again_now_and_then_with_its_beginning() -> None:
    tracker, _ = StatusTracker("it").moved("idle", NOW)
    _, again = tracker.moved("idle", NOW + REFRESH)
    assert again is not None
    assert (again.since, again.last_success) == (NOW, NOW + REFRESH)


def test_a_failure_that_goes_on_is_told_once() -> None:
    error = trouble(Reason.SERVER_UNREACHABLE)
    tracker, _ = StatusTracker("it").moved("unreachable", NOW, error=error)
    _, again = tracker.moved("unreachable", NOW + REFRESH, error=error)
    assert again is None


@pytest.mark.parametrize(
    ("reason", "state"),
    [
        (Reason.AUTHENTICATION_REFUSED, "authentication-refused"),
        (Reason.SERVER_DEFERRED, "throttled"),
        (Reason.SERVER_UNREACHABLE, "unreachable"),
        (Reason.FOLDER_REFUSED, "unreachable"),
    ],
)
def test_each_reason_leads_to_a_state(reason: Reason, state: str) -> None:
    assert state_after(trouble(reason)) == state


# ---- ownership ----


class _Cluster:
    def topics(self) -> set[str]:
        return {"t"}

    def partitions_for_topic(self, _topic: str) -> set[int]:
        return set(range(12))

    available_partitions_for_topic = partitions_for_topic


@given(st.text(st.characters(codec="ascii"), min_size=1))
def test_a_server_belongs_where_the_producer_puts_its_cursor(server_id: str) -> None:
    expected = DefaultPartitioner().partition("t", server_id, server_id.encode(), None, None, _Cluster())
    assert partition_of(server_id, 12) == expected


def test_every_server_is_one_replicas(incoming_server: Any) -> None:
    servers = [incoming_server(id=f"s{number}") for number in range(100)]
    snapshot = SettingsSnapshot({f"incoming-server/{server.id}": server for server in servers})
    shares = [servers_of(snapshot, owned, 12)[0] for owned in (range(4), range(4, 8), range(8, 12))]
    assert all(shares)
    assert sorted(id_ for share in shares for id_ in share) == sorted(server.id for server in servers)


def test_a_disabled_server_is_not_watched(incoming_server: Any) -> None:
    server = incoming_server(enabled=False)
    wanted, disabled = servers_of(SettingsSnapshot({"incoming-server/it": server}), range(12), 12)
    assert (wanted, disabled) == ({}, (server,))


def test_a_changed_server_is_stopped_and_started_others_are_left_alone(incoming_server: Any) -> None:
    same, old, new = incoming_server(id="a"), incoming_server(id="b"), incoming_server(id="b", folder="Desk")
    gone, added = incoming_server(id="c"), incoming_server(id="d")
    result = changes({"a": same, "b": old, "c": gone}, {"a": same, "b": new, "d": added})
    assert (set(result.stop), set(result.start)) == ({"b", "c"}, {new, added})


# ---- blocks ----


@given(st.lists(st.integers(0, 2 * 3 * BATCH_BYTES)))
def test_blocks_hold_all_in_order_within_their_bounds(sizes: list[int]) -> None:
    waiting = [(str(number), size) for number, size in enumerate(sizes)]
    everything, taken = list(waiting), []
    while waiting:
        block = take_batch(waiting, BATCH_BYTES)
        assert 1 <= len(block) <= BATCH_MAILS
        assert len(block) == 1 or sum(size for _, size in block) <= BATCH_BYTES
        taken += block
    assert taken == everything


# ---- records ----


SERVER = IncomingServer(
    id="it", protocol="imap", call_template="it", default_logging_analyst="anna", max_mail_bytes=10_000_000
)


@pytest.fixture
def blobs(tmp_path: Path) -> BlobStore:
    return BlobStore(tmp_path.as_uri())


def spooled_mail(size: int) -> tuple[bytes, RemoteMail]:
    raw = RAW + b"x" * size
    return raw, spooled("7", "", (raw[at : at + 3_000_000] for at in range(0, len(raw), 3_000_000)), room=BATCH_BYTES)


def test_a_mail_is_published_as_it_is_with_what_is_known_of_it(blobs: BlobStore) -> None:
    date = datetime(2026, 11, 1, 8, 0, tzinfo=UTC)
    message = records.fetched(SERVER, RemoteMail("7", "INBOX;UIDVALIDITY=1;UID=7", RAW, date), blobs, NOW)
    assert (message.topic, message.key, message.value) == (MAIL_FETCHED, "ann@example.test", RAW)
    mail = open_fetched(record_of(message))
    assert mail.mail_id == ids.mail_id("it", RAW)
    assert (mail.server_id, mail.mailbox, mail.received) == ("it", "INBOX;UIDVALIDITY=1;UID=7", date)
    assert (mail.size, mail.raw, mail.dataref, mail.truncated, mail.wholeref) == (len(RAW), RAW, None, None, None)
    assert mail.traceparent == ids.traceparent(mail.mail_id)


@pytest.mark.parametrize("in_memory", [True, False])
def test_a_large_mail_is_kept_as_a_blob(blobs: BlobStore, in_memory: bool) -> None:
    raw, mail = spooled_mail(MAX_INLINE_BYTES if in_memory else BATCH_BYTES)
    assert (mail.spool is None) == in_memory
    message = records.fetched(SERVER, mail, blobs, NOW)
    known = open_fetched(record_of(message))
    assert message.value == b""
    assert blobs.get(known.dataref or "") == raw
    assert (known.size, known.sha256) == (len(raw), hashlib.sha256(raw).hexdigest())
    assert (known.raw, known.truncated, known.wholeref) == (b"", None, None)
    assert known.mail_id == ids.mail_id("it", raw)
    assert known.received == NOW


def test_the_claim_check_follows_the_largest_record(blobs: BlobStore) -> None:
    assert inline_bytes(MAX_RECORD_BYTES) == MAX_INLINE_BYTES
    inline = inline_bytes(LEAST_RECORD_BYTES)
    for size, is_inline in ((inline, True), (inline + 1, False)):
        raw = RAW.ljust(size, b"x")
        message = records.fetched(SERVER, RemoteMail("7", "INBOX;UIDVALIDITY=1;UID=7", raw), blobs, NOW, inline)
        assert (message.value == raw) is is_inline
        assert prepare(message, "t").size < LEAST_RECORD_BYTES - OVERHEAD_BYTES
        known = open_fetched(record_of(message))
        assert (known.raw or blobs.get(known.dataref or "")) == raw


@pytest.mark.parametrize("in_memory", [True, False])
def test_a_mail_over_the_limit_is_its_beginning_and_its_bytes_are_kept(blobs: BlobStore, in_memory: bool) -> None:
    raw, mail = spooled_mail(200_000 if in_memory else BATCH_BYTES)
    assert (mail.spool is None) == in_memory
    message = records.fetched(SERVER.model_copy(update={"max_mail_bytes": 150_000}), mail, blobs, NOW)
    known = open_fetched(record_of(message))
    assert message.value == known.raw == raw[:FIRST_PART_BYTES]
    assert (known.size, known.truncated, known.dataref) == (FIRST_PART_BYTES, len(raw), None)
    assert blobs.get(known.wholeref or "") == raw
    assert known.mail_id == ids.mail_id("it", raw)


def test_a_mail_that_is_too_large_to_be_kept_says_how_large_it_was(blobs: BlobStore) -> None:
    message = records.fetched(SERVER, RemoteMail("7", "", RAW, size=60_000_000), blobs, NOW)
    known = open_fetched(record_of(message))
    assert (known.truncated, known.wholeref, known.raw) == (60_000_000, None, RAW)


def test_a_mail_without_end_is_given_up_at_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote_mail, "MAX_SPOOL_BYTES", 1_000_000)
    mail = spooled("7", "", itertools.repeat(b"x" * 300_000), room=BATCH_BYTES, announced=5)
    assert (len(mail.raw), mail.size, mail.spool) == (FIRST_PART_BYTES, 1_200_000, None)


@given(st.text(), st.text(), st.binary(min_size=1), st.none() | st.integers(0, 10**12))
def test_what_is_written_beside_a_mail_is_read_again(
    mailbox: str, sha256: str, raw: bytes, truncated: int | None
) -> None:
    mail = FetchedMail(
        mail_id="0" * 32,
        server_id="it",
        received=NOW,
        size=len(raw),
        sha256=sha256.encode("utf-8", "replace").decode() or "0",
        mailbox=mailbox.encode("utf-8", "replace").decode(),
        raw=raw,
        truncated=truncated,
    )
    headers = [("ce_id", mail.mail_id.encode())]
    headers += [(f"ce_{name}", value.encode()) for name, value in mail.extensions().items()]
    assert open_fetched(Record("t", 0, 0, b"", raw, headers)) == mail


def test_a_cursor_is_published_under_its_server() -> None:
    cursor = MailboxCursor(server_id="it", uidvalidity=1, uid=7)
    message = records.cursor_record(cursor, NOW)
    assert (message.topic, message.key) == (MAILBOX_CURSORS, "it")
    context, read = decode(MAILBOX_CURSORS, record_of(message))
    assert (read, context.source) == (cursor, "/mailcall/ingest/it")
    assert records.cursor_record(cursor, NOW + REFRESH).headers[1] == message.headers[1]


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        (" 7-Nov-2026 12:34:56 +0100", "2026-11-07T12:34:56+01:00"),
        ("17-JAN-2026 00:00:00 -0330", "2026-01-17T00:00:00-03:30"),
        ("32-Nov-2026 12:34:56 +0000", None),
        ("17-Foo-2026 12:34:56 +0000", None),
        ("17-Nov-2026 12:34:60 +0000", None),
        ("17-Nov-2026 12:34:56 +9900", None),
        ("17-Nov-0000 12:34:56 +0000", None),
        ("yesterday", None),
    ],
)
def test_an_internal_date_is_read_or_there_is_none(text: str, iso: str | None) -> None:
    moment = internal_date(f'* 1 FETCH (UID 1 INTERNALDATE "{text}" BODY[] {{3}}'.encode())
    assert (moment and moment.isoformat()) == iso
