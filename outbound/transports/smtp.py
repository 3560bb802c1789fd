"""SMTP (RFC 5321) on a connection that stays open: log in once, then message after message. Not thread-safe.

Where the server offers CHUNKING (RFC 3030) a message is one chunk, and in a row of messages it goes together with its
envelope: one wait instead of three. Whatever breaks then leaves it in doubt, as after the last dot of DATA.
"""

import math
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from mailserver.sasl import Credentials
from outbound.account_refusals import about_the_account
from outbound.transports.base import OnStep, RecipientResult, ignore_step
from outbound.transports.smtp_connection import CLOSING, SmtpConnection, SmtpReply, connection_lost, open_connection
from schemas.reasons import Reason
from schemas.settings import OutgoingServer

_LOGIN_NEEDED = frozenset({530, 534, 535, 538})  # RFC 4954, section 6: about our login, not about this message
_NOT_UNDERSTOOD = range(500, 505)  # RFC 5321, section 4.2.2: about the command, not about what comes with it
# After a pause an envelope goes alone: whether the server is still there is then known before it has the message.
_PAUSE_SECONDS = 2.0
_NO_UTF8 = SmtpReply(553, b"the server does not take addresses beyond ASCII (SMTPUTF8, RFC 6531)")


class _Envelope(NamedTuple):
    """MAIL FROM and RCPT TO of one message. `refused`: recipients whom the server cannot be told of."""

    commands: tuple[str, ...]
    recipients: tuple[str, ...]
    refused: dict[str, SmtpReply]


class _EnvelopeReplies(NamedTuple):
    """Replies to the envelope of one message. `with_content`: that went along, and its reply is still to be read."""

    sender: SmtpReply
    recipients: dict[str, SmtpReply]
    with_content: bool = False

    @property
    def taken(self) -> list[str]:
        """The recipients whom the server takes the message for."""
        return [recipient for recipient, reply in self.recipients.items() if reply.ok] if self.sender.ok else []


class _Begun(NamedTuple):
    """A message that was written, whose replies are still to be read; or what broke when it was written."""

    envelope: _Envelope
    sender: str
    recipients: Sequence[str]
    content: bytes
    error: OSError | None


class _NoChunkingError(Exception):
    """The server offers CHUNKING and does not understand BDAT: it has nothing of the message."""


class SmtpTransport:
    """One connection to one outgoing server, opened when first needed and again when it went stale.

    `login` gives user name and password; it is called for each connection, so that a password changed in its file or
    environment is used. `on_step` is called with the steps `connect` and `log in`.
    """

    steps = ("connect", "log in", "send")
    copy = ""

    def __init__(
        self, server: OutgoingServer, login: Callable[[OutgoingServer], Credentials], on_step: OnStep = ignore_step
    ) -> None:
        self.server = server
        self._login = login
        self._on_step = on_step
        self._smtp: SmtpConnection | None = None
        self._chunking = True  # until the first chunk of a connection fails: then messages go by DATA
        self._chunk_taken = -math.inf  # when this connection last took one, by the monotonic clock
        self._begun: _Begun | None = None

    def send(self, sender: str, recipients: Sequence[str], content: bytes) -> dict[str, RecipientResult]:
        """Send one message; the result for each recipient.

        Raises `MailServerError` where the connection cannot be made or breaks: the server, not this message, is in
        trouble. An open connection that turns out stale before the server took anything is opened again once.
        """
        if self.can_begin() and self.begin(sender, recipients, content):
            return self.finish()
        try:
            return self._send(sender, recipients, content)
        except _NoChunkingError:
            self._chunking = False
            self.close()  # it may have taken content for commands
            return self._send(sender, recipients, content)

    def can_begin(self) -> bool:
        """Whether the last message has just gone as a chunk, so that this one may go in one piece with its envelope."""
        smtp = self._smtp
        if smtp is None or time.monotonic() - self._chunk_taken >= _PAUSE_SECONDS:
            return False
        return smtp.has_extn("pipelining") and not smtp.has_arrived()

    def begin(self, sender: str, recipients: Sequence[str], content: bytes) -> bool:
        """Write a message as one chunk with its envelope."""
        smtp = self._smtp
        assert smtp is not None
        envelope = _envelope(smtp, sender, recipients)
        if not envelope.commands:
            return False
        broken = None
        try:
            smtp.write(envelope.commands, _chunk(content))
        except OSError as error:
            broken = error
        self._begun = _Begun(envelope, sender, recipients, content, broken)
        return True

    def is_ready(self, seconds: float) -> bool:
        """Whether all is said and all is well: a refusal may need RSET or another connection."""
        smtp, begun = self._smtp, self._begun
        assert smtp is not None
        assert begun is not None
        if begun.error is not None:
            return True
        return not begun.envelope.refused and smtp.is_taken(len(begun.envelope.commands) + 1, seconds)

    def finish(self) -> dict[str, RecipientResult]:
        """As `send`."""
        smtp, begun = self._smtp, self._begun
        assert smtp is not None
        assert begun is not None
        self._begun = None
        try:
            if begun.error is not None:
                raise begun.error
            replies = _envelope_replies(begun.envelope, smtp.replies(len(begun.envelope.commands)), with_content=True)
        except OSError as error:
            self.close()
            raise connection_lost(self.server, error) from error
        if replies.sender.code == CLOSING:
            self.close()
            return self.send(begun.sender, begun.recipients, begun.content)
        return self._results(smtp, replies, begun.recipients, begun.content)

    def open(self) -> None:
        """Connect and log in, if that is not done. Raises `MailServerError`."""
        if self._smtp is None:
            self._smtp = open_connection(self.server, self._login, self._on_step)
            self._chunk_taken = -math.inf

    def close(self) -> None:
        """Close at once: what the server took, it acknowledged."""
        if self._smtp is not None:
            self._smtp.close()
            self._smtp = None

    def quit(self) -> None:
        """Send QUIT and close."""
        if self._smtp is not None:
            try:
                self._smtp.quit()
            except OSError:
                pass  # it is gone already
            self.close()

    def abort(self) -> None:
        """Break the connection from another thread: whatever waits on it ends at once."""
        smtp = self._smtp
        if smtp is not None:
            smtp.abort()

    def _reset(self, smtp: SmtpConnection) -> None:
        """Forget what is left of a refused message. Some servers hang up after a refusal: it holds all the same."""
        try:
            is_fit = smtp.command("RSET").ok
        except OSError:
            is_fit = False
        if not is_fit:
            self.close()

    def _send(self, sender: str, recipients: Sequence[str], content: bytes) -> dict[str, RecipientResult]:
        smtp, replies = self._send_envelope_when_connected(sender, recipients)
        return self._results(smtp, replies, recipients, content)

    def _results(
        self, smtp: SmtpConnection, envelope: _EnvelopeReplies, recipients: Sequence[str], content: bytes
    ) -> dict[str, RecipientResult]:
        """Of a message whose envelope was replied to."""
        results = _refusals(envelope, recipients)
        if taken := envelope.taken:
            try:
                results |= dict.fromkeys(taken, self._send_content(smtp, envelope, content))
            except OSError as error:  # smtplib's errors are such as well
                self.close()
                raise connection_lost(self.server, error) from error
        elif envelope.with_content:
            self.close()  # whatever is said to the chunk, nobody gets it
        if self._smtp and any(result.outcome != "sent" for result in results.values()):
            self._reset(smtp)
        return results

    def _send_envelope_when_connected(
        self, sender: str, recipients: Sequence[str]
    ) -> tuple[SmtpConnection, _EnvelopeReplies]:
        if self._smtp is not None and self._smtp.has_arrived():
            self.close()  # it is gone, or what it said would be taken for the reply to something else
        if self._smtp is not None:
            try:
                replies = _send_envelope(self._smtp, sender, recipients)
                if replies.sender.code != CLOSING:
                    return self._smtp, replies
            except OSError:
                pass  # stale: the server closed it meanwhile
            self.close()
        self.open()
        assert self._smtp is not None
        try:
            return self._smtp, _send_envelope(self._smtp, sender, recipients)
        except OSError as error:
            self.close()
            raise connection_lost(self.server, error) from error

    def _send_content(self, smtp: SmtpConnection, envelope: _EnvelopeReplies, content: bytes) -> RecipientResult:
        """Only the reply to the whole of it makes the message the server's (RFC 5321, section 6.1)."""
        by_chunk = self._chunking and smtp.has_extn("chunking")
        reply = self._send_chunk(smtp, envelope, content) if by_chunk else _send_data(smtp, content)
        return RecipientResult("sent", None, reply.text) if reply.ok else _refusal(reply, Reason.MESSAGE_REFUSED)

    def _send_chunk(self, smtp: SmtpConnection, envelope: _EnvelopeReplies, content: bytes) -> SmtpReply:
        is_first = math.isinf(self._chunk_taken)
        try:
            if not envelope.with_content:
                smtp.send(_chunk(content))
            reply = smtp.getreply()
        except OSError:
            self._chunking = not is_first  # something on the way may not let chunks pass
            raise
        if is_first and reply.code in _NOT_UNDERSTOOD:
            raise _NoChunkingError
        if reply.ok:
            self._chunk_taken = time.monotonic()
        else:
            self.close()  # not every server reads a chunk that it refuses: Exim takes one above its limit for commands
        return reply


def _envelope(smtp: SmtpConnection, sender: str, recipients: Sequence[str]) -> _Envelope:
    """Addresses beyond ASCII are not sent to a server without SMTPUTF8 (RFC 6531). Without commands: nothing is."""
    beyond = [address for address in (sender, *recipients) if not address.isascii()]
    takes_all = not beyond or smtp.has_extn("smtputf8")
    parameter = " SMTPUTF8" if beyond and takes_all else ""
    if parameter:
        smtp.command_encoding = "utf-8"
    refused = {} if takes_all else dict.fromkeys(beyond, _NO_UTF8)
    taken = tuple(address for address in recipients if address not in refused)
    if sender in refused or not taken:
        return _Envelope((), (), refused)
    return _Envelope(
        (f"MAIL FROM:<{sender}>{parameter}", *(f"RCPT TO:<{address}>" for address in taken)), taken, refused
    )


def _send_envelope(smtp: SmtpConnection, sender: str, recipients: Sequence[str]) -> _EnvelopeReplies:
    envelope = _envelope(smtp, sender, recipients)
    if not envelope.commands:
        return _EnvelopeReplies(_NO_UTF8, {})
    return _envelope_replies(envelope, smtp.commands(envelope.commands))


def _envelope_replies(envelope: _Envelope, replies: list[SmtpReply], with_content: bool = False) -> _EnvelopeReplies:
    of_sender, *of_taken = replies
    of_recipients = dict(zip(envelope.recipients, of_taken, strict=True))
    return _EnvelopeReplies(of_sender, {**envelope.refused, **of_recipients}, with_content)


def _refusals(envelope: _EnvelopeReplies, recipients: Sequence[str]) -> dict[str, RecipientResult]:
    """Of those whom the server does not take the message for."""
    if not envelope.sender.ok:
        return dict.fromkeys(recipients, _refusal(envelope.sender, Reason.MESSAGE_REFUSED))
    replies = envelope.recipients.items()
    return {recipient: _refusal(reply, Reason.RECIPIENT_REFUSED) for recipient, reply in replies if not reply.ok}


def _chunk(content: bytes) -> bytes:
    """The message as one chunk, the last (RFC 3030, section 2)."""
    return b"BDAT %d LAST\r\n%s" % (len(content), content)


def _send_data(smtp: SmtpConnection, content: bytes) -> SmtpReply:
    """DATA and the message; the reply that refuses it, or that to its last dot."""
    reply = smtp.command("DATA")
    if reply.ok:
        raise OSError(f"to DATA it says {reply.text!r}")  # it has nothing yet: what it says is about something else
    if reply.code != 354:
        return reply
    smtp.send(_dot_stuffed(content) + b".\r\n")
    return smtp.getreply()


def _refusal(reply: SmtpReply, permanent: Reason) -> RecipientResult:
    """RFC 5321, section 4.2.1: 4yz is to be tried again, 5yz is not, unless it is about our login or account."""
    text = reply.text
    if reply.code in _LOGIN_NEEDED:
        return RecipientResult("deferred", Reason.AUTHENTICATION_REFUSED, text)
    if about_the_account(text):
        return RecipientResult("deferred", Reason.ACCOUNT_LIMITED, text)
    if reply.code >= 500:
        return RecipientResult("failed", permanent, text)
    return RecipientResult("deferred", Reason.SERVER_DEFERRED, text)


def _dot_stuffed(content: bytes) -> bytes:
    """RFC 5321, section 4.5.2. `content` ends with a line end, and its line ends are CR LF."""
    return (b"." if content.startswith(b".") else b"") + content.replace(b"\r\n.", b"\r\n..")
