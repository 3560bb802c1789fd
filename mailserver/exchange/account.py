"""What a mailbox in Exchange is reached with: its account, and the addresses of Microsoft's clouds."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from schemas.settings import Cloud, MapiProfile


@dataclass(frozen=True, slots=True)
class ExchangeAccount:
    """A mailbox (an address) and the profile that leads to it.

    `access_token` gives a token that is good for a while and raises `MailServerError`; `token_refused` says that the
    server refused the newest one and returns whether another may be had at once. `password`: with ews, if the
    account logs in with one, otherwise "".
    """

    profile: MapiProfile
    mailbox: str
    access_token: Callable[[], str] = field(repr=False)
    token_refused: Callable[[], bool] = field(repr=False)
    password: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Origins, without a slash at the end: of the directory, and of Graph."""

    login: str
    graph: str


# learn.microsoft.com: "Microsoft Graph national cloud deployments", "Microsoft Entra authentication & national clouds"
CLOUDS: Mapping[Cloud, Endpoints] = {
    "global": Endpoints("https://login.microsoftonline.com", "https://graph.microsoft.com"),
    "us-government": Endpoints("https://login.microsoftonline.us", "https://graph.microsoft.us"),
    "us-defense": Endpoints("https://login.microsoftonline.us", "https://dod-graph.microsoft.us"),
    "china": Endpoints("https://login.partner.microsoftonline.cn", "https://microsoftgraph.chinacloudapi.cn"),
}


def authority(profile: MapiProfile) -> str:
    """Address of the profile's directory."""
    return f"{(profile.login_url or CLOUDS[profile.cloud].login).rstrip('/')}/{profile.tenant}"


def graph_address(profile: MapiProfile) -> str:
    """Of Graph, without a slash at the end."""
    return (profile.graph_url or CLOUDS[profile.cloud].graph).rstrip("/")


def audience(profile: MapiProfile) -> str:
    """Whom the profile's token is for: Graph, or the Exchange Server that has the address."""
    if profile.transport == "graph":
        return CLOUDS[profile.cloud].graph
    parts = urlsplit(profile.url or "")
    return f"{parts.scheme}://{parts.netloc}"
