"""What an OAuth2 provider grants to whom: its clients, and the grants of RFC 6749 that they may ask for."""

import base64
import binascii
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote_plus

Form = Mapping[str, str]


@dataclass
class Client:
    """An application that is known to the provider, and may act for one mailbox.

    `client_secret` is None for a public client (RFC 6749, 2.1). With `audience` its tokens are signed JWTs for that
    service, which checks them by the keys at `keys_url`, else mere random words. `refresh_token` is the one that is
    good now; with `rotates` each use of it makes another. `lifetime_seconds` of access tokens to come. `requests`: what
    the token endpoint was asked in this client's name, the good and the bad.
    """

    username: str
    client_id: str
    client_secret: str | None
    refresh_token: str
    lifetime_seconds: float
    rotates: bool
    audience: str = ""
    requests: list[Form] = field(default_factory=list)


def new_secret(size: int) -> str:
    """Random, but for a word that it can be told by wherever it may turn up."""
    return f"s3cret-{secrets.token_urlsafe(size)}"


class RefusedError(Exception):
    """RFC 6749, section 5.2: the error's code, and the status it is sent with."""

    def __init__(self, code: str, status: int = 400) -> None:
        super().__init__(code)
        self.status = status


def credentials(form: Form, authorization: str) -> tuple[str, str | None]:
    """Client id and secret, from HTTP Basic or from the form (RFC 6749, 2.3.1); no secret for a public client."""
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() != "basic":
        return form.get("client_id", ""), form.get("client_secret") or None
    try:
        client_id, _, client_secret = base64.b64decode(value).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise RefusedError("invalid_client", 401) from None
    return unquote_plus(client_id), unquote_plus(client_secret)


def _by_client_credentials(client: Client, _form: Form) -> Mapping[str, object]:
    """RFC 6749, 4.4: for confidential clients only."""
    if client.client_secret is None:
        raise RefusedError("unauthorized_client")
    return {}


def _by_refresh_token(client: Client, form: Form) -> Mapping[str, object]:
    """RFC 6749, 6: a new refresh token takes the place of the old one, where this client's rotate."""
    if form.get("refresh_token") != client.refresh_token:
        raise RefusedError("invalid_grant")
    if not client.rotates:
        return {}
    client.refresh_token = new_secret(24)
    return {"refresh_token": client.refresh_token}


GRANTS: Mapping[str, Callable[[Client, Form], Mapping[str, object]]] = {
    "client_credentials": _by_client_credentials,
    "refresh_token": _by_refresh_token,
}
