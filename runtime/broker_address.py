"""The brokers' addresses as they are written, and whether anybody listens there."""

import re
import socket
import time

DEFAULT_PORT = 9092
LOOK_SECONDS = 3.0  # for all brokers together
MAX_PORT = 65_535
_ADDRESS = re.compile(r"(\[[^\[\]]+\]|[^\[\]:\s]+)(?::([0-9]{1,5}))?")


def addresses(servers: str) -> tuple[tuple[str, int], ...]:
    """(host, port) of each of `host:port,...`. Raises `ValueError` where one cannot be read."""
    return tuple(map(_address, servers.split(",")))


def is_listening(servers: str) -> bool:
    """Whether one of them takes connections: then it is slow, and its address no mistake."""
    deadline = time.monotonic() + LOOK_SECONDS
    return any(_takes_connections(at, max(0.1, deadline - time.monotonic())) for at in addresses(servers))


def _takes_connections(at: tuple[str, int], seconds: float) -> bool:
    try:
        socket.create_connection(at, seconds).close()
    except (OSError, UnicodeError):  # the latter: no name at all
        return False
    return True


def _address(server: str) -> tuple[str, int]:
    server = server.strip().rpartition("://")[2]  # as Kafka's own clients do
    found = _ADDRESS.fullmatch(f"[{server}]" if _is_ipv6(server) else server)
    host, port = (found[1], int(found[2] or DEFAULT_PORT)) if found else ("", 0)
    if not 0 < port <= MAX_PORT:
        raise ValueError("write host:port, several with commas between them")
    return host.strip("[]"), port


def _is_ipv6(server: str) -> bool:
    try:
        socket.inet_pton(socket.AF_INET6, server)
    except (OSError, ValueError):
        return False
    return True
