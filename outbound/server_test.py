"""An outgoing server tried out, as an administrator asked for: a mail is sent, and every step told with its status.

Requirement R13: To Address, CC, BCC, Subject, Message, and Status, whether the mail was sent.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from email.utils import format_datetime

from mailserver.errors import MailServerError
from outbound import headers
from outbound.account_refusals import meaning
from outbound.compose import part
from outbound.probe import probe_mail
from outbound.transport import RecipientResult
from outbound.transports import Login, Transport, transport_for
from runtime.logs import get_logger
from runtime.server_tests import ServerTester, TimeLimit
from schemas.reasons import Reason
from schemas.servers import ServerTest, ServerTestResult, TestStep
from schemas.settings import OutgoingServer
from schemas.snapshot import SettingsSnapshot

log = get_logger(__name__)

FIRST_STEP = "account"
_MESSAGE = "This mail was sent to test the settings of the outgoing mail server {server}. It needs no answer."
_NOT_SENT = "no address was given to send a mail to: tested up to here"


def trials(login: Login, now: Callable[[], datetime]) -> ServerTester[OutgoingServer]:
    """What outbound tries. `login` gives the account; `now` an aware time."""
    return ServerTester(
        "outbound-tests",
        OutgoingServer,
        SettingsSnapshot.outgoing_server,
        lambda test, server: run_server_test(test, server, login, now()),
    )


def run_server_test(test: ServerTest, server: OutgoingServer, login: Login, now: datetime) -> ServerTestResult:
    """Take every step until one fails. Never raises."""
    steps: list[TestStep] = []
    content = probe_mail(test, server, now) if test.probe else trial_mail(test, server, now)
    try:
        transport = transport_for(server, login, lambda step, status: steps.append(_done(step, status)))
    except MailServerError as error:
        refused = TestStep(step=FIRST_STEP, ok=False, status=error.text)
        return ServerTestResult(test_id=test.test_id, ok=False, steps=(refused,))
    limit = TimeLimit(transport.abort)
    try:
        steps += _sent(test, server, transport, content)
    except MailServerError as error:
        steps.append(TestStep(step=_next(steps, transport), ok=False, status=error.text))
    except Exception as error:
        log.exception("a test of a server met a fault of the program")
        status = f"unexpected {type(error).__name__}, see the log of outbound"
        steps.append(TestStep(step=_next(steps, transport), ok=False, status=status))
    finally:
        limit.end()
        transport.quit()
    sent = content.decode() if test.probe else ""
    result = ServerTestResult(test_id=test.test_id, ok=all(step.ok for step in steps), steps=tuple(steps), sent=sent)
    return limit.told(result)


def trial_mail(test: ServerTest, server: OutgoingServer, now: datetime) -> bytes:
    """The mail of a test. Who is in BCC is named nowhere in it."""
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


def _sent(test: ServerTest, server: OutgoingServer, transport: Transport, content: bytes) -> list[TestStep]:
    """A step for each recipient, in the order To, CC, BCC."""
    wire = {headers.wire_address(one): one for one in (*test.to, *test.cc, *test.bcc)}
    if not wire:
        transport.open()
        return [TestStep(step="send", ok=True, status=_NOT_SENT)]
    sender = headers.wire_address(server.bounce_address or "")
    told = _recipient_steps(wire, transport.send(sender, tuple(wire), content))
    kept = [_done("copy", transport.copy)] if transport.copy and all(step.ok for step in told) else []
    return [*told, *kept]


def _recipient_steps(wire: Mapping[str, str], verdicts: Mapping[str, RecipientResult]) -> list[TestStep]:
    return [
        TestStep(step=f"send to {address}", ok=verdict.outcome == "sent", status=_words(verdict))
        for address, verdict in ((wire[one], verdicts[one]) for one in wire)
    ]


def _words(verdict: RecipientResult) -> str:
    """The server's own, and what they mean."""
    if verdict.reason is Reason.ACCOUNT_LIMITED:
        return meaning(verdict.reply)
    heads = {"sent": "the server took the mail", "deferred": "the server wants it later", "failed": "refused"}
    return f"{heads[verdict.outcome]}: {verdict.reply}"


def _done(step: str, status: str) -> TestStep:
    return TestStep(step=step, ok=True, status=status)


def _next(steps: Sequence[TestStep], transport: Transport) -> str:
    """The step that failed: the one after those that are done."""
    return transport.steps[min(len(steps), len(transport.steps) - 1)]
