"""How a composed message reaches its outgoing server: one transport per protocol, all behind `base.Transport`.

A further protocol is a module here, a value of `schemas.settings.OutgoingServer.protocol`, and a line below. MAPI is
several: the transport is its profile's (`schemas.settings.MapiProfile.transport`). A module is imported for the first
server of its protocol.
"""

from collections.abc import Mapping
from importlib import import_module
from typing import Any, cast

from mailserver.exchange.account import ExchangeAccount
from outbound.transports.base import Login, OnStep, Transport, ignore_step
from schemas.settings import OutgoingServer

# Module of this package, and its class, which takes the server, its login and `on_step`.
TRANSPORTS: Mapping[str, tuple[str, str]] = {
    "smtp": ("smtp", "SmtpTransport"),
}

MAPI_TRANSPORTS: Mapping[str, tuple[str, str]] = {
    "graph": ("graph", "GraphTransport"),
    "ews": ("ews", "EwsTransport"),
}


def transport_for(server: OutgoingServer, login: Login, on_step: OnStep = ignore_step) -> Transport:
    """Not yet connected. `login` is called at each opening, and here for the transport that a MAPI profile names.

    Raises `MailServerError`.
    """
    if server.protocol != "mapi":
        return _transport(TRANSPORTS[server.protocol], server, login, on_step)
    account = cast(ExchangeAccount, login(server))
    return _transport(MAPI_TRANSPORTS[account.profile.transport], server, login, on_step)


def _transport(place: tuple[str, str], *arguments: Any) -> Transport:
    module, name = place
    transport: Transport = getattr(import_module(f"{__name__}.{module}"), name)(*arguments)
    return transport
