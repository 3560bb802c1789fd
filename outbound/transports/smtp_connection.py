"""A connection to an SMTP server, protected and logged in: smtplib's, on our socket, with bounded replies as values."""

import re
import select
import smtplib
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

from mailserver.authentication import LoginScheme, method_for, refused, response_in_base64, sasl_log_in
from mailserver.connection import connect, connected, port_of, shut_down, starttls_missing, tls_context
from mailserver.errors import MailServerError, connection_error
from mailserver.sasl import Credentials
from outbound.transports.base import OnStep
from runtime.security.redaction import printable
from schemas.settings import OutgoingServer, Security

CLOSING = 421  # RFC 5321, section 3.8: the server closes the connection; some go on all the same
MAX_REPLY_BYTES = 64 * 1024  # RFC 5321, section 4.5.3.1.5: a line of a reply has 512
_RECEIVE_BYTES = 8 * 1024
_LAST_LINE = re.compile(rb"^([0-9]{3})(?!-)[^\n]*\n", re.MULTILINE)  # of each reply
_ONE_LINE = re.compile(rb"([2-5][0-9]{2}) ([^\r\n]{0,500})\r\n")  # a reply as most are; group 2 is its text


class SmtpReply(NamedTuple):
    """A server's reply; its text is decoded only where somebody reads it."""

    code: int
    said: bytes

    @property
    def text(self) -> str:
        return f"{self.code} {printable(self.said)}"

    @property
    def ok(self) -> bool:
        return 200 <= self.code < 300


class SmtpConnection(smtplib.SMTP):
    """smtplib's connection, on our own socket and with replies as values."""

    def __init__(self, server: OutgoingServer) -> None:
        self._server = server
        self._arriving: select.poll | None = None
        super().__init__(server.host, port_of(server, "smtp"), local_hostname="", timeout=server.timeout_seconds)
        assert self.sock is not None
        # An address literal is right wherever we run (RFC 5321, section 4.1.4).
        address = self.sock.getsockname()[0]
        self.local_hostname = f"[IPv6:{address}]" if ":" in address else f"[{address}]"

    def _get_socket(self, _host: str, _port: int, _timeout: float) -> socket.socket:
        return connect(self._server, "smtp")

    def command(self, command: str, argument: str = "") -> SmtpReply:
        """Send one command and wait for its reply."""
        self.putcmd(command, argument)
        return self.getreply()

    def commands(self, commands: Sequence[str]) -> list[SmtpReply]:
        """Send commands of which none depends on another's reply: at once where the server takes that (RFC 2920)."""
        if self.has_extn("pipelining"):
            self.write(commands)
            return self.replies(len(commands))
        return _replies([partial(self.command, command) for command in commands])

    def write(self, commands: Sequence[str], chunk: bytes = b"") -> None:
        """Send commands and a chunk at once, to a server that takes that; `replies` then has what it says."""
        lines = "\r\n".join([*commands, ""])
        if not lines.count("\r") == lines.count("\n") == len(commands):
            raise ValueError("a command holds a line end")  # as smtplib's `putcmd` says
        self.send(lines.encode(self.command_encoding) + chunk)

    def replies(self, count: int) -> list[SmtpReply]:
        """The next ones. The one that closes the connection stands for those that do not come any more."""
        return _replies([self.getreply] * count)

    def getreply(self) -> SmtpReply:
        """smtplib's, where the reply is one (RFC 5321, section 4.2) and all of it arrives in time."""
        if self.sock is None:
            raise smtplib.SMTPServerDisconnected("it is closed")
        if self.file is None:
            self.file = _SmtpReplyReader(self.sock)
        if one_line := self.file.one_line() or self.file.begin(self._server.timeout_seconds):
            return one_line
        code, said = super().getreply()
        if not 200 <= code < 600:  # whatever comes next would be taken for the reply to something else
            self.close()
            raise OSError(f"it does not speak SMTP, but says {printable(said)!r}")
        return SmtpReply(code, said)

    def is_taken(self, count: int, seconds: float) -> bool:
        """Whether so many replies come within that time, and all are good: `getreply` then waits for none of them."""
        return self.file is not None and self.file.are_good(count, seconds)

    def has_arrived(self) -> bool:
        """Whether the server has said something since its last reply, or closed the connection."""
        assert self.sock is not None
        if self._arriving is None:
            self._arriving = select.poll()
            self._arriving.register(self.sock, select.POLLIN)
        return self._is_read_ahead() or bool(self._arriving.poll(0))

    def _is_read_ahead(self) -> bool:
        """Whether something that the server has said has left the socket and was not used yet."""
        in_tls = isinstance(self.sock, ssl.SSLSocket) and self.sock.pending() > 0
        return in_tls or bool(self.file is not None and self.file.unread)

    def abort(self) -> None:
        """From another thread: whatever waits on the connection ends at once."""
        sock = self.sock
        if sock is not None:
            shut_down(sock)


class _SmtpReplyReader:
    """What smtplib reads a server's replies from: one without end, or that comes byte by byte, is cut off.

    `unread`: what has come beyond the replies that were read.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self.unread = b""

    def begin(self, seconds: float) -> SmtpReply | None:
        """Of the next reply, which may take this long: the socket's own time-out. It, where it comes as one line."""
        self._until = time.monotonic() + seconds
        self._received = 0
        if not self.unread:
            self._receive()
        return self.one_line()

    def one_line(self) -> SmtpReply | None:
        """The next reply, where all of it has come and it is one line: in a third of the time that smtplib takes."""
        found = _ONE_LINE.match(self.unread)
        if found is None:
            return None
        self.unread = self.unread[found.end() :]
        return SmtpReply(int(found[1]), found[2].strip(b" \t"))

    def readline(self, most: int) -> bytes:
        """A line, or what there is of it at the connection's end or when it is too long."""
        while (end := self.unread.find(b"\n")) < 0 and len(self.unread) < most and self._receive():
            pass
        end = min(end + 1 or most, most)
        line, self.unread = self.unread[:end], self.unread[end:]
        return line

    def are_good(self, count: int, seconds: float) -> bool:
        """Whether the next replies, so many, come within that time, and each is 2xx."""
        until = time.monotonic() + seconds
        while len(codes := _LAST_LINE.findall(self.unread)) < count and len(self.unread) < MAX_REPLY_BYTES:
            try:
                received = self._receive_within(max(0.0, until - time.monotonic()))
            except OSError:  # late, or broken: whoever reads on meets that
                return False
            if not received:
                return False
            self.unread += received
        return len(codes) >= count and all(code.startswith(b"2") for code in codes[:count])

    def close(self) -> None:
        """smtplib closes the socket itself."""

    def _receive(self) -> bool:
        """Whether more has come. Raises `OSError`."""
        received = self._receive_rest() if self._received else self._sock.recv(_RECEIVE_BYTES)
        self._received += len(received)
        if self._received > MAX_REPLY_BYTES:
            raise OSError(f"a reply of more than {MAX_REPLY_BYTES} bytes")
        self.unread += received
        return bool(received)

    def _receive_rest(self) -> bytes:
        """More of a reply that did not come at once: in the time that is left of its own."""
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return self._receive_within(left)

    def _receive_within(self, seconds: float) -> bytes:
        usual = self._sock.gettimeout()
        self._sock.settimeout(seconds)
        try:
            return self._sock.recv(_RECEIVE_BYTES)
        finally:
            self._sock.settimeout(usual)


def open_connection(
    server: OutgoingServer, login: Callable[[OutgoingServer], Credentials], on_step: OnStep
) -> SmtpConnection:
    """A connection that is protected and logged in, ready for messages. Raises `MailServerError`."""
    method = method_for(server, "smtp")
    account = None if method.scheme is LoginScheme.NOTHING else login(server)
    smtp = None
    try:
        smtp = SmtpConnection(server)
        smtp.ehlo_or_helo_if_needed()
        if server.security is Security.STARTTLS:
            _start_tls(smtp, server)
        if smtp.sock is not None:
            on_step("connect", connected(server, "smtp", smtp.sock))
        on_step("log in", _authenticate(smtp, server, account) if account is not None else "no login is asked for")
    except BaseException as error:
        if smtp is not None:
            smtp.close()
        if isinstance(error, OSError):
            raise connection_lost(server, error) from error
        raise
    return smtp


def _replies(read: Sequence[Callable[[], SmtpReply]]) -> list[SmtpReply]:
    replies: list[SmtpReply] = []
    for read_one in read:
        try:
            replies.append(read_one())
        except OSError:
            if not replies or replies[-1].code != CLOSING:
                raise
            replies.append(replies[-1])
    return replies


def connection_lost(server: OutgoingServer, error: OSError) -> MailServerError:
    """What broke the connection, in our printable: smtplib's errors hide a time-out, and quote replies unescaped."""
    cause: BaseException | None = error
    if isinstance(error, smtplib.SMTPServerDisconnected):
        cause = error.__context__
    elif isinstance(error, smtplib.SMTPResponseException):
        cause = OSError(f"{error.smtp_code} {printable(error.smtp_error)}")
    return connection_error(server, cause if isinstance(cause, OSError) else error)


def _start_tls(smtp: SmtpConnection, server: OutgoingServer) -> None:
    """RFC 3207. What the server said before it is forgotten (section 4.2)."""
    context = tls_context(server)
    try:
        smtp.starttls(context=context)
    except (smtplib.SMTPNotSupportedError, smtplib.SMTPResponseException) as error:
        raise starttls_missing(server) from error
    smtp.ehlo()


def _authenticate(smtp: SmtpConnection, server: OutgoingServer, account: Credentials) -> str:
    """RFC 4954, section 4: challenges and responses until the server has decided. As whom and how, as a readable text.

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
