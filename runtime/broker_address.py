"""The brokers' addresses as they are written, and what a plain connection to them meets: why none could be used."""

import re
import socket
import time
from collections.abc import Iterator

DEFAULT_PORT = 9092
LOOK_SECONDS = 3.0  # for all brokers together
MAX_PORT = 65_535
_ADDRESS = re.compile(r"(\[[^\[\]]+\]|[^\[\]:\s]+)(?::([0-9]{1,5}))?")


def addresses(servers: str) -> tuple[tuple[str, int], ...]:
    """(host, port) of each of `host:port,...`. Raises `ValueError` where one cannot be read."""
    return tuple(map(_address, servers.split(",")))


def is_listening(servers: str) -> bool:
    """Whether one of them takes connections: then it is slow, and its address no mistake."""
    return any(error is None for _, error in _connections(servers))


def why_unreachable(servers: str) -> str:
    """What each broker answers a plain connection with, in the system's words; for after a Kafka client has failed."""
    return "; ".join(_in_words(place, error) for place, error in _connections(servers))


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


def _connections(servers: str) -> Iterator[tuple[str, Exception | None]]:
    """Of each broker its place, and what a plain connection to it met; None: it was taken."""
    deadline = time.monotonic() + LOOK_SECONDS
    for host, port in addresses(servers):
        error: Exception | None = None
        try:
            socket.create_connection((host, port), max(0.1, deadline - time.monotonic())).close()
        except (OSError, UnicodeError) as met:  # the latter: no name at all
            error = met
        yield f"{host}:{port}", error


def _in_words(place: str, error: Exception | None) -> str:
    if error is None:
        return f"{place} takes a connection, but does not answer as a Kafka broker without TLS does"
    if isinstance(error, TimeoutError):
        return f"{place} does not answer"
    return f"{place}: {getattr(error, 'strerror', None) or error}"
