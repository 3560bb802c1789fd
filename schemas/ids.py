"""Ids are derived, never random: the same cause gives the same id, so that a redelivered record is recognised."""

import hashlib
import re
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from schemas.line_endings import lf_parts

# What mail stores add or rewrite when they keep a mail: the same mail read over IMAP and POP3, or after a re-import,
# must have the same id. (mbox format: Status, X-Status, X-UID, X-Keywords; Content-Length and Lines of SysV mbox;
# X-TUID in each mail that isync copied.)
STORE_HEADERS = re.compile(  # with the line feed before it, which is found much faster than the beginning of a line
    rb"\n(?:Status|X-Status|X-UID|X-UIDL|X-TUID|X-Keywords|X-IMAP|X-IMAPbase|X-Mozilla-[\w-]+|Content-Length|Lines)"
    rb"[ \t]*:[^\n]*(?:\n[ \t][^\n]*)*(?=\n)",
    re.IGNORECASE,
)
MAIL_ID = re.compile(r"^[0-9a-f]{32}$")
MAX_HEAD_BYTES = 1_000_000
_PIECE_BYTES = 1_000_000


def _digest(*parts: bytes | memoryview) -> str:
    """32 hexadecimal digits over the parts, each led by its length, so that no two lists of parts meet."""
    return _begun(*parts).hexdigest()[:32]


def _begun(*parts: bytes | memoryview) -> "hashlib._Hash":
    state = hashlib.sha256()
    for part in parts:
        state.update(b"%d:" % len(part))
        state.update(part)
    return state


def mail_id(server_id: str, raw: bytes) -> str:
    """32 hexadecimal digits: the identity of one mail at one incoming server.

    Taken over the raw bytes less what mail stores rewrite: line ends, trailing line ends and their own headers.
    The Message-ID is no part of it: people and machines reuse it.
    """
    start, *others = lf_parts(raw)
    head_end = start.find(b"\n\n") + 1 or len(start)
    body = _without_end([start[head_end:], *others])
    state = _begun(server_id.encode(), _without_store_headers(start[:head_end]))
    state.update(b"%d:" % sum(map(len, body)))
    for part in body:
        state.update(part)
    return state.hexdigest()[:32]


def _without_store_headers(head: bytes | bytearray) -> bytes:
    return STORE_HEADERS.sub(b"", b"\n" + head)[1:]


def _without_end(parts: list[bytes | bytearray]) -> list[bytes | bytearray]:
    """The parts of a text less the line feeds that it ends with."""
    while parts:
        if last := parts.pop().rstrip(b"\n"):
            return [*parts, last]
    return []


def mail_id_of_file(server_id: str, file: BinaryIO) -> str:
    """`mail_id` of a mail that is too large to be held in memory: the file is read from its beginning, twice.

    Both are the same where the header block has no more than `MAX_HEAD_BYTES`.
    """
    start, position, text_end = b"", 0, 0
    for piece in _lf_pieces(file):
        start += piece[: max(0, MAX_HEAD_BYTES - position)]
        text = len(piece.rstrip(b"\n"))
        text_end = position + text if text else text_end
        position += len(piece)
    head = start[: start.find(b"\n\n") + 1] or start
    body_end = max(len(head), text_end)
    state = _begun(server_id.encode(), _without_store_headers(head))
    state.update(b"%d:" % (body_end - len(head)))
    position = 0
    for piece in _lf_pieces(file):
        state.update(piece[max(0, len(head) - position) : max(0, body_end - position)])
        position += len(piece)
    return state.hexdigest()[:32]


def _lf_pieces(file: BinaryIO) -> Iterator[bytes]:
    """The file from its beginning with bare line feeds, piece by piece."""
    file.seek(0)
    carried = b""  # a CR at the end of a piece, whose LF may come with the next
    while read := file.read(_PIECE_BYTES):
        piece = carried + read
        carried = piece[-1:] if piece.endswith(b"\r") else b""
        yield piece[: len(piece) - len(carried)].replace(b"\r\n", b"\n")
    yield carried


MADE_BY_MAIL = "m-"  # how the id of a person begins whom a mail has made


def person_id(address: str) -> str:
    """Id of a new person made from mail: the same normalised address always gives the same person."""
    return f"{MADE_BY_MAIL}{_digest(b'person', address.encode('utf-8', 'replace'))[:20]}"


def notification_id(cause_id: str, event: str, recipient: str) -> str:
    """One notification for one cause (a mail id, or an integrator's event id), event type and recipient address."""
    return _digest(b"notification", cause_id.encode(), event.encode(), recipient.encode("utf-8", "replace"))


def event_id(cause_id: str, event: str) -> str:
    """Id of a call event: its cause and its type."""
    return _digest(b"event", cause_id.encode(), event.encode())


def message_id(notification: str, domain: str) -> str:
    """Message-ID of an outgoing mail, with its angle brackets: a retry carries the same one (RFC 5322, 3.6.4).

    `notification`: the notification's id, or the token that it is signed as (`schemas/tokens.py`).
    """
    return f"<mailcall.{notification}@{domain}>"


def message_id_of_part(message_id: str, recipients: Iterable[str]) -> str:
    """Message-ID of an outgoing mail that is handed over for some of its recipients only, made from its own.

    Some gateways (DavMail 6.0.1) take a second mail with a Message-ID that they know, and send nothing. The same
    recipients have the same one, so that a mail which a crash repeats is still known as the same.
    """
    own, _, domain = message_id.rpartition("@")
    part = _digest(b"part", *(one.encode("utf-8", "replace") for one in recipients))[:8]
    return f"{own}.p{part}@{domain}"


# What we write as Message-ID. Group 1 is the notification's id, group 2 its day and what signs it where it is signed;
# what names a part of the recipients is in no group.
OWN_MESSAGE_ID = re.compile(
    r"^<mailcall\.([0-9a-f]{32})(\.[0-9]{1,7}\.[0-9a-z]{16}(?:[0-9a-z]{8})?)?(?:\.p[0-9a-f]{8})?@[^>\s]+>$",
    re.ASCII | re.IGNORECASE,
)


def notification_of(message_id: str) -> str | None:
    """The id of the notification that a Message-ID of our own form names, in small letters; signed or not."""
    own = OWN_MESSAGE_ID.match(message_id)
    return own and own[1].lower()


def traceparent(cause_id: str) -> str:
    """W3C trace context derived from a 32-digit id, for a trace that starts here."""
    return f"00-{cause_id}-{_digest(b'span', cause_id.encode())[:16]}-01"
