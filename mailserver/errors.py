"""What can go wrong with a mail server, in an administrator's words. Never a secret, never a message's content."""

import errno
import socket
import ssl
from dataclasses import dataclass

from runtime.net.dialling import RefusedAddressError
from runtime.security.redaction import conceal, printable
from schemas.reasons import Reason
from schemas.settings import MailServer


class MailServerError(Exception):
    """A mail server could not be used. `text` says what happened, where, and what to do.

    `temporary`: the same may work later without anybody's help; `after`: in this many seconds, as the server asked.
    """

    def __init__(self, reason: Reason, text: str, *, temporary: bool, after: float = 0.0) -> None:
        self.text = conceal(text)
        super().__init__(self.text)
        self.reason = reason
        self.temporary = temporary
        self.after = after


class SaslError(Exception):
    """The server's part of a SASL exchange is invalid, or shows that it is another server. Never holds a secret."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """Whom a connection leads to. `label`: the server in a text; `seconds`: how long a response is waited for.

    What to do, each a sentence without its full stop: `check_address` if the address may be wrong, `check_port` if
    nothing listens there, `check_trust` if its certificate is not trusted, `check_tls` if TLS fails, `without_tls` if
    it does not speak TLS.
    """

    label: str
    seconds: float
    check_address: str
    check_port: str
    check_trust: str
    check_tls: str
    without_tls: str


def words_of(error: Exception) -> str:
    """What a server said, in an error of imaplib or poplib: they hold it as bytes or as text."""
    return printable(error.args[0] if error.args else type(error).__name__)


def server_label(server: MailServer) -> str:
    """The server in an error's text."""
    mailbox = getattr(server, "mailbox", None)  # with MAPI, whose profile says which machine it is
    if mailbox:
        return f"{server.id} ({mailbox})"
    return f"{server.id} ({server.host}{'' if server.port is None else f':{server.port}'})"


def connection_error(server: MailServer, error: Exception) -> MailServerError:
    """A failure of socket, name look-up or TLS at a server of the settings, as an administrator should read it."""
    peer = Peer(
        label=server_label(server),
        seconds=server.timeout_seconds,
        check_address="Check host",
        check_port="Check host and port",
        check_trust="Set ca_file to the PEM file of the authority that signed it, or host to the name it was made for",
        check_tls="Check port and security (tls and starttls use different ports); the oldest TLS accepted is "
        f"{server.minimum_tls} (minimum_tls)",
        without_tls="Set security: starttls or security: none, or the port at which the server speaks TLS",
    )
    return broken_connection(peer, error)


def broken_connection(peer: Peer, error: Exception) -> MailServerError:
    """A failure of socket, name look-up or TLS, as an administrator should read it."""
    if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
        text = f"no room for a large mail of {peer.label}: {printable(error)}. Give the process's temporary directory "
        return MailServerError(Reason.NO_ROOM, f"{text}more room", temporary=True)
    refusal = _security_refusal(peer, error)
    if refusal is not None:
        return MailServerError(Reason.SECURITY_REFUSED, refusal, temporary=False)
    if isinstance(error, TimeoutError):
        text = f"{peer.label} gave no answer within {peer.seconds:g} seconds"
    elif isinstance(error, socket.gaierror):
        text = f"the host name of {peer.label} cannot be resolved: {printable(error.strerror or error)}. "
        text += peer.check_address
    elif isinstance(error, ConnectionRefusedError):
        text = f"nothing listens at {peer.label}: connection refused. {peer.check_port}"
    else:
        text = f"the connection to {peer.label} broke: {printable(error) or type(error).__name__}"
    return MailServerError(Reason.SERVER_UNREACHABLE, text, temporary=True)


def _security_refusal(peer: Peer, error: Exception) -> str | None:
    """Why the connection would not be secure, which no retry changes; None if the error is another."""
    if isinstance(error, RefusedAddressError):
        return (
            f"{peer.label} is not connected to: {printable(error)}. {peer.check_address}; if it is right, ask who runs "
            "Mailcall"
        )
    if isinstance(error, ssl.SSLCertVerificationError):
        said = printable(error.verify_message)
        return f"the certificate of {peer.label} is not trusted: {said}. {peer.check_trust}"
    if not isinstance(error, ssl.SSLError) or isinstance(error, (ssl.SSLEOFError, ssl.SSLZeroReturnError)):
        return None
    if getattr(error, "reason", None) == "WRONG_VERSION_NUMBER":
        # OpenSSL's word for a response that is no TLS record at all: the server greets in clear.
        return f"{peer.label} answers without TLS. {peer.without_tls}"
    said = printable(getattr(error, "reason", None) or error)
    return f"no TLS connection to {peer.label}: {said}. {peer.check_tls}"
