"""How a composed message reaches its outgoing server: one transport per protocol, all behind `base.Transport`.

A further protocol is a module here, a value of `schemas.settings.OutgoingServer.protocol`, and a line below. MAPI is
several: the transport is its profile's (`schemas.settings.MapiProfile.transport`). A module is imported for the first
server of its protocol.
"""

from collections.abc import Mapping
from pkgutil import resolve_name
from typing import cast

from mailserver.exchange.account import ExchangeAccount
from outbound.transports.base import Login, OnStep, Transport, ignore_step
from schemas.settings import OutgoingServer

# The class, which takes the server, its login and `on_step`.
TRANSPORTS: Mapping[str, str] = {
    "smtp": "outbound.transports.smtp:SmtpTransport",
}

MAPI_TRANSPORTS: Mapping[str, str] = {
    "graph": "outbound.transports.graph:GraphTransport",
    "ews": "outbound.transports.ews:EwsTransport",
}


def transport_for(server: OutgoingServer, login: Login, on_step: OnStep = ignore_step) -> Transport:
    """Not yet connected. `login` is called at each opening, and here for the transport that a MAPI profile names.

    Raises `MailServerError`.
    """
    if server.protocol == "mapi":
        name = MAPI_TRANSPORTS[cast(ExchangeAccount, login(server)).profile.transport]
    else:
        name = TRANSPORTS[server.protocol]
    transport: Transport = resolve_name(name)(server, login, on_step)
    return transport
