"""Free ports for servers that are started here, and waiting until a server listens."""

import random
import socket
import time
from collections.abc import Callable

HOST = "127.0.0.1"
# Below the range from which the kernel takes the ports of outgoing connections (32768 and up on Linux, 49152 on macOS):
# one of those could take a port between the moment it was found free and the moment the server binds it.
LOWEST, HIGHEST = 15_000, 32_000
POLL_SECONDS = (0.02, 0.1)  # from the one to the other, the longer it is waited: to ask costs what is waited for time
_random = random.SystemRandom()  # tests that run side by side may have seeded the common one alike


def free_port() -> int:
    """A TCP port of 127.0.0.1 on which nothing listens. Raises `OSError` where a hundred in a row are taken."""
    for _ in range(100):
        port = _random.randint(LOWEST, HIGHEST)
        with socket.socket() as probe:
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return port
    raise OSError(f"no free port found on {HOST} between {LOWEST} and {HIGHEST}: stop what uses them")


def free_ports(count: int) -> tuple[int, ...]:
    """That many free ports, all different."""
    ports: set[int] = set()
    while len(ports) < count:
        ports.add(free_port())
    return tuple(ports)


def is_open(host: str, port: int) -> bool:
    """Whether something accepts connections there."""
    try:
        socket.create_connection((host, port), timeout=1).close()
    except OSError:
        return False
    return True


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    """Ask again and again, for that many seconds at most; whether it came true."""
    since = time.monotonic()
    while not condition():
        waited = time.monotonic() - since
        if waited > seconds:
            return False
        time.sleep(min(max(POLL_SECONDS[0], waited / 10), POLL_SECONDS[1]))
    return True
