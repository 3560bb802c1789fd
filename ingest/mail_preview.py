"""What a server test shows of the message that it found: sender, subject and text, for people. Never raises.

This is the one place where ingest parses a message: the beginning of a single one, because an administrator asked for
it. The resolver parses what becomes a call.
"""

import re
from dataclasses import dataclass
from email import message_from_bytes
from email.header import decode_header
from email.message import Message

MAX_SHOWN = 2_000  # characters of the message
MAX_HEADER = 500  # characters of sender and subject
_HEADER_END = re.compile(rb"\r?\n\r?\n")
_TAG = re.compile(r"<(?:style|script)\b.*?</(?:style|script)>|<[^>]{0,2000}>", re.IGNORECASE | re.DOTALL)
UNREADABLE = "(it cannot be shown)"


@dataclass(frozen=True, slots=True)
class MailPreview:
    """Without control characters, except for the text's line endings."""

    sender: str
    subject: str
    message: str


def preview_of(raw: bytes) -> MailPreview:
    """Of the beginning of a message. If it cannot be decoded, the preview says so."""
    try:
        mail = message_from_bytes(raw)
        return MailPreview(_header(mail, "From"), _header(mail, "Subject"), _message(mail))
    except Exception:  # the standard library's parser raises many things on hostile bytes
        return MailPreview("", "", UNREADABLE)


def header_of(raw: bytes) -> bytes:
    """A message's header block."""
    end = _HEADER_END.search(raw)
    return raw[: end.start()] if end else raw


def holds(header: bytes, marker: str) -> bool:
    """Whether the Subject in a header block holds the marker, ignoring case. Every one holds an empty marker."""
    return not marker or marker.casefold() in preview_of(header + b"\r\n\r\n").subject.casefold()


def _header(mail: Message, name: str) -> str:
    """Decoded (RFC 2047), on one line."""
    value = str(mail.get(name, ""))[: 4 * MAX_HEADER]
    parts = [
        part.decode(charset or "utf-8", "replace") if isinstance(part, bytes) else part
        for part, charset in decode_header(value)
    ]
    return " ".join(_printable("".join(parts)).split())[:MAX_HEADER]


def _message(mail: Message) -> str:
    """The first plain text; else the first HTML, less its tags."""
    texts = {part.get_content_type(): part for part in reversed(list(mail.walk()))}
    part = texts.get("text/plain") or texts.get("text/html")
    if part is None:
        return ""
    content = part.get_payload(decode=True)
    text = content.decode(part.get_content_charset() or "utf-8", "replace") if isinstance(content, bytes) else ""
    if part.get_content_type() == "text/html":
        text = _TAG.sub(" ", text)
    lines = (_printable(line).rstrip() for line in text.splitlines())
    return "\n".join(lines).strip()[:MAX_SHOWN]


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)
