"""The brokers' addresses as they are written, and what a plain connection to them meets: why none could be used."""

import re
import socket
import time
from collections.abc import Iterator
from contextlib import suppress

DEFAULT_PORT = 9092
LOOK_SECONDS = 3.0  # for all brokers together
MAX_PORT = 65_535
_ADDRESS = re.compile(r"(\[[^\[\]]+\]|[^\[\]:\s]+)(?::([0-9]{1,5}))?")


def addresses(servers: str) -> tuple[tuple[str, int], ...]:
    """(host, port) of each of `host:port,...`. Raises `ValueError` where one cannot be read."""
    return tuple(map(_address, servers.split(",")))


def is_listening(servers: str) -> bool:
    """Whether one of them takes connections: then it is slow, and its address no mistake."""
    for host, port in addresses(servers):
        with suppress(OSError, UnicodeError):
            socket.create_connection((host, port), LOOK_SECONDS).close()
            return True
    return False


def why_unreachable(servers: str) -> str:
    """What each broker answers a plain connection with, in the system's words; for after a Kafka client has failed."""
    return "; ".join(_met(servers))


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


def _met(servers: str) -> Iterator[str]:
    deadline = time.monotonic() + LOOK_SECONDS
    for host, port in addresses(servers):
        try:
            socket.create_connection((host, port), max(0.1, deadline - time.monotonic())).close()
        except TimeoutError:
            yield f"{host}:{port} does not answer"
        except (OSError, UnicodeError) as error:  # the latter: no name at all
            yield f"{host}:{port}: {getattr(error, 'strerror', None) or error}"
        else:
            yield f"{host}:{port} takes a connection, but does not answer as a Kafka broker without TLS does"
