"""Mails and cursors as records. Pure but for the blob store, where a mail above the inline size is put first."""

import hashlib
from datetime import datetime
from typing import Protocol

from ingest.connectors.base import RemoteMail
from ingest.sender_key import sender_key
from schemas import ids
from schemas.fetched import FetchedMail
from schemas.servers import MailboxCursor, ServerStatus
from schemas.topics import MAIL_FETCHED, MAILBOX_CURSORS, MAX_INLINE_BYTES, SERVER_STATUS
from schemas.wire import Message, encode


class Keep(Protocol):
    """Stores bytes and returns their key: `BlobStore.put`. With their SHA-256 given it need not count it again."""

    def __call__(self, data: bytes, sha256: str | None = None, /) -> str: ...


def source(server_id: str) -> str:
    """`ce_source` of what is written about an incoming server."""
    return f"/mailcall/ingest/{server_id}"


def fetched(server_id: str, mail: RemoteMail, keep: Keep, now: datetime) -> Message:
    """The `mail.fetched` record of a mail. Its blob, if it has one, is kept when this returns."""
    raw = mail.raw
    inline = len(raw) <= MAX_INLINE_BYTES
    sha256 = hashlib.sha256(raw).hexdigest()
    known = FetchedMail(
        mail_id=ids.mail_id(server_id, raw),
        server_id=server_id,
        received=mail.internal_date or now,
        size=len(raw),
        sha256=sha256,
        mailbox=mail.locator,
        dataref=None if inline else keep(raw, sha256),
        truncated=mail.size,
    )
    return encode(
        MAIL_FETCHED,
        sender_key(raw),
        raw if inline else b"",
        id=known.mail_id,
        source=source(server_id),
        time=now,
        traceparent=ids.traceparent(known.mail_id),
        extensions=known.extensions(),
    )


def cursor_record(cursor: MailboxCursor, now: datetime) -> Message:
    """How far a mailbox is read. The id says so too: the same progress gives the same id."""
    reached = f"{cursor.uidvalidity}/{cursor.uid}/{','.join(cursor.uidls)}"
    return encode(
        MAILBOX_CURSORS,
        cursor.server_id,
        cursor,
        id=ids.event_id(cursor.server_id, f"cursor {cursor.folder} {reached}"),
        source=source(cursor.server_id),
        time=now,
    )


def status_record(status: ServerStatus, now: datetime) -> Message:
    """How a server is."""
    return encode(
        SERVER_STATUS,
        status.server_id,
        status,
        id=ids.event_id(status.server_id, f"status {status.state} {now.isoformat()}"),
        source=source(status.server_id),
        time=now,
    )
