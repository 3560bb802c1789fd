"""A mail of all that a mail system may take away or change: what comes back of it is compared (`servers test --probe`).

It comes back as our own, whatever is left of it: no call is logged (`resolver/screening/own_mail.py`).
"""

import base64
from datetime import datetime
from email.utils import format_datetime

from outbound import headers
from outbound.compose import part
from outbound.headers import CRLF
from schemas.ids import message_id
from schemas.reply_marker import REPLY_MARKER
from schemas.servers import ServerTest
from schemas.settings import OutgoingServer

_SUBJECT = "[probe {id}] Drucker – принтер – プリンター – 🖨"
_TEXT = f"""{REPLY_MARKER}

This mail tells what becomes of a mail on its way. It needs no answer.
Probe @ID@.

A line that ends with blanks:  \nFrom the beginning of a line
.
..a line that begins with dots
> a line that looks like a quotation
{"A long line. " * 60}
Grüße – привет – こんにちは – 🖨
"""
_HTML = f"<p>{REPLY_MARKER}</p>\n<p>Grüße – <b>привет</b> – こんにちは – 🖨</p>\n<!-- a comment -->"
_FILE = bytes(range(256)) * 4


def probe_mail(test: ServerTest, server: OutgoingServer, now: datetime) -> bytes:
    """To `test.to`, with the test's id in Message-ID and subject."""
    domain = headers.wire_address(server.from_address).rpartition("@")[2]
    outer, inner = f"=_probe_a_{test.test_id}", f"=_probe_b_{test.test_id}"
    fields = (
        headers.mailbox(b"From", server.from_name, server.from_address),
        headers.addresses(b"To", test.to),
        headers.addresses(b"Reply-To", (server.reply_to,) if server.reply_to else ()),
        headers.unstructured(b"Subject", _SUBJECT.format(id=test.test_id)),
        b"Date: %s\r\n" % format_datetime(now).encode("ascii"),
        b"Message-ID: %s\r\n" % message_id(test.test_id, domain).encode("ascii"),
        headers.message_ids(b"In-Reply-To", (f"<probe.parent.{test.test_id}@{domain}>",)),
        headers.message_ids(b"References", (f"<probe.{name}.{test.test_id}@{domain}>" for name in ("first", "parent"))),
        b"X-Mailcall-Loop: %s\r\n" % test.test_id.encode("ascii"),
        b"Auto-Submitted: auto-generated\r\nX-Auto-Response-Suppress: All\r\nPrecedence: bulk\r\n",
        f"List-Id: Probe <probe.{domain}>\r\n".encode("ascii", "ignore"),
        b"Importance: high\r\nX-Priority: 1\r\nKeywords: probe\r\nComments: a field that few know\r\n",
        b'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="%s"\r\n\r\n' % outer.encode("ascii"),
    )
    alternatives = _multipart(inner, part("plain", _TEXT.replace("@ID@", test.test_id)), part("html", _HTML))
    head = b'Content-Type: multipart/alternative; boundary="%s"\r\n\r\n' % inner.encode("ascii")
    return b"".join(fields) + _multipart(outer, head + alternatives, _file())


def _multipart(boundary: str, *parts: bytes) -> bytes:
    line = b"--" + boundary.encode("ascii")
    return b"".join(line + CRLF + one for one in parts) + line + b"--" + CRLF


def _file() -> bytes:
    return (
        b'Content-Type: application/octet-stream; name="probe.bin"\r\nContent-Transfer-Encoding: base64\r\n'
        b'Content-Disposition: attachment; filename="probe.bin"\r\n\r\n'
    ) + base64.encodebytes(_FILE).replace(b"\n", CRLF)
