"""Connecting to a host by name: the address is looked at before it is connected to, and no other one is used."""

import socket
import time
from collections.abc import Sequence
from typing import Any

from runtime.networks import DEFAULT, Network, is_within, parse_networks

_refused: tuple[Network, ...] = parse_networks(DEFAULT)


class RefusedAddressError(OSError):
    """A name leads to an address that this installation connects to for nobody."""


def refuse_networks(text: str) -> None:
    """From now on, for the whole process; as in `runtime.networks.parse_networks`."""
    global _refused
    _refused = parse_networks(text)


def dial(
    host: str, port: int, timeout: float, deadline: float = float("inf"), *, of_platform: bool = False
) -> socket.socket:
    """A connected socket with its time-out set: seconds for each address; `deadline` (monotonic) for all of them.

    `of_platform`: the host is a service of the platform that this process runs on, and named by no setting: then no
    network is refused.

    The name is looked up once: what another look-up would say does not matter. Raises `OSError` (`RefusedAddressError`
    where every address is refused), `UnicodeError` for what can be no name.
    """
    failed = OSError("the name has no address")
    for family, kind, protocol, address in _permitted(host, port, () if of_platform else _refused):
        seconds = min(timeout, deadline - time.monotonic())
        if seconds <= 0:
            raise TimeoutError("timed out")
        sock = socket.socket(family, kind, protocol)
        try:
            sock.settimeout(seconds)
            sock.connect(address)
            return sock
        except OSError as error:
            sock.close()
            failed = error
    raise failed


def _permitted(host: str, port: int, refused: Sequence[Network]) -> Sequence[tuple[int, int, int, Any]]:
    """What `socket.socket` and `connect` want of each address. Raises `RefusedAddressError` where none is left."""
    found = socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM)
    permitted = [
        (family, kind, protocol, at) for family, kind, protocol, _, at in found if not is_within(str(at[0]), refused)
    ]
    if found and not permitted:
        raise RefusedAddressError(
            f"{host} has the address {found[0][4][0]}, which this installation connects to for nobody "
            "(MAILCALL_REFUSED_NETWORKS)"
        )
    return permitted
