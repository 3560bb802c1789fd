"""The socket to a mail server."""

import socket
import ssl
from collections.abc import Mapping
from typing import Literal

from mailserver.errors import connection_error
from mailserver.security import tls_context
from runtime.dialling import dial
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

# A dead connection is noticed after about two minutes, also by a client that only waits.
_KEEPALIVE = (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 20), ("TCP_KEEPCNT", 3))


def port_of(server: MailServer, protocol: Protocol) -> int:
    return server.port or PORTS[protocol, server.security]


def connect(server: MailServer, protocol: Protocol) -> socket.socket:
    """A connected socket with its time-out set; TLS is spoken already where `security` is `tls`.

    Raises `MailServerError`.
    """
    context = tls_context(server) if server.security is Security.TLS else None
    try:
        sock = dial(server.host, port_of(server, protocol), server.timeout_seconds)
    except (OSError, UnicodeError) as error:  # UnicodeError: a host name that can be none
        raise connection_error(server, error) from error
    try:
        _keep_alive(sock)
        return context.wrap_socket(sock, server_hostname=server.host) if context else sock
    except (OSError, ValueError) as error:
        sock.close()
        raise connection_error(server, error) from error


def connected(server: MailServer, protocol: Protocol, sock: socket.socket) -> str:
    """Where to, and how the connection is protected, for people."""
    version = sock.version() if isinstance(sock, ssl.SSLSocket) else None
    protection = str(version).replace("TLSv", "TLS ") if version else "not encrypted"
    return f"connected to {server.host}:{port_of(server, protocol)}, {protection}"


def shut_down(sock: socket.socket) -> None:
    """End every read and write of another thread. The TLS layer is passed by: it belongs to that thread."""
    try:
        socket.socket.shutdown(sock, socket.SHUT_RDWR)
    except OSError:
        pass  # it is gone already


def _keep_alive(sock: socket.socket) -> None:
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEPALIVE:
        if hasattr(socket, name):  # not on every system
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
