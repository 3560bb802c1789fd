"""Connecting to a host by name: the address is checked before it is connected to, and no other one is used.

An administrator who may set up a mail server could have us call services that only this machine can reach, and read the
response in a test's report. Refused networks are never connected to; by default those are the services that hand out a
machine's credentials.
"""

import socket
import time
from collections.abc import Iterable, Mapping, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

Network = IPv4Network | IPv6Network

# Cloud providers' services that hand out metadata and credentials of the machine, or of a container on it.
_METADATA = """
169.254.169.254 fd00:ec2::254 fd20:ce::254 fe80::a9fe:a9fe
169.254.170.2 169.254.170.23 fd00:ec2::23
100.100.100.200 168.63.129.16 192.0.0.192
"""
_WORDS: Mapping[str, str] = {
    "metadata": _METADATA,
    "link-local": "169.254.0.0/16 fe80::/10",
    "private": "10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 100.64.0.0/10 fc00::/7",
    "loopback": "127.0.0.0/8 ::1 0.0.0.0 ::",
    "off": "",
}
DEFAULT = "metadata"
_NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052: an IPv4 address in its last four bytes


class RefusedAddressError(OSError):
    """A name leads to an address that this installation never connects to."""


def parse_networks(text: str) -> tuple[Network, ...]:
    """`metadata, private, 192.0.2.0/24`: words and networks, separated by commas. Raises `ValueError`."""
    return tuple(network for part in text.split(",") for network in _networks(part.strip().lower()))


def is_within(address: str, networks: Iterable[Network]) -> bool:
    """Whether the address, as `getaddrinfo` gives it, is in one of them; an IPv4 address also in IPv6's clothes."""
    given = ip_address(address.partition("%")[0])
    return any(one in network for one in (given, *_within(given)) for network in networks)


def refuse_networks(text: str) -> None:
    """From now on, for the whole process; as in `parse_networks`."""
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


def _networks(part: str) -> Iterable[Network]:
    if part in _WORDS:
        return map(ip_network, _WORDS[part].split())
    try:
        return (ip_network(part),)
    except ValueError:
        raise ValueError(
            f"{part[:50]!r} is neither a network such as 10.1.0.0/16 nor one of {', '.join(_WORDS)}"
        ) from None


def _within(address: IPv4Address | IPv6Address) -> Iterable[IPv4Address]:
    if isinstance(address, IPv4Address):
        return ()
    last = IPv4Address(int(address) & 0xFFFFFFFF)
    embedded = (address.ipv4_mapped, address.sixtofour, last if address in _NAT64 else None)
    return (one for one in embedded if one is not None)


_refused: tuple[Network, ...] = parse_networks(DEFAULT)
