"""Accounts at the fake of Exchange Web Services, as Mailcall has them."""

from collections.abc import Callable
from typing import Any

from mailserver.exchange.account import ExchangeAccount
from schemas.settings import MapiProfile, Secret
from tests.exchange.ews_server import EwsServer

ADDRESS = "desk@example.test"


def _no_token() -> str:
    raise AssertionError("no token is needed for this log-in")


def account_of(
    ews: EwsServer,
    address: str = ADDRESS,
    password: str = "right",
    token: Callable[[], str] = _no_token,
    refused: Callable[[], bool] = lambda: False,
    **settings: Any,
) -> ExchangeAccount:
    """`settings`: of the profile."""
    authentication = {"basic": "basic", "ntlm": "ntlm", "bearer": "oauth2"}[ews.authentication]
    values: dict[str, Any] = {
        "id": "exchange",
        "transport": "ews",
        "url": ews.url,
        "authentication": authentication,
        "timeout_seconds": 10,
    }
    if authentication == "oauth2":
        values |= {"tenant": "example.test", "client_id": "mailcall", "client_secret": Secret(env="NOT_READ")}
    else:
        values |= {"username": address, "password": Secret(env="NOT_READ")}
    # Only a profile with Kerberos may have no url, which this server does not speak. A copy is not checked.
    profile = MapiProfile(**{**values, **settings, "url": ews.url})
    profile = profile.model_copy(update={"url": settings.get("url", ews.url)})
    return ExchangeAccount(profile, address, token, refused, password)
