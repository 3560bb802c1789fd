"""The test of an outgoing server: a message is sent, and every step is reported with its status.

Requirement R13: To Address, CC, BCC, Subject, Message, and Status, whether the mail was sent.
"""

import base64
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from email.utils import format_datetime

from mailserver.errors import MailServerError
from outbound import headers
from outbound.account_refusals import meaning
from outbound.compose import part
from outbound.headers import CRLF
from outbound.transports import transport_for
from outbound.transports.base import Login, RecipientResult, Transport
from runtime.server_tests import ServerTester, TimeLimit
from runtime.telemetry.logs import get_logger
from schemas.ids import message_id
from schemas.reasons import Reason
from schemas.reply_marker import REPLY_MARKER
from schemas.servers import ServerTest, ServerTestResult, TestStep
from schemas.settings import OutgoingServer
from schemas.snapshot import SettingsSnapshot

log = get_logger(__name__)

FIRST_STEP = "account"
_MESSAGE = "This mail was sent to test the settings of the outgoing mail server {server}. It needs no answer."
_NOT_SENT = "no address was given to send a message to: tested up to here"

_PROBE_SUBJECT = "[probe {id}] Drucker – принтер – プリンター – 🖨"
_PROBE_TEXT = f"""{REPLY_MARKER}

This mail tells what becomes of a mail on its way. It needs no answer.
Probe @ID@.

A line that ends with blanks:  \nFrom the beginning of a line
.
..a line that begins with dots
> a line that looks like a quotation
{"A long line. " * 60}
Grüße – привет – こんにちは – 🖨
"""
_PROBE_HTML = f"<p>{REPLY_MARKER}</p>\n<p>Grüße – <b>привет</b> – こんにちは – 🖨</p>\n<!-- a comment -->"
_PROBE_FILE = bytes(range(256)) * 4


def server_tester(login: Login, now: Callable[[], datetime]) -> ServerTester[OutgoingServer]:
    """What outbound tests. `login` gives the account; `now` an aware time."""
    return ServerTester(
        "outbound-tests",
        OutgoingServer,
        SettingsSnapshot.outgoing_server,
        lambda test, server: run_server_test(test, server, login, now()),
    )


def run_server_test(test: ServerTest, server: OutgoingServer, login: Login, now: datetime) -> ServerTestResult:
    """Take every step until one fails. Never raises."""
    steps: list[TestStep] = []
    content = probe_mail(test, server, now) if test.probe else simple_mail(test, server, now)
    try:
        transport = transport_for(server, login, lambda step, status: steps.append(_done(step, status)))
    except MailServerError as error:
        refused = TestStep(step=FIRST_STEP, ok=False, status=error.text)
        return ServerTestResult(test_id=test.test_id, ok=False, steps=(refused,))
    limit = TimeLimit(transport.abort)
    try:
        steps += _send(test, server, transport, content)
    except MailServerError as error:
        steps.append(TestStep(step=_next(steps, transport), ok=False, status=error.text))
    except Exception as error:
        log.exception("the test of a server failed unexpectedly")
        status = f"unexpected {type(error).__name__}, see the log of outbound"
        steps.append(TestStep(step=_next(steps, transport), ok=False, status=status))
    finally:
        limit.end()
        transport.quit()
    sent = content.decode() if test.probe else ""
    result = ServerTestResult(test_id=test.test_id, ok=all(step.ok for step in steps), steps=tuple(steps), sent=sent)
    return limit.result(result)


def simple_mail(test: ServerTest, server: OutgoingServer, now: datetime) -> bytes:
    """The message of a test. It names nobody who is in BCC."""
    called = server.name or server.id
    domain = headers.wire_address(server.from_address).rpartition("@")[2]
    return b"".join(
        (
            headers.mailbox(b"From", server.from_name, server.from_address),
            headers.addresses(b"To", test.to),
            headers.addresses(b"Cc", test.cc),
            headers.addresses(b"Reply-To", (server.reply_to,) if server.reply_to else ()),
            headers.unstructured(b"Subject", test.subject or f"Test of the outgoing mail server {called}"),
            b"Date: %s\r\n" % format_datetime(now).encode("ascii"),
            f"Message-ID: <test.{test.test_id}@{domain}>\r\n".encode(),
            b"Auto-Submitted: auto-generated\r\nX-Auto-Response-Suppress: All\r\nMIME-Version: 1.0\r\n",
            part("plain", test.message or _MESSAGE.format(server=called)),
        )
    )


def probe_mail(test: ServerTest, server: OutgoingServer, now: datetime) -> bytes:
    """A message to `test.to` of all that a mail system may remove or change: what arrives is compared.

    The test's id is in Message-ID and subject. Whatever is left of it is recognised as our own when it arrives: no call
    is logged (`resolver/screening/own_mail.py`).
    """
    domain = headers.wire_address(server.from_address).rpartition("@")[2]
    outer, inner = f"=_probe_a_{test.test_id}", f"=_probe_b_{test.test_id}"
    fields = (
        headers.mailbox(b"From", server.from_name, server.from_address),
        headers.addresses(b"To", test.to),
        headers.addresses(b"Reply-To", (server.reply_to,) if server.reply_to else ()),
        headers.unstructured(b"Subject", _PROBE_SUBJECT.format(id=test.test_id)),
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
    alternatives = _multipart(
        inner, part("plain", _PROBE_TEXT.replace("@ID@", test.test_id)), part("html", _PROBE_HTML)
    )
    head = b'Content-Type: multipart/alternative; boundary="%s"\r\n\r\n' % inner.encode("ascii")
    return b"".join(fields) + _multipart(outer, head + alternatives, _probe_file())


def _send(test: ServerTest, server: OutgoingServer, transport: Transport, content: bytes) -> list[TestStep]:
    """A step for each recipient, in the order To, CC, BCC."""
    wire = {headers.wire_address(address): address for address in (*test.to, *test.cc, *test.bcc)}
    if not wire:
        transport.open()
        return [TestStep(step="send", ok=True, status=_NOT_SENT)]
    sender = headers.wire_address(server.bounce_address or "")
    steps = _recipient_steps(wire, transport.send(sender, tuple(wire), content))
    copy = [_done("copy", transport.copy)] if transport.copy and all(step.ok for step in steps) else []
    return [*steps, *copy]


def _recipient_steps(wire: Mapping[str, str], results: Mapping[str, RecipientResult]) -> list[TestStep]:
    return [
        TestStep(step=f"send to {address}", ok=results[key].outcome == "sent", status=_status(results[key]))
        for key, address in wire.items()
    ]


def _status(result: RecipientResult) -> str:
    """The server's reply, and what it means."""
    if result.reason is Reason.ACCOUNT_LIMITED:
        return meaning(result.reply)
    heads = {"sent": "the server took the mail", "deferred": "the server wants it later", "failed": "refused"}
    return f"{heads[result.outcome]}: {result.reply}"


def _done(step: str, status: str) -> TestStep:
    return TestStep(step=step, ok=True, status=status)


def _next(steps: Sequence[TestStep], transport: Transport) -> str:
    """The step that failed: the one after those that are done."""
    return transport.steps[min(len(steps), len(transport.steps) - 1)]


def _multipart(boundary: str, *parts: bytes) -> bytes:
    line = b"--" + boundary.encode("ascii")
    return b"".join(line + CRLF + each for each in parts) + line + b"--" + CRLF


def _probe_file() -> bytes:
    return (
        b'Content-Type: application/octet-stream; name="probe.bin"\r\nContent-Transfer-Encoding: base64\r\n'
        b'Content-Disposition: attachment; filename="probe.bin"\r\n\r\n'
    ) + base64.encodebytes(_PROBE_FILE).replace(b"\n", CRLF)
