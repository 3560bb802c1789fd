"""Configuration of the window's process: where it listens, by which names it is called, which proxies it believes."""

from ipaddress import ip_network
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from console.access.config import AccessConfig

# Names of this machine are no names that somebody else's DNS could hand out.
_THIS_MACHINE = ("localhost", "127.0.0.1", "[::1]")


class WindowConfig(AccessConfig):
    """What the window needs to know beyond the command line. `window_url` gives its base path, and whether people come
    by https."""

    window_host: str = Field("127.0.0.1", description="address that the window listens on")
    window_port: int = Field(8080, ge=0, le=65535, description="its port; 0: any free one (the log says which)")
    window_hosts: str = Field(
        "",
        description="further host names that people open the window by, separated by commas; that of window_url and "
        "those of this machine are known. Under any other name nothing is answered",
    )
    window_proxies: str = Field(
        "",
        description="addresses or networks of proxies, separated by commas, whose X-Forwarded-For says where somebody "
        "comes from; nobody else's does",
    )

    @field_validator("window_proxies")
    @classmethod
    def _are_networks(cls, proxies: str) -> str:
        for one in _words(proxies):
            try:
                ip_network(one)
            except ValueError:
                raise ValueError(f"{one!r} is no address and no network such as 10.0.0.0/8") from None
        return proxies

    @property
    def hosts(self) -> frozenset[str]:
        """Every name that the window answers to, without ports."""
        name = urlsplit(self.window_url).netloc.rpartition("@")[2]
        return frozenset((_without_port(name), *_words(self.window_hosts), *_THIS_MACHINE))

    @property
    def proxies(self) -> list[str]:
        return _words(self.window_proxies)

    @property
    def base_path(self) -> str:
        """Such as `/mailcall`; empty where the window has the whole address."""
        return urlsplit(self.window_url).path.rstrip("/")

    @property
    def scheme(self) -> str:
        """`http` or `https`: as people reach it, whatever a proxy does in between."""
        return urlsplit(self.window_url).scheme


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _without_port(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdigit() else host
