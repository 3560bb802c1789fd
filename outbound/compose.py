"""One notification as RFC 5322 wire bytes: `email`'s classes cost 40 times as much (docs/adr/0020-composing.md)."""

import base64
import binascii
from collections.abc import Iterable
from datetime import datetime
from email.utils import format_datetime
from functools import lru_cache
from typing import NamedTuple

from outbound import headers
from outbound.choose import Chosen
from outbound.headers import CRLF
from outbound.render import Rendered
from schemas.events import NotificationRequested
from schemas.ids import message_id, message_id_of_part
from schemas.settings import OutgoingServer
from schemas.tokens import TokenKeys

_CONTROLS = bytes({*range(0x20), 0x7F} - set(b"\t\n"))
_LONGEST_LINE = 900  # RFC 5322, section 2.1.1: 998 characters, with room for a client's own
_BOUNDARY = b"=_mailcall_"  # `=_` cannot come up in quoted-printable or base64; 7-bit text is searched for it
_HIGH_BYTES = bytes(range(0x80, 0x100))

# RFC 3834, section 5, and what Exchange and Outlook respect: no auto-reply to our message.
_AUTO_REPLY = b"Auto-Submitted: auto-replied\r\nX-Auto-Response-Suppress: All\r\n"
_NOTICE = b"Auto-Submitted: auto-generated\r\nX-Auto-Response-Suppress: All\r\n"
_MULTIPART = b'MIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary="%s"\r\n\r\n'


class Composed(NamedTuple):
    """A message ready to be sent. `sender`, of the envelope: the address that delivery reports go to.

    An empty one is the null reverse-path: there are none, and no auto-reply either (RFC 3834, 3.3).
    """

    sender: str
    message_id: str
    before: bytes  # the fields above Message-ID
    after: bytes  # all that is below it

    @property
    def content(self) -> bytes:
        return b"%sMessage-ID: %s\r\n%s" % (self.before, self.message_id.encode("ascii"), self.after)

    def for_part(self, recipients: Iterable[str]) -> "Composed":
        """The same message as it is sent to these of its recipients only."""
        return self._replace(message_id=message_id_of_part(self.message_id, recipients))


def compose(
    request: NotificationRequested, rendered: Rendered, chosen: Chosen, now: datetime, token_keys: TokenKeys
) -> Composed:
    """The message to `request.recipient`. `now` is aware; it becomes Date.

    From is that of the server that sends, since it takes no other; replies reach the partition's own.
    Message-ID and subject are signed as of the day the notification was asked for: the same notification has the same
    ones however often, and by whichever server, it is tried.
    """
    server, own_server = chosen.server, chosen.own
    own = token_keys.sign(request.notification_id, request.requested_at, request.recipient)
    own_id = message_id(own, headers.wire_address(own_server.from_address).rpartition("@")[2])
    parents = [request.in_reply_to] if request.in_reply_to else []
    thread = [*_item_thread(request, own_server), *(id_ for id_ in request.references if id_ not in parents), *parents]
    before = (
        _from(server.from_name, server.from_address),
        headers.mailbox(b"To", request.recipient_name, request.recipient),
        headers.addresses(b"Cc", request.cc),
        headers.addresses(b"Reply-To", _reply_to(chosen)),
        headers.unstructured(b"Subject", _tagged(rendered.subject, request, token_keys)),
        _date(now.replace(microsecond=0)),
    )
    after = (
        headers.message_ids(b"In-Reply-To", parents),
        headers.message_ids(b"References", thread),
        b"X-Mailcall-Loop: %s\r\n" % request.notification_id.encode("ascii"),
        _AUTO_REPLY if request.role == "author" else _NOTICE,
        _body(rendered, request.notification_id),
    )
    return Composed(headers.wire_address(server.bounce_address or ""), own_id, b"".join(before), b"".join(after))


@lru_cache(maxsize=64)
def _from(name: str, address: str) -> bytes:
    """The field From, which all messages of a server have in common."""
    return headers.mailbox(b"From", name, address)


@lru_cache(maxsize=1)
def _date(now: datetime) -> bytes:
    """The field Date, which many messages of one second have in common."""
    return b"Date: %s\r\n" % format_datetime(now).encode("ascii")


def _item_thread(request: NotificationRequested, own_server: OutgoingServer) -> tuple[str, ...]:
    """An id that all notifications of one item have in common: so mail programs show them in one conversation.

    No message has it. The author's notification follows the author's own message instead.
    """
    reference = request.reference
    if request.role == "author" or reference is None:
        return ()
    return (f"<{reference}.item@{headers.wire_address(own_server.from_address).rpartition('@')[2]}>",)


def _reply_to(chosen: Chosen) -> tuple[str, ...]:
    own = chosen.own
    if own.reply_to:
        return (own.reply_to,)
    return () if chosen.server.from_address == own.from_address else (own.from_address,)


def _tagged(subject: str, request: NotificationRequested, token_keys: TokenKeys) -> str:
    """The subject with the item's signed reference: a reply finds its item by it where its thread headers are lost.

    It replaces the plain reference where a message template has put that in brackets, else it leads.
    """
    reference = request.reference
    if reference is None:
        return subject
    tag = f"[{token_keys.sign(reference, request.requested_at, request.recipient)}]"
    plain = f"[{reference}]"
    return subject.replace(plain, tag, 1) if plain in subject else f"{tag} {subject}"


def _body(rendered: Rendered, notification_id: str) -> bytes:
    """MIME headers and body: text alone, or text and HTML as alternatives, the best last (RFC 2046, section 5.1.4)."""
    text = part("plain", rendered.text)
    if rendered.html is None:
        return b"MIME-Version: 1.0\r\n" + text
    boundary = _BOUNDARY + notification_id.encode("ascii")
    line = b"--" + boundary
    html = part("html", rendered.html)
    return b"".join([_MULTIPART % boundary, line, CRLF, text, line, CRLF, html, line, b"--", CRLF])


def part(subtype: str, text: str) -> bytes:
    """One text part with its headers; it ends with a line end. The transfer encoding is the shortest that is 7-bit."""
    # Bytes from here on: patterns over text took half of the time that a message takes to be composed.
    lines = text.encode("utf-8", "replace")
    if b"\r" in lines:  # to look for two bytes takes fifteen times as long as for one
        lines = lines.replace(CRLF, b"\n").replace(b"\r", b"\n")
    lines = lines.translate(None, _CONTROLS)
    encoding, body = _transfer(lines.rstrip(b"\n") + b"\n")
    head = f"Content-Type: text/{subtype}; charset=utf-8\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n"
    return head.encode("ascii") + body


def _transfer(lines: bytes) -> tuple[str, bytes]:
    data = lines.replace(b"\n", CRLF)
    if lines.isascii() and _BOUNDARY not in lines and not _has_long_line(lines):
        return "7bit", data
    high = len(data) - len(data.translate(None, _HIGH_BYTES))
    if high * 6 < len(data):  # quoted-printable makes three bytes of one, base64 four of three
        return "quoted-printable", binascii.b2a_qp(data)
    return "base64", base64.encodebytes(data).replace(b"\n", CRLF)


def _has_long_line(lines: bytes) -> bool:
    """In leaps, each to the last line end that may be the next one."""
    start = 0
    while len(lines) - start > _LONGEST_LINE:
        end = lines.rfind(b"\n", start, start + _LONGEST_LINE + 1)
        if end < 0:
            return True
        start = end + 1
    return False
