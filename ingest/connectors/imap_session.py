"""An IMAP session: imapclient over a guarded connection, with our login.

imapclient keeps the session (capabilities, folder names, commands), imaplib beneath it the connection. What FETCH
brings, and that is all mail, is read in `imap_connection`: it costs two thirds of imaplib's parser, and that a tenth of
imapclient's. Of imapclient's private attributes three are used, here only: `_imap`, `_create_IMAP4` and
`_cached_capabilities`.
"""

import imaplib
import ssl
from collections.abc import Mapping, Sequence
from typing import Any

from imapclient import IMAPClient

from ingest.connectors.imap_connection import GuardedImap4
from mailserver.authentication import METHODS, LoginScheme, sasl_log_in
from mailserver.connection import LOGOUT_SECONDS, port_of, shut_down
from mailserver.errors import words_of
from mailserver.sasl import Credentials
from schemas.settings import IncomingServer


class ImapSession(IMAPClient):  # type: ignore[misc]  # it has no types
    """One IMAP connection. Raises imaplib's errors and `OSError`; `MailServerError` if it cannot connect."""

    def __init__(self, server: IncomingServer) -> None:
        self._server = server
        super().__init__(server.host, port=port_of(server, "imap"), ssl=False, timeout=server.timeout_seconds)
        self._imap.debug = 0  # imapclient would have every line formatted for a log, mails and passwords too

    def _create_IMAP4(self) -> GuardedImap4:  # noqa: N802 - imapclient's name
        return GuardedImap4(self._server)

    @property
    def authenticated(self) -> bool:
        """Whether the server lets us in already (PREAUTH, RFC 9051, 7.1.4)."""
        return bool(self._imap.state != "NONAUTH")

    def log_in(self, account: Credentials) -> None:
        """Raises `imaplib.IMAP4.error` in the server's words if it refuses, `abort` if the connection breaks."""
        if METHODS[self._server.authentication].scheme is LoginScheme.SASL:
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
        """Forget what the server sent unsolicited, which imaplib keeps, and give the next responses their bound."""
        self._imap.new_round()

    def uid_fetch(self, uids: str, items: str) -> Sequence[Any]:
        """Response to UID FETCH as imaplib gives it: bytes, or a pair (line up to the literal, literal).

        Raises `FetchRefusedError` if the server says NO or BAD.
        """
        return self._imap.fetch_by_uid(uids, items)  # type: ignore[no-any-return]

    def fetch_by_number(self, numbers: str, items: str) -> list[Any]:
        """Response to FETCH by numbers in the folder, as that of `uid_fetch`."""
        self.new_round()
        kind, data = self._imap.fetch(numbers, items)
        if kind != "OK":
            raise imaplib.IMAP4.error(f"FETCH: {data[-1]!r}")
        return [item for item in data if item is not None]

    def idle_until_called(self, seconds: float) -> bool:
        """Wait in IDLE until the server says anything or `seconds` are over; whether it announced a message."""
        return bool(self._imap.idle_until_called(seconds))

    @property
    def unsolicited(self) -> Mapping[str, Any]:
        """What the server sent unsolicited since the last `new_round`, by the response's name."""
        unsolicited: Mapping[str, Any] = self._imap.untagged_responses
        return unsolicited

    def starttls(self, ssl_context: ssl.SSLContext) -> None:
        """Raises `imaplib.IMAP4.error` if the server has none or refuses it."""
        super().starttls(ssl_context)

    def leave(self) -> None:
        """LOGOUT without waiting long for the response, then close. Never raises."""
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
