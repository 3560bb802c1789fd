"""Ending connections, for every connector."""

import socket

LOGOUT_SECONDS = 1.0  # how long the answer to a good-bye is waited for


def shut_down(sock: socket.socket) -> None:
    """End every read and write of another thread. The TLS layer is passed by: it belongs to that thread."""
    try:
        socket.socket.shutdown(sock, socket.SHUT_RDWR)
    except OSError:
        pass  # it is gone already
