"""imaplib's connection, guarded: our own socket and buffer, bounded responses, FETCH read quickly, IDLE.

Everything that this project uses of imaplib beyond its documented interface is in this file, as attributes of one
subclass: `_command`, `_get_response`, `_get_tagged_response`, `_command_complete`, `_check_bye`, `_get_line`,
`tagged_commands`, `untagged_responses`. What imaplib documents as open to subclasses (`open`, `read`, `readline`,
`send`, `shutdown`) is replaced, so its own buffers, which differ between Python 3.13 and 3.14, are never used.
"""

import imaplib
import re
import select
import socket
import ssl
from collections.abc import Sequence
from typing import Any

from ingest.connectors.base import BATCH_BYTES
from mailserver.connection import acknowledge_at_once, connect, port_of
from runtime.security.redaction import printable
from schemas.settings import IncomingServer

MAX_RESPONSE_BYTES = 2 * BATCH_BYTES + 32_000_000  # a batch larger than announced; a listing of 500,000 messages
MAX_LINE_BYTES = 1_000_000  # imaplib's own bound

_FETCHED = re.compile(rb"\* \d{1,10} FETCH ")
_LITERAL = re.compile(rb"\{(\d{1,18})\}\Z")


class FetchRefusedError(imaplib.IMAP4.error):
    """The server's response to FETCH is NO or BAD. `given`: what came before that, as in a response."""

    def __init__(self, said: str, given: Sequence[Any] = ()) -> None:
        super().__init__(said)
        self.given = given


class GuardedImap4(imaplib.IMAP4):
    """imaplib with a bound on what one response may bring: a server can announce a literal of any size."""

    def __init__(self, server: IncomingServer) -> None:
        self._server = server
        self.budget = MAX_RESPONSE_BYTES
        self._again: bytes | None = None
        super().__init__(server.host, port_of(server, "imap"), server.timeout_seconds)

    # What imaplib lets a subclass replace

    def open(self, host: str = "", port: int = 143, timeout: float | None = None) -> None:  # noqa: ARG002 - the server's
        self.host, self.port = host, port
        self._use(connect(self._server, "imap"))

    def starttls(self, ssl_context: ssl.SSLContext | None = None) -> Any:
        """What the server sent before the handshake ends is dropped with the old buffer (CVE-2011-0411)."""
        assert ssl_context is not None
        kind, data = self.xatom("STARTTLS")
        if kind != "OK":
            raise self.error(f"STARTTLS: {printable(data[-1])}")
        self._use(ssl_context.wrap_socket(self.sock, server_hostname=self.host))
        return kind, data

    def _use(self, sock: socket.socket) -> None:
        self.sock = sock
        self._buffer = sock.makefile("rb")

    def send(self, data: Any) -> None:
        super().send(data)
        acknowledge_at_once(self.sock)

    def read(self, size: int) -> bytes:
        self._spend(size)
        return self._buffer.read(size)

    def readline(self) -> bytes:
        line, self._again = self._again, None
        if line is None:
            line = self._buffer.readline(MAX_LINE_BYTES + 1)
            if len(line) > MAX_LINE_BYTES:
                raise self.error(f"a line of more than {MAX_LINE_BYTES} bytes")
            self._spend(len(line))
        return line

    def shutdown(self) -> None:
        self._buffer.close()
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # the server was quicker
        finally:
            self.sock.close()

    # FETCH

    def new_round(self) -> None:
        """Forget what the server sent unsolicited, which imaplib keeps, and give the next responses their bound."""
        self.untagged_responses.clear()
        self.budget = MAX_RESPONSE_BYTES

    def _get_line(self) -> bytes:
        """The next line without its CRLF. imaplib's own keeps the last lines for a log, mails and passwords too."""
        line = self.readline()
        if not line:
            raise self.abort("socket error: EOF")
        if not line.endswith(b"\r\n"):
            raise self.abort("socket error: unterminated line")
        return line[:-2]

    def fetch_by_uid(self, uids: str, items: str) -> list[Any]:
        """Response to UID FETCH as imaplib would give it: bytes, or a pair (line up to the literal, literal).

        Whatever else the server says meanwhile is left to imaplib: new messages, a BYE, rubbish. Raises
        `FetchRefusedError`.
        """
        self.budget = MAX_RESPONSE_BYTES  # for each response: a long backlog comes in many
        tag = self._command("UID", "FETCH", uids, items)
        response: list[Any] = []
        while True:
            line = self._get_line()
            if _FETCHED.match(line):
                self._take_fetched(line, response)
                continue
            self._again = line + b"\r\n"
            if line.startswith(tag):
                self._complete_fetch(tag, response)
                return response
            self._get_response()
            self._check_bye()

    def _complete_fetch(self, tag: bytes, response: list[Any]) -> None:
        self._check_bye()
        kind, data = self._get_tagged_response(tag)
        self._check_bye()
        if kind != "OK":
            raise FetchRefusedError(f"FETCH: {kind} {printable(data[-1])}", response)

    def _take_fetched(self, line: bytes, response: list[Any]) -> None:
        """One FETCH response (RFC 3501, section 7.4.2), with as many literals as it has."""
        while found := _LITERAL.search(line, max(0, len(line) - 20)):
            response.append((line, self.read(int(found[1]))))
            line = self._get_line()
            while not line:  # some servers end the literal with one more line ending
                line = self._get_line()
        response.append(line)

    def _spend(self, size: int) -> None:
        self.budget -= size
        if self.budget < 0:
            raise self.abort(f"the server's response is longer than {MAX_RESPONSE_BYTES} bytes")

    # IDLE

    def idle_until_called(self, seconds: float) -> bool:
        """Wait in IDLE (RFC 2177) until the server says anything or `seconds` are over; whether it announced a message.

        What it says is only a hint: the lines are read after DONE, with the usual time-outs.
        """
        tag = self._command("IDLE")
        while self._get_response() is not None:  # other lines may come before the continuation
            if self.tagged_commands[tag]:
                raise self.error(f"IDLE: {self.tagged_commands.pop(tag)!r}")
        if not self._has_buffered():
            poller = select.poll()
            poller.register(self.sock.fileno(), select.POLLIN)
            poller.poll(seconds * 1000)
        self.send(b"DONE\r\n")
        self._command_complete("IDLE", tag)
        return "EXISTS" in self.untagged_responses

    def _has_buffered(self) -> bool:
        """Whether lines have been read from the socket already, so that no poll would see them."""
        self.sock.setblocking(False)
        try:
            return bool(self._buffer.peek(1))
        except OSError:  # TLS says so if nothing has come
            return False
        finally:
            self.sock.settimeout(self._server.timeout_seconds)
