"""Messages, cursors and status as records. Pure but for the blob store, where a large message is put first."""

import hashlib
import re
from datetime import datetime
from typing import BinaryIO, Protocol

from ingest.connectors.remote_mail import FIRST_PART_BYTES, RemoteMail
from runtime.blobs import digest_of
from schemas import ids
from schemas.addresses import MAX_ADDRESS, normalise
from schemas.fetched import FetchedMail
from schemas.servers import MailboxCursor, ServerStatus
from schemas.settings import IncomingServer
from schemas.topics import MAIL_FETCHED, MAILBOX_CURSORS, SERVER_STATUS
from schemas.wire import MAX_INLINE_BYTES, OutputRecord, encode

UNKNOWN = "unknown"

MAX_HEADER_BYTES = 64 * 1024  # a From after more header than this is not looked for
MAX_FROM_BYTES = 4 * 1024
_FROM = re.compile(rb"\nFrom[ \t]*:([^\n]*(?:\n[ \t][^\n]*)*)", re.IGNORECASE)  # with ^ it takes three times as long
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"|\([^()]*\)')  # names and comments may hold anything, addresses too
_ANGLE = re.compile(r"<([^<>]*)>")
_BARE = re.compile(r"(?<![^\s,;:<>()])[^\s,;:<>()]+@[^\s,;:<>()]+")  # from the start of a word on, so in linear time


class Blobs(Protocol):
    """What is needed of the blob store: `runtime.blobs.BlobStore`."""

    def put(self, data: bytes) -> str: ...

    def put_file(self, file: BinaryIO) -> str: ...


def source(server_id: str) -> str:
    """`ce_source` of records about an incoming server."""
    return f"/mailcall/ingest/{server_id}"


def fetched(
    server: IncomingServer, mail: RemoteMail, blobs: Blobs, now: datetime, inline_bytes: int = MAX_INLINE_BYTES
) -> OutputRecord:
    """The `mail.fetched` record of a message. Its blob, if it has one, is stored when this returns.

    A message of more than `inline_bytes` is in its blob alone. Of a message above the server's limit the record holds
    the header and first part, and names the blob of the whole message.
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
    blob = _store(mail, blobs) if mail.is_kept_whole and (oversize or size > inline_bytes) else None
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


def _store(mail: RemoteMail, blobs: Blobs) -> str:
    return blobs.put(mail.raw) if mail.spool is None else blobs.put_file(mail.spool)


def _mail_id(server_id: str, mail: RemoteMail) -> str:
    return ids.mail_id(server_id, mail.raw) if mail.spool is None else ids.mail_id_of_file(server_id, mail.spool)


def cursor_record(cursor: MailboxCursor, now: datetime) -> OutputRecord:
    """How far a mailbox has been read. So does the id: the same progress gives the same id."""
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
    """The status of a server."""
    return encode(
        SERVER_STATUS,
        status.server_id,
        status,
        id=ids.event_id(status.server_id, f"status {status.state} {now.isoformat()}"),
        source=source(status.server_id),
        time=now,
    )


def sender_key(raw: bytes) -> str:
    """The key of `mail.fetched`: the sender's address by a cheap scan, so that one sender's messages stay in order.

    Normalised, of the first From header, else `unknown`; at most 320 printable characters. It need not be right, only
    the same for the same sender: who sent a message is the resolver's decision. Never raises.
    """
    found = _FROM.search(b"\n" + _head(raw))
    if not found:
        return UNKNOWN
    address = _address(found.group(1)[:MAX_FROM_BYTES].decode("utf-8", "replace"))
    printable = address if address.isprintable() else "".join(c for c in address if c.isprintable())
    return normalise(printable.replace(" ", "")[:MAX_ADDRESS])[:MAX_ADDRESS] or UNKNOWN


def _head(raw: bytes) -> bytes:
    """The header up to its last line's text: everything before the first empty line, which may be LF or CRLF."""
    end = raw.find(b"\n\r\n", 0, MAX_HEADER_BYTES)
    end = MAX_HEADER_BYTES if end < 0 else end
    unix_end = raw.find(b"\n\n", 0, end)
    return raw[: end if unix_end < 0 else unix_end]


def _address(value: str) -> str:
    """The text in the first angle brackets, else the first word with an @ in it, else nothing."""
    unquoted = _QUOTED.sub(" ", value)
    found = _ANGLE.search(unquoted)
    if found and found.group(1).strip():
        return found.group(1)
    bare = _BARE.search(unquoted)
    return bare.group() if bare else ""
