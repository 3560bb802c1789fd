"""The connection to a mail server: its socket, verified TLS, and what may go over it in clear text."""

import socket
import ssl
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Literal

from mailserver.errors import MailServerError, connection_error, server_label
from runtime.net.dialling import dial
from runtime.net.tls import trusting
from runtime.security.redaction import printable
from schemas.reasons import Reason
from schemas.settings import MailServer, Security

Protocol = Literal["imap", "pop3", "mapi", "folder", "smtp"]

# RFC 8314, section 3.3, for TLS; submission (RFC 6409) for outgoing mail.
PORTS: Mapping[tuple[Protocol, Security], int] = {
    ("imap", Security.NONE): 143,
    ("imap", Security.STARTTLS): 143,
    ("imap", Security.TLS): 993,
    ("pop3", Security.NONE): 110,
    ("pop3", Security.STARTTLS): 110,
    ("pop3", Security.TLS): 995,
    ("smtp", Security.NONE): 25,
    ("smtp", Security.STARTTLS): 587,
    ("smtp", Security.TLS): 465,
}
LOGOUT_SECONDS = 1.0  # how long we wait for the response to a logout

# A dead connection is noticed after about two minutes, also by a client that only waits.
_KEEPALIVE = (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 20), ("TCP_KEEPCNT", 3))


def port_of(server: MailServer, protocol: Protocol) -> int:
    return server.port or PORTS[protocol, server.security]


def connect(server: MailServer, protocol: Protocol) -> socket.socket:
    """A connected socket with its time-out set; TLS is spoken already if `security` is `tls`.

    Raises `MailServerError`.
    """
    context = tls_context(server) if server.security is Security.TLS else None
    try:
        sock = dial(server.host, port_of(server, protocol), server.timeout_seconds)
    except (OSError, UnicodeError) as error:  # UnicodeError: the host name is invalid
        raise connection_error(server, error) from error
    try:
        _keep_alive(sock)
        return context.wrap_socket(sock, server_hostname=server.host) if context else sock
    except (OSError, ValueError) as error:
        sock.close()
        raise connection_error(server, error) from error


def connected(server: MailServer, protocol: Protocol, sock: socket.socket) -> str:
    """Where to, and how the connection is protected, for people."""
    return f"connected to {server.host}:{port_of(server, protocol)}, {protection_of(sock)}"


def protection_of(sock: socket.socket | None) -> str:
    """For people."""
    version = sock.version() if isinstance(sock, ssl.SSLSocket) else None
    return str(version).replace("TLSv", "TLS ") if version else "not encrypted"


def shut_down(sock: socket.socket) -> None:
    """End every read and write of another thread. The TLS layer is bypassed: it belongs to that thread."""
    try:
        socket.socket.shutdown(sock, socket.SHUT_RDWR)
    except OSError:
        pass  # it is gone already


def acknowledge_at_once(sock: socket.socket) -> None:
    """To be called after each request. A server that writes its response in pieces, with Nagle's algorithm on, waits
    after each piece for our acknowledgement, which Linux delays by 40 ms. Elsewhere there is no such switch."""
    if hasattr(socket, "TCP_QUICKACK"):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)


def tls_context(server: MailServer) -> ssl.SSLContext:
    """A context that verifies certificate and host name, TLS `minimum_tls` or newer.

    Raises `MailServerError`.
    """
    return trusted_context(server.ca_file, server_label(server), server.minimum_tls)


def trusted_context(ca_file: str | None, owner: str, minimum_tls: str = "1.2") -> ssl.SSLContext:
    """A context that trusts `ca_file` alone if it is set. `owner`: whose setting that is. Raises `MailServerError`."""
    try:
        return trusting(ca_file, minimum_tls)
    except (OSError, ValueError) as error:
        text = (
            f"ca_file {ca_file!r} of {owner} cannot be used: {printable(error)}. It must be a PEM file that this "
            "process can read"
        )
        raise MailServerError(Reason.SECURITY_REFUSED, text, temporary=False) from error


def check_password_may_travel(server: MailServer) -> None:
    """Raise `MailServerError` if a password would travel in clear text without the administrator's permission."""
    if server.security is not Security.NONE or server.allow_password_in_clear or is_loopback(server.host):
        return
    text = (
        f"the password for {server_label(server)} would travel unencrypted. Set security to tls or starttls; "
        "if it has to be so, set allow_password_in_clear"
    )
    raise MailServerError(Reason.SECURITY_REFUSED, text, temporary=False)


def starttls_missing(server: MailServer) -> MailServerError:
    """The server offers no STARTTLS, or refused it: the session never continues in clear text."""
    text = (
        f"{server_label(server)} offers no STARTTLS: nothing was sent. Set security to tls with that port, or ask the "
        "server's administrator whether somebody in between removes the offer"
    )
    return MailServerError(Reason.SECURITY_REFUSED, text, temporary=False)


def is_loopback(host: str) -> bool:
    """Whether this is the machine itself. Names are not looked up: only `localhost` counts as it."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _keep_alive(sock: socket.socket) -> None:
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEPALIVE:
        if hasattr(socket, name):  # not on every system
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
