"""SMTP (RFC 5321) on a connection that stays open: log in once, then message after message. Not thread-safe."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mailserver.sasl import Credentials
from outbound.account_refusals import about_the_account
from outbound.transports.base import OnStep, RecipientResult, ignore_step
from outbound.transports.smtp_connection import SmtpConnection, SmtpReply, connection_lost, open_connection
from schemas.reasons import Reason
from schemas.settings import OutgoingServer

_LOGIN_NEEDED = frozenset({530, 534, 535, 538})  # RFC 4954, section 6: about our login, not about this message
_CLOSING = 421
_NO_UTF8 = SmtpReply(553, b"the server does not take addresses beyond ASCII (SMTPUTF8, RFC 6531)")


@dataclass(frozen=True, slots=True)
class _EnvelopeReplies:
    """Replies to the envelope of one message."""

    sender: SmtpReply
    recipients: dict[str, SmtpReply]


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

    def send(self, sender: str, recipients: Sequence[str], content: bytes) -> dict[str, RecipientResult]:
        """Send one message; the result for each recipient.

        Raises `MailServerError` where the connection cannot be made or breaks: the server, not this message, is in
        trouble. An open connection that turns out stale before the server took anything is opened again once.
        """
        smtp, replies = self._send_envelope_when_connected(sender, recipients)
        try:
            results = _send_content(smtp, replies, recipients, content)
        except OSError as error:  # smtplib's errors are such as well
            self.close()
            raise connection_lost(self.server, error) from error
        if any(result.outcome != "sent" for result in results.values()):
            self._reset(smtp)
        return results

    def open(self) -> None:
        """Connect and log in, if that is not done. Raises `MailServerError`."""
        if self._smtp is None:
            self._smtp = open_connection(self.server, self._login, self._on_step)

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
            smtp.command("RSET")
        except OSError:
            self.close()

    def _send_envelope_when_connected(
        self, sender: str, recipients: Sequence[str]
    ) -> tuple[SmtpConnection, _EnvelopeReplies]:
        if self._smtp is not None:
            try:
                replies = _send_envelope(self._smtp, sender, recipients)
                if replies.sender.code != _CLOSING:
                    return self._smtp, replies
            except OSError:
                pass  # stale: the server closed it meanwhile
            self.close()
        self._smtp = open_connection(self.server, self._login, self._on_step)
        try:
            return self._smtp, _send_envelope(self._smtp, sender, recipients)
        except OSError as error:
            self.close()
            raise connection_lost(self.server, error) from error


def _send_envelope(smtp: SmtpConnection, sender: str, recipients: Sequence[str]) -> _EnvelopeReplies:
    """MAIL FROM and RCPT TO. Addresses beyond ASCII are not sent to a server without SMTPUTF8 (RFC 6531)."""
    beyond = [address for address in (sender, *recipients) if not address.isascii()]
    takes_all = not beyond or smtp.has_extn("smtputf8")
    parameter = " SMTPUTF8" if beyond and takes_all else ""
    if parameter:
        smtp.command_encoding = "utf-8"
    refused = {} if takes_all else dict.fromkeys(beyond, _NO_UTF8)
    taken = [address for address in recipients if address not in refused]
    if sender in refused or not taken:
        return _EnvelopeReplies(_NO_UTF8, {})
    replies = smtp.commands(f"MAIL FROM:<{sender}>{parameter}", *(f"RCPT TO:<{address}>" for address in taken))
    return _EnvelopeReplies(replies[0], {**refused, **dict(zip(taken, replies[1:], strict=True))})


def _send_content(
    smtp: SmtpConnection, envelope: _EnvelopeReplies, recipients: Sequence[str], content: bytes
) -> dict[str, RecipientResult]:
    if not envelope.sender.ok:
        return dict.fromkeys(recipients, _refusal(envelope.sender, Reason.MESSAGE_REFUSED))
    replies = envelope.recipients
    results = {
        recipient: _refusal(reply, Reason.RECIPIENT_REFUSED) for recipient, reply in replies.items() if not reply.ok
    }
    taken = [recipient for recipient, reply in replies.items() if reply.ok]
    return results | dict.fromkeys(taken, _send_data(smtp, content)) if taken else results


def _send_data(smtp: SmtpConnection, content: bytes) -> RecipientResult:
    """DATA and the message. Only the reply after its last dot makes it the server's (RFC 5321, section 6.1)."""
    reply = smtp.command("DATA")
    if reply.code == 354:
        smtp.send(_dot_stuffed(content) + b".\r\n")
        reply = smtp.reply()
        if reply.ok:
            return RecipientResult("sent", None, reply.text)
    return _refusal(reply, Reason.MESSAGE_REFUSED)


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
