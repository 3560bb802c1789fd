"""Mails and cursors as records. Pure but for the blob store, where a mail above the inline size is put first."""

import hashlib
from datetime import datetime
from typing import BinaryIO, Protocol

from ingest.connectors.base import FIRST_PART_BYTES, RemoteMail
from ingest.sender_key import sender_key
from runtime.blobs import digest_of
from schemas import ids
from schemas.fetched import FetchedMail
from schemas.servers import MailboxCursor, ServerStatus
from schemas.settings import IncomingServer
from schemas.sizes import MAX_INLINE_BYTES
from schemas.topics import MAIL_FETCHED, MAILBOX_CURSORS, SERVER_STATUS
from schemas.wire import OutputRecord, encode


class Blobs(Protocol):
    """What is needed of the blob store: `runtime.blobs.BlobStore`."""

    def put(self, data: bytes) -> str: ...

    def put_file(self, file: BinaryIO) -> str: ...


def source(server_id: str) -> str:
    """`ce_source` of what is written about an incoming server."""
    return f"/mailcall/ingest/{server_id}"


def fetched(
    server: IncomingServer, mail: RemoteMail, blobs: Blobs, now: datetime, inline_bytes: int = MAX_INLINE_BYTES
) -> OutputRecord:
    """The `mail.fetched` record of a mail. Its blob, if it has one, is kept when this returns.

    A mail of more than `inline_bytes` stands in its blob alone. Of a mail above the server's limit the record holds the
    headers and first part, and names the blob of all of it.
    """
    known = _known(server, mail, blobs, mail.internal_date or now, inline_bytes)
    return encode(
        MAIL_FETCHED,
        sender_key(mail.raw),
        b"" if known.dataref else mail.raw[: known.size],
        id=known.mail_id,
        source=source(server.id),
        time=now,
        traceparent=ids.traceparent(known.mail_id),
        extensions=known.extensions(),
    )


def _known(
    server: IncomingServer, mail: RemoteMail, blobs: Blobs, received: datetime, inline_bytes: int
) -> FetchedMail:
    size = mail.bytes_in_all
    oversize = size > server.max_mail_bytes or not mail.is_kept_whole
    blob = _keep(mail, blobs) if mail.is_kept_whole and (oversize or size > inline_bytes) else None
    there = mail.raw[:FIRST_PART_BYTES] if oversize else mail.raw
    claimed = blob is not None and not oversize
    return FetchedMail(
        mail_id=_mail_id(server.id, mail),
        server_id=server.id,
        received=received,
        size=len(there) if oversize else size,
        sha256=digest_of(blob) if blob and claimed else hashlib.sha256(there).hexdigest(),
        mailbox=mail.locator,
        dataref=blob if claimed else None,
        truncated=size if oversize else None,
        wholeref=blob if oversize else None,
    )


def _keep(mail: RemoteMail, blobs: Blobs) -> str:
    return blobs.put(mail.raw) if mail.spool is None else blobs.put_file(mail.spool)


def _mail_id(server_id: str, mail: RemoteMail) -> str:
    return ids.mail_id(server_id, mail.raw) if mail.spool is None else ids.mail_id_of_file(server_id, mail.spool)


def cursor_record(cursor: MailboxCursor, now: datetime) -> OutputRecord:
    """How far a mailbox is read. The id says so too: the same progress gives the same id."""
    owed = ",".join(f"{mail.handle}/{mail.tries}" for mail in cursor.owed)
    reached = f"{cursor.uidvalidity}/{cursor.uid}/{','.join(cursor.uidls)}{f'/{owed}' if owed else ''}"
    reached += cursor.delta or ""
    if cursor.sync_state is not None:
        reached += f"/{cursor.sync_state}"
    return encode(
        MAILBOX_CURSORS,
        cursor.server_id,
        cursor,
        id=ids.event_id(cursor.server_id, f"cursor {cursor.folder} {reached}"),
        source=source(cursor.server_id),
        time=now,
    )


def status_record(status: ServerStatus, now: datetime) -> OutputRecord:
    """How a server is."""
    return encode(
        SERVER_STATUS,
        status.server_id,
        status,
        id=ids.event_id(status.server_id, f"status {status.state} {now.isoformat()}"),
        source=source(status.server_id),
        time=now,
    )
