"""An IMAP connection that no server can hurt: guarded reading, own socket, log-in, IDLE as a hint.

imapclient keeps the session (capabilities, folder names, commands), imaplib beneath it the connection. What FETCH
answers, and that is all mail, is read here: it costs two thirds of imaplib's parser, and that a tenth of imapclient's.
"""

import imaplib
import re
import select
import socket
from collections.abc import Mapping, Sequence
from typing import Any

from imapclient import IMAPClient

from ingest.connectors.base import BLOCK_BYTES
from ingest.connectors.sockets import LOGOUT_SECONDS, acknowledge_at_once
from mailserver.authentication import METHODS, LoginScheme, sasl_log_in
from mailserver.connection import connect, port_of, shut_down
from mailserver.errors import words_of
from mailserver.sasl import Credentials
from runtime.foreign_words import words
from schemas.settings import IncomingServer

MAX_ANSWER_BYTES = 2 * BLOCK_BYTES + 32_000_000  # a block that is larger than announced; a listing of 500,000 mails

_FETCHED = re.compile(rb"\* \d{1,10} FETCH ")
_LITERAL = re.compile(rb"\{(\d{1,18})\}\Z")


class FetchRefusedError(imaplib.IMAP4.error):
    """FETCH was answered with NO or BAD. `given`: what came before that, as in an answer."""

    def __init__(self, said: str, given: Sequence[Any] = ()) -> None:
        super().__init__(said)
        self.given = given


class _GuardedImap4(imaplib.IMAP4):
    """imaplib with a bound on what one answer may bring: a server can announce a literal of any size."""

    def __init__(self, server: IncomingServer) -> None:
        self._server = server
        self.budget = MAX_ANSWER_BYTES
        self._again: bytes | None = None
        super().__init__(server.host, port_of(server, "imap"), server.timeout_seconds)

    def _create_socket(self, timeout: float | None) -> socket.socket:  # noqa: ARG002 - the server's own is used
        return connect(self._server, "imap")

    def send(self, data: Any) -> None:
        super().send(data)
        acknowledge_at_once(self.sock)

    def read(self, size: int) -> bytes:
        self._spend(size)
        return super().read(size)

    def readline(self) -> bytes:
        line, self._again = self._again, None
        if line is None:
            line = super().readline()
            self._spend(len(line))
        return line

    def _get_line(self) -> bytes:
        """The next line without its CRLF. imaplib's own keeps the last lines for a log, mails and passwords too."""
        line = self.readline()
        if not line:
            raise self.abort("socket error: EOF")
        if not line.endswith(b"\r\n"):
            raise self.abort("socket error: unterminated line")
        return line[:-2]

    def fetch_by_uid(self, uids: str, items: str) -> list[Any]:
        """Answer of UID FETCH as imaplib would give it: bytes, or a pair (line up to the literal, literal).

        Whatever else the server says meanwhile is left to imaplib: new mails, a BYE, rubbish. Raises
        `FetchRefusedError`.
        """
        tag = self._command("UID", "FETCH", uids, items)
        answer: list[Any] = []
        while True:
            line = self._get_line()
            if _FETCHED.match(line):
                self._take_fetched(line, answer)
                continue
            self._again = line + b"\r\n"
            if line.startswith(tag):
                self._complete_fetch(tag, answer)
                return answer
            self._get_response()
            self._check_bye()

    def _complete_fetch(self, tag: bytes, answer: list[Any]) -> None:
        self._check_bye()
        kind, data = self._get_tagged_response(tag)
        self._check_bye()
        if kind != "OK":
            raise FetchRefusedError(f"FETCH: {kind} {words(data[-1])}", answer)

    def _take_fetched(self, line: bytes, answer: list[Any]) -> None:
        """One FETCH response (RFC 3501, section 7.4.2), with as many literals as it has."""
        while found := _LITERAL.search(line, max(0, len(line) - 20)):
            answer.append((line, self.read(int(found[1]))))
            line = self._get_line()
            while not line:  # some servers end the literal with one more line end
                line = self._get_line()
        answer.append(line)

    def _spend(self, size: int) -> None:
        self.budget -= size
        if self.budget < 0:
            raise self.abort(f"the server's answer is longer than {MAX_ANSWER_BYTES} bytes")


class ImapSession(IMAPClient):  # type: ignore[misc]  # it has no types
    """One IMAP connection. Raises imaplib's errors and `OSError`; `MailServerError` where it cannot connect."""

    def __init__(self, server: IncomingServer) -> None:
        self._server = server
        super().__init__(server.host, port=port_of(server, "imap"), ssl=False, timeout=server.timeout_seconds)
        self._imap.debug = 0  # imapclient would have every line formatted for a log, mails and passwords too

    def _create_IMAP4(self) -> _GuardedImap4:  # noqa: N802 - imapclient's name
        return _GuardedImap4(self._server)

    @property
    def authenticated(self) -> bool:
        """Whether the server lets us in already (PREAUTH, RFC 9051, 7.1.4)."""
        return bool(self._imap.state != "NONAUTH")

    def log_in(self, account: Credentials) -> None:
        """Raises `imaplib.IMAP4.error` in the server's words where it refuses, `abort` where the connection breaks."""
        if METHODS[self._server.authentication].exchange is LoginScheme.SASL:
            with sasl_log_in(self._server, "imap", account, self._mechanisms()) as (mechanism, exchange):
                try:
                    self._imap.authenticate(mechanism, exchange)
                except imaplib.IMAP4.error as error:
                    raise type(error)(f"{words_of(error)} {exchange.said}".strip()) from error
        elif self.has_capability("LOGINDISABLED"):  # RFC 9051, 6.2.3: then the password must not be sent
            raise imaplib.IMAP4.error("the server has LOGIN switched off (LOGINDISABLED) on this connection")
        else:
            self._imap.login(_quoted(account.username), account.password)  # imaplib quotes the password alone
        self._cached_capabilities = None  # a server may offer more now

    def _mechanisms(self) -> list[str]:
        return [str(name[5:], "ascii", "replace") for name in self.capabilities() if name.startswith(b"AUTH=")]

    def new_round(self) -> None:
        """Forget what the server said unasked, which imaplib keeps for ever, and give the next answers their bound."""
        self._imap.untagged_responses.clear()
        self._imap.budget = MAX_ANSWER_BYTES

    def uid_fetch(self, uids: str, items: str) -> Sequence[Any]:
        """Answer of UID FETCH as imaplib gives it: bytes, or a pair (line up to the literal, literal).

        Raises `FetchRefusedError` where the server answers NO or BAD.
        """
        self._imap.budget = MAX_ANSWER_BYTES  # for each answer: a long backlog comes in many
        return self._imap.fetch_by_uid(uids, items)  # type: ignore[no-any-return]

    def fetch_by_number(self, numbers: str, items: str) -> list[Any]:
        """Answer of FETCH by numbers in the folder, as that of `uid_fetch`."""
        self.new_round()
        kind, data = self._imap.fetch(numbers, items)
        if kind != "OK":
            raise imaplib.IMAP4.error(f"FETCH: {data[-1]!r}")
        return [item for item in data if item is not None]

    def idle_until_called(self, seconds: float) -> bool:
        """Wait in IDLE (RFC 2177) until the server says anything or `seconds` are over; whether it announced a mail.

        What it says is only a hint: the lines are read after DONE, with the usual time-outs.
        """
        imap = self._imap
        tag = imap._command("IDLE")
        while imap._get_response() is not None:  # other lines may come before the continuation
            if imap.tagged_commands[tag]:
                raise imaplib.IMAP4.error(f"IDLE: {imap.tagged_commands.pop(tag)!r}")
        if not self._has_buffered():
            poller = select.poll()
            poller.register(self.socket().fileno(), select.POLLIN)
            poller.poll(seconds * 1000)
        imap.send(b"DONE\r\n")
        imap._command_complete("IDLE", tag)
        return "EXISTS" in imap.untagged_responses

    def _has_buffered(self) -> bool:
        """Whether lines were read from the socket already, where no poll would see them."""
        sock = self.socket()
        sock.setblocking(False)
        try:
            return bool(self._imap.file.peek(1))
        except OSError:  # TLS says so where nothing has come
            return False
        finally:
            sock.settimeout(self._server.timeout_seconds)

    @property
    def unasked(self) -> Mapping[str, Any]:
        """What the server said unasked since the last `new_round`, by the response's name."""
        unasked: Mapping[str, Any] = self._imap.untagged_responses
        return unasked

    def leave(self) -> None:
        """LOGOUT without waiting long for the answer, then close. Never raises."""
        try:
            self.socket().settimeout(LOGOUT_SECONDS)
            self.logout()
        except (imaplib.IMAP4.error, OSError):
            pass  # the server or the network was quicker
        try:
            self.shutdown()
        except OSError:
            pass  # so it is closed

    def interrupt(self) -> None:
        """End every read of another thread."""
        shut_down(self.socket())


def _quoted(text: str) -> str:
    """RFC 9051, section 9: quoted. DOMAIN\\user is a user name, and no atom."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
