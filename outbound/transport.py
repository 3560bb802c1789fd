"""SMTP (RFC 5321) on one kept connection: log in once, then mail after mail. Not thread-safe."""

import smtplib
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from mailserver.authentication import LoginScheme, method_for, refused, response_in_base64, sasl_log_in
from mailserver.connection import connect, connected, port_of, shut_down
from mailserver.errors import MailServerError, connection_error
from mailserver.sasl import Credentials
from mailserver.security import starttls_missing, tls_context
from outbound.account_refusals import about_the_account
from runtime.foreign_words import words
from schemas.reasons import Reason
from schemas.settings import OutgoingServer, Security

_LOGIN_NEEDED = frozenset({530, 534, 535, 538})  # RFC 4954, section 6: about us, not about this mail
_CLOSING = 421
MAX_ANSWER_BYTES = 64 * 1024  # RFC 5321, section 4.5.3.1.5: a line of an answer has 512
_AT_ONCE = 8 * 1024

Login = Callable[[OutgoingServer], Credentials]
OnStep = Callable[[str, str], None]  # gets each step of opening a connection, and its status in words


def tell_nobody(_step: str, _status: str) -> None: ...


@dataclass(frozen=True, slots=True)
class RecipientResult:
    """What a server said about one recipient of one mail. `reply`: its last words, one line.

    `message_id`: the one that the server gave the mail, where it is not ours.
    """

    outcome: Literal["sent", "deferred", "failed"]
    reason: Reason | None
    reply: str
    message_id: str = ""


@dataclass(frozen=True, slots=True)
class _Reply:
    """A server's reply; its words are read only where somebody is to be told them."""

    code: int
    said: bytes

    @property
    def text(self) -> str:
        return f"{self.code} {words(self.said)}"

    @property
    def ok(self) -> bool:
        return 200 <= self.code < 300

    def refusal(self, permanent: Reason) -> RecipientResult:
        """RFC 5321, section 4.2.1: 4yz is to be tried again, 5yz is not, unless it is about our login or account."""
        reply = self.text
        if self.code in _LOGIN_NEEDED:
            return RecipientResult("deferred", Reason.AUTHENTICATION_REFUSED, reply)
        if about_the_account(reply):
            return RecipientResult("deferred", Reason.ACCOUNT_LIMITED, reply)
        if self.code >= 500:
            return RecipientResult("failed", permanent, reply)
        return RecipientResult("deferred", Reason.SERVER_DEFERRED, reply)


_NO_UTF8 = _Reply(553, b"the server does not take addresses beyond ASCII (SMTPUTF8, RFC 6531)")


class SmtpTransport:
    """One connection to one outgoing server, opened when first needed and anew when it went stale.

    `login` gives user name and password; it is asked at each connection, so that a password changed in its file or
    environment is taken up. `tell` hears of the steps `connect` and `log in`.
    """

    steps = ("connect", "log in", "send")
    copy = ""

    def __init__(self, server: OutgoingServer, login: Login, tell: OnStep = tell_nobody) -> None:
        self.server = server
        self._login = login
        self._tell = tell
        self._smtp: _Smtp | None = None

    def send(self, sender: str, recipients: Sequence[str], content: bytes) -> dict[str, RecipientResult]:
        """Hand over one mail; the verdict for each recipient.

        Raises `MailServerError` where the connection cannot be made or breaks: the server, not this mail, is in
        trouble. A kept connection that turns out stale before the server took anything is made anew once.
        """
        smtp, begun = self._begin_on_live_connection(sender, recipients)
        try:
            verdicts = _transfer(smtp, begun, recipients, content)
        except OSError as error:  # smtplib's errors are such as well
            self.close()
            raise _broken(self.server, error) from error
        if any(verdict.outcome != "sent" for verdict in verdicts.values()):
            self._reset(smtp)
        return verdicts

    def open(self) -> None:
        """Connect and log in, if that is not done. Raises `MailServerError`."""
        if self._smtp is None:
            self._smtp = _open(self.server, self._login, self._tell)

    def close(self) -> None:
        """Leave without a word: what the server took, it acknowledged."""
        if self._smtp is not None:
            self._smtp.close()
            self._smtp = None

    def quit(self) -> None:
        """Leave politely."""
        if self._smtp is not None:
            try:
                self._smtp.quit()
            except OSError:
                pass  # it is gone already
            self.close()

    def abort(self) -> None:
        """Break the connection from another thread: whatever waits on it ends at once."""
        smtp = self._smtp
        sock = smtp.sock if smtp is not None else None
        if sock is not None:
            shut_down(sock)

    def _reset(self, smtp: "_Smtp") -> None:
        """Forget what is left of a refused mail. Some servers hang up after a refusal: it holds all the same."""
        try:
            smtp.command("RSET")
        except OSError:
            self.close()

    def _begin_on_live_connection(self, sender: str, recipients: Sequence[str]) -> tuple["_Smtp", "_EnvelopeReplies"]:
        if self._smtp is not None:
            try:
                begun = _begin(self._smtp, sender, recipients)
                if begun.sender.code != _CLOSING:
                    return self._smtp, begun
            except OSError:
                pass  # stale: the server closed it meanwhile
            self.close()
        self._smtp = _open(self.server, self._login, self._tell)
        try:
            return self._smtp, _begin(self._smtp, sender, recipients)
        except OSError as error:
            self.close()
            raise _broken(self.server, error) from error


@dataclass(frozen=True, slots=True)
class _EnvelopeReplies:
    """Replies to the envelope of one mail."""

    sender: _Reply
    recipients: dict[str, _Reply]


class _Smtp(smtplib.SMTP):
    """smtplib's connection, on our own socket and with replies as values."""

    def __init__(self, server: OutgoingServer) -> None:
        self._server = server
        super().__init__(server.host, port_of(server, "smtp"), local_hostname="", timeout=server.timeout_seconds)
        assert self.sock is not None
        # An address literal is right wherever we run (RFC 5321, section 4.1.4).
        address = self.sock.getsockname()[0]
        self.local_hostname = f"[IPv6:{address}]" if ":" in address else f"[{address}]"

    def _get_socket(self, _host: str, _port: int, _timeout: float) -> socket.socket:
        return connect(self._server, "smtp")

    def command(self, command: str, argument: str = "") -> _Reply:
        """Send one command and wait for its reply."""
        self.putcmd(command, argument)
        return self.reply()

    def commands(self, *commands: str) -> list[_Reply]:
        """Send commands of which none depends on another's reply: in one go where the server takes that (RFC 2920)."""
        if not self.has_extn("pipelining"):
            return [self.command(command) for command in commands]
        if any(end in command for command in commands for end in "\r\n"):
            raise ValueError("a command holds a line end")  # as smtplib's `putcmd` says
        self.send("\r\n".join([*commands, ""]))
        return [self.reply() for _ in commands]

    def reply(self) -> _Reply:
        return _Reply(*self.getreply())

    def getreply(self) -> tuple[int, bytes]:
        """smtplib's, where the answer is one (RFC 5321, section 4.2) and is there as a whole in time."""
        assert self.sock is not None
        if self.file is None:
            self.file = _SmtpReplyReader(self.sock)
        self.file.begin(self._server.timeout_seconds)
        code, said = super().getreply()
        if not 200 <= code < 600:  # whatever comes next would be taken for the answer to something else
            self.close()
            raise OSError(f"it does not speak SMTP, but says {words(said)!r}")
        return code, said


class _SmtpReplyReader:
    """What smtplib reads a server's answers from: one that has no end, or comes byte by byte, is given up."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._unread = b""

    def begin(self, seconds: float) -> None:
        """Of the next answer, which may take so long."""
        self._seconds = seconds
        self._until = time.monotonic() + seconds
        self._room = MAX_ANSWER_BYTES

    def readline(self, most: int) -> bytes:
        """A line, or what there is of it at the connection's end or when it is too long."""
        while (end := self._unread.find(b"\n")) < 0 and len(self._unread) < most and self._receive():
            pass
        end = min(end + 1 or most, most)
        line, self._unread = self._unread[:end], self._unread[end:]
        return line

    def close(self) -> None:
        """smtplib closes the socket itself."""

    def _receive(self) -> bool:
        """Whether more has come. Raises `OSError`."""
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._sock.settimeout(left)
        try:
            received = self._sock.recv(_AT_ONCE)
        finally:
            self._sock.settimeout(self._seconds)
        self._room -= len(received)
        if self._room < 0:
            raise OSError(f"an answer of more than {MAX_ANSWER_BYTES} bytes")
        self._unread += received
        return bool(received)


def _open(server: OutgoingServer, login: Login, tell: OnStep) -> _Smtp:
    """A connection that is protected and logged in, ready for mail. Raises `MailServerError`."""
    method = method_for(server, "smtp")
    account = None if method.exchange is LoginScheme.NOTHING else login(server)
    smtp = None
    try:
        smtp = _Smtp(server)
        smtp.ehlo_or_helo_if_needed()
        if server.security is Security.STARTTLS:
            _start_tls(smtp, server)
        if smtp.sock is not None:
            tell("connect", connected(server, "smtp", smtp.sock))
        tell("log in", _authenticate(smtp, server, account) if account is not None else "no log-in is asked for")
    except BaseException as error:
        if smtp is not None:
            smtp.close()
        if isinstance(error, OSError):
            raise _broken(server, error) from error
        raise
    return smtp


def _broken(server: OutgoingServer, error: OSError) -> MailServerError:
    """What broke the connection, in our words: smtplib's errors hide a time-out, and show replies as they came."""
    cause: BaseException | None = error
    if isinstance(error, smtplib.SMTPServerDisconnected):
        cause = error.__context__
    elif isinstance(error, smtplib.SMTPResponseException):
        cause = OSError(f"{error.smtp_code} {words(error.smtp_error)}")
    return connection_error(server, cause if isinstance(cause, OSError) else error)


def _start_tls(smtp: _Smtp, server: OutgoingServer) -> None:
    """RFC 3207. What the server said before it is forgotten (section 4.2)."""
    context = tls_context(server)
    try:
        smtp.starttls(context=context)
    except (smtplib.SMTPNotSupportedError, smtplib.SMTPResponseException) as error:
        raise starttls_missing(server) from error
    smtp.ehlo()


def _authenticate(smtp: _Smtp, server: OutgoingServer, account: Credentials) -> str:
    """RFC 4954, section 4: challenges and answers until the server has decided. As whom and how, in words.

    Raises `MailServerError`.
    """
    offered = smtp.esmtp_features.get("auth", "").split()
    with sasl_log_in(server, "smtp", account, offered) as (mechanism, exchange):
        reply = smtp.command("AUTH", mechanism)
        while reply.code == 334:
            reply = smtp.command(response_in_base64(exchange, reply.said))
        if reply.code != 235:
            raise refused(server, f"{reply.text} {exchange.said}".strip(), temporary=reply.code < 500)
    return f"logged in as {account.username or 'the account of this process'} by {mechanism}"


def _begin(smtp: _Smtp, sender: str, recipients: Sequence[str]) -> _EnvelopeReplies:
    """The envelope. Where the server takes no addresses beyond ASCII, those of them are refused by us (RFC 6531)."""
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


def _transfer(
    smtp: _Smtp, begun: _EnvelopeReplies, recipients: Sequence[str], content: bytes
) -> dict[str, RecipientResult]:
    if not begun.sender.ok:
        return dict.fromkeys(recipients, begun.sender.refusal(Reason.MESSAGE_REFUSED))
    replies = begun.recipients
    verdicts = {
        recipient: reply.refusal(Reason.RECIPIENT_REFUSED) for recipient, reply in replies.items() if not reply.ok
    }
    taken = [recipient for recipient, reply in replies.items() if reply.ok]
    return verdicts | dict.fromkeys(taken, _data(smtp, content)) if taken else verdicts


def _data(smtp: _Smtp, content: bytes) -> RecipientResult:
    """The mail itself. Only the reply after its last dot makes it the server's (RFC 5321, section 6.1)."""
    reply = smtp.command("DATA")
    if reply.code == 354:
        smtp.send(_dot_stuffed(content) + b".\r\n")
        reply = smtp.reply()
        if reply.ok:
            return RecipientResult("sent", None, reply.text)
    return reply.refusal(Reason.MESSAGE_REFUSED)


def _dot_stuffed(content: bytes) -> bytes:
    """RFC 5321, section 4.5.2. `content` ends with a line end, and its line ends are CR LF."""
    return (b"." if content.startswith(b".") else b"") + content.replace(b"\r\n.", b"\r\n..")
