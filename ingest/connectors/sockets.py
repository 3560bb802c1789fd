"""What is done with the sockets of every connector."""

import socket

LOGOUT_SECONDS = 1.0  # how long the answer to a good-bye is waited for


def acknowledge_at_once(sock: socket.socket) -> None:
    """To be called after each request. A server that writes its answer in pieces, with Nagle's algorithm on, waits
    after each piece for our acknowledgement, which Linux delays by 40 ms. Elsewhere there is no such switch."""
    if hasattr(socket, "TCP_QUICKACK"):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
