"""Networks that we connect to for nobody: words and CIDR blocks, as the setting has them.

Whoever may set up a mail server could have us ask services that only this machine can reach, and read the answer in a
test's words. Those that hand out a machine's credentials are refused by default.
"""

from collections.abc import Iterable, Mapping
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

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


def parse_networks(text: str) -> tuple[Network, ...]:
    """`metadata, private, 192.0.2.0/24`: words and networks, separated by commas. Raises `ValueError`."""
    return tuple(network for part in text.split(",") for network in _networks(part.strip().lower()))


def is_within(address: str, networks: Iterable[Network]) -> bool:
    """Whether the address, as `getaddrinfo` gives it, is in one of them; an IPv4 address also in IPv6's clothes."""
    given = ip_address(address.partition("%")[0])
    return any(one in network for one in (given, *_within(given)) for network in networks)


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
