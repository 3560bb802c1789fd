"""A POP3 connection that no server can hurt: our own socket, bounded responses, messages read in large pieces."""

import poplib
import re
import socket as socket_module
import ssl
from collections.abc import Iterator
from io import BufferedReader
from typing import cast

from mailserver.authentication import METHODS, LoginScheme, response_in_base64, sasl_log_in, unusable
from mailserver.challenge_responses import apop
from mailserver.connection import LOGOUT_SECONDS, connect, port_of, shut_down
from mailserver.errors import SaslError, words_of
from mailserver.sasl import Credentials
from schemas.settings import IncomingServer

MAX_LINE_BYTES = 10_000  # of a listing or a header; poplib's own 2,048 is less than real headers have
MAX_LISTING_BYTES = 64_000_000
TOP_LINES = 200  # of a message that a server test shows
_NUMBER = re.compile(rb"\d{1,10}")
_SIZE = re.compile(rb"\d{1,18}")
_CHUNK = 64 * 1024
_LINE_END = b"\r\n"
_END = b"\r\n.\r\n"


class Pop3Session(poplib.POP3):
    """One POP3 connection. Raises `poplib.error_proto`, `OSError`; `MailServerError` if it cannot connect."""

    def __init__(self, server: IncomingServer) -> None:
        self._server = server
        super().__init__(server.host, port_of(server, "pop3"), server.timeout_seconds)

    def _create_socket(self, timeout: float | None) -> socket_module.socket:  # noqa: ARG002 - the server's own is used
        return connect(self._server, "pop3")

    def socket(self) -> socket_module.socket:
        return self.sock

    def starttls(self, context: ssl.SSLContext) -> None:
        self.stls(context)

    def log_in(self, account: Credentials) -> None:
        scheme = METHODS[self._server.authentication].scheme
        if scheme is LoginScheme.SASL:
            self._authenticate(account)
        elif scheme is LoginScheme.APOP:
            self._apop(account)
        else:
            self.user(account.username)
            self.pass_(account.password)

    def _authenticate(self, account: Credentials) -> None:
        """RFC 5034, section 4: responses to challenges, in base64, until +OK."""
        with sasl_log_in(self._server, "pop3", account, self._mechanisms()) as (mechanism, exchange):
            try:
                reply = self._command(f"AUTH {mechanism}")
                while reply.startswith(b"+ ") or reply == b"+":
                    reply = self._command(response_in_base64(exchange, reply[2:]))
            except poplib.error_proto as error:
                raise poplib.error_proto(f"{words_of(error)} {exchange.said}".strip()) from error

    def _apop(self, account: Credentials) -> None:
        try:
            digest = apop(self.welcome, account.password)
        except SaslError as error:
            raise unusable(self._server, str(error)) from error
        self._command(f"APOP {account.username} {digest}")

    def _mechanisms(self) -> list[str]:
        """What the server says it offers (RFC 5034, section 6); nothing if it has no CAPA (RFC 2449)."""
        try:
            return self.capa().get("SASL", [])
        except poplib.error_proto:
            return []

    def capa(self) -> dict[str, list[str]]:
        """As poplib's, which `stls` calls, but bounded as every listing here."""
        lines = (line.decode("ascii", "replace").upper().split() for line in self._lines("CAPA"))
        return {line[0]: line[1:] for line in lines if line}

    def sizes(self) -> dict[int, int | None]:
        """Size of each message by its number in this session; None if it cannot be read."""
        return {number: int(size) if _SIZE.fullmatch(size) else None for number, size in self._pairs("LIST")}

    def unique_ids(self) -> dict[int, str]:
        """Unique id of each message by its number in this session; empty if the server names none."""
        return {number: uidl.decode("ascii", "replace") for number, uidl in self._pairs("UIDL")}

    def header(self, number: int) -> bytes:
        return b"\r\n".join(self._lines(f"TOP {number} 0"))

    def beginning(self, number: int, limit: int) -> bytes:
        """Header and first lines of a message, by TOP; at most `limit` bytes."""
        return b"\r\n".join(self._lines(f"TOP {number} {TOP_LINES}"))[:limit]

    def content(self, number: int) -> Iterator[bytes]:
        """The message as it is, piece by piece (RFC 1939, section 3: a dot alone on a line ends it)."""
        self._command(f"RETR {number}")
        pending, skip = _LINE_END, len(_LINE_END)  # so that a first line of dots is like any other
        while True:
            chunk = cast(BufferedReader, self.file).read1(_CHUNK)
            if not chunk:
                raise poplib.error_proto("the connection was closed in the middle of a mail")
            pending += chunk
            if pending.endswith(_END):
                yield _unstuffed(pending)[skip : 2 - len(_END)]
                return
            cut = _before_a_line_end(pending)
            if cut:
                yield _unstuffed(pending[:cut])[skip:]
                pending, skip = pending[cut:], 0

    def _pairs(self, command: str) -> list[tuple[int, bytes]]:
        """Number and first word after it (RFC 1939, section 5), whatever blanks a server puts there."""
        pairs = []
        for line in self._lines(command):
            number, *rest = line.split(None, 2)[:2] or [b""]
            if not _NUMBER.fullmatch(number):
                raise poplib.error_proto(f"the response to {command} is no listing")
            pairs.append((int(number), rest[0] if rest else b""))
        return pairs

    def _lines(self, command: str) -> list[bytes]:
        """Lines of a multi-line response, without their line endings; bounded."""
        self._command(command)
        lines: list[bytes] = []
        total = 0
        while (line := self._getline()[0]) != b".":
            total += len(line)
            if total > MAX_LISTING_BYTES:
                raise poplib.error_proto(f"the response to {command[:4]} is longer than {MAX_LISTING_BYTES} bytes")
            lines.append(line[1:] if line.startswith(b"..") else line)
        return lines

    def _getline(self) -> tuple[bytes, int]:
        line = self.file.readline(MAX_LINE_BYTES + 1)
        if not line.endswith(b"\n"):
            raise poplib.error_proto("a line is too long" if line else "the server closed the connection")
        return line.rstrip(b"\r\n"), len(line)

    def leave(self) -> None:
        """QUIT without waiting long for the response, then close. Never raises."""
        try:
            self.sock.settimeout(LOGOUT_SECONDS)
            self.quit()
        except (poplib.error_proto, OSError):
            pass  # the server or the network was quicker
        try:
            self.close()
        except OSError:
            pass  # so it is closed

    def _command(self, line: str) -> bytes:
        """One line of response; `poplib.error_proto` if it does not begin with a plus."""
        reply: bytes = self._shortcmd(line)  # type: ignore[attr-defined]
        return reply

    def interrupt(self) -> None:
        """End every read of another thread."""
        if self.sock is not None:
            shut_down(self.sock)


def _before_a_line_end(data: bytes) -> int:
    """How much of it can be decoded already: what may begin an end, or a stuffed dot, is not."""
    found = data.find(b"\r", max(0, len(data) - len(_END) + 1))
    return len(data) if found < 0 else found


def _unstuffed(raw: bytes) -> bytes:
    """RFC 1939, section 3: a line that begins with a dot was sent with one more."""
    return raw.replace(b"\r\n..", b"\r\n.")
