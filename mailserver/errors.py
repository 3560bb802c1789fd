"""What can go wrong with a mail server, in an administrator's words. Never a secret, never a mail's content."""

import errno
import socket
import ssl

from runtime.dialling import RefusedAddressError
from runtime.foreign_words import words
from runtime.known_secrets import conceal
from schemas.reasons import Reason
from schemas.settings import MailServer


class MailServerError(Exception):
    """A mail server could not be used. `text` says what happened, where, and what to do.

    `temporary`: the same may work later without anybody's help; `after`: in so many seconds, as the server asked.
    """

    def __init__(self, reason: Reason, text: str, *, temporary: bool, after: float = 0.0) -> None:
        self.text = conceal(text)
        super().__init__(self.text)
        self.reason = reason
        self.temporary = temporary
        self.after = after


def words_of(error: Exception) -> str:
    """What a server said, in an error of imaplib or poplib: they hold it as bytes or as text."""
    return words(error.args[0] if error.args else type(error).__name__)


def server_label(server: MailServer) -> str:
    """The server in an error's text."""
    mailbox = getattr(server, "mailbox", None)  # with MAPI, where the profile says which machine it is
    if mailbox:
        return f"{server.id} ({mailbox})"
    return f"{server.id} ({server.host}{'' if server.port is None else f':{server.port}'})"


def connection_error(server: MailServer, error: Exception) -> MailServerError:
    """A failure of socket, name look-up or TLS, as an administrator should read it."""
    where = server_label(server)
    if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
        text = f"no room for a large mail of {where}: {words(error)}. Give the process's temporary directory more room"
        return MailServerError(Reason.NO_ROOM, text, temporary=True)
    if isinstance(error, RefusedAddressError):
        text = f"{where} is not connected to: {words(error)}. Check host; if it is right, ask who runs Mailcall"
        return MailServerError(Reason.SECURITY_REFUSED, text, temporary=False)
    if isinstance(error, ssl.SSLCertVerificationError):
        text = (
            f"the certificate of {where} is not trusted: {words(error.verify_message)}. Set ca_file to the PEM file of "
            "the authority that signed it, or host to the name it was made for"
        )
        return MailServerError(Reason.SECURITY_REFUSED, text, temporary=False)
    if isinstance(error, ssl.SSLError) and getattr(error, "reason", None) == "WRONG_VERSION_NUMBER":
        # OpenSSL's word for an answer that is no TLS record at all: the server greets in clear.
        text = (
            f"{where} answers without TLS. Set security: starttls or security: none, or the port at which the server "
            "speaks TLS"
        )
        return MailServerError(Reason.SECURITY_REFUSED, text, temporary=False)
    if isinstance(error, ssl.SSLError) and not isinstance(error, (ssl.SSLEOFError, ssl.SSLZeroReturnError)):
        text = (
            f"no TLS connection to {where}: {words(getattr(error, 'reason', None) or error)}. Check port and security "
            f"(tls and starttls use different ports); the oldest TLS accepted is {server.minimum_tls} (minimum_tls)"
        )
        return MailServerError(Reason.SECURITY_REFUSED, text, temporary=False)
    if isinstance(error, TimeoutError):
        text = f"{where} gave no answer within {server.timeout_seconds:g} seconds"
    elif isinstance(error, socket.gaierror):
        text = f"the name {server.host!r} cannot be looked up: {words(error.strerror or error)}. Check host"
    elif isinstance(error, ConnectionRefusedError):
        text = f"nothing listens at {where}: connection refused. Check host and port"
    else:
        text = f"the connection to {where} broke: {words(error) or type(error).__name__}"
    return MailServerError(Reason.SERVER_UNREACHABLE, text, temporary=True)
