"""Microsoft's clouds: where each is logged in to, and whom a token is for."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from schemas.settings import Cloud, MapiProfile


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Origins, without a slash at the end: of the directory, of Graph, of Exchange Online."""

    login: str
    graph: str
    exchange: str


# learn.microsoft.com: "Microsoft Graph national cloud deployments", "Microsoft Entra authentication & national clouds"
CLOUDS: Mapping[Cloud, Endpoints] = {
    "global": Endpoints(
        "https://login.microsoftonline.com", "https://graph.microsoft.com", "https://outlook.office365.com"
    ),
    "us-government": Endpoints(
        "https://login.microsoftonline.us", "https://graph.microsoft.us", "https://outlook.office365.us"
    ),
    "us-defense": Endpoints(
        "https://login.microsoftonline.us", "https://dod-graph.microsoft.us", "https://outlook-dod.office365.us"
    ),
    "china": Endpoints(
        "https://login.partner.microsoftonline.cn",
        "https://microsoftgraph.chinacloudapi.cn",
        "https://partner.outlook.cn",
    ),
}


def authority(profile: MapiProfile) -> str:
    """Address of the profile's directory."""
    return f"{(profile.login_url or CLOUDS[profile.cloud].login).rstrip('/')}/{profile.tenant}"


def graph_address(profile: MapiProfile) -> str:
    """Where Graph is asked, without a slash at the end."""
    return (profile.graph_url or CLOUDS[profile.cloud].graph).rstrip("/")


def audience(profile: MapiProfile) -> str:
    """Whom the profile's token is for: Graph; with ews Exchange Online, or the Exchange Server that has the address."""
    endpoints = CLOUDS[profile.cloud]
    if profile.transport == "graph":
        return endpoints.graph
    if profile.url is None:
        return endpoints.exchange
    parts = urlsplit(profile.url)
    return f"{parts.scheme}://{parts.netloc}"
