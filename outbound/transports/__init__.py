"""How a composed message reaches its outgoing server: one transport per protocol, all behind `base.Transport`.

A further protocol is a module here, a value of `schemas.settings.OutgoingServer.protocol`, and a line below. MAPI is
several: the transport is its profile's (`schemas.settings.MapiProfile.transport`).
"""

from collections.abc import Callable, Mapping
from typing import cast

from mailserver.exchange.account import ExchangeAccount
from mailserver.sasl import Credentials
from outbound.transports.base import Login, OnStep, Transport, ignore_step
from outbound.transports.ews import EwsTransport
from outbound.transports.graph import GraphTransport
from outbound.transports.smtp import SmtpTransport
from schemas.settings import OutgoingServer

TRANSPORTS: Mapping[str, Callable[[OutgoingServer, Callable[[OutgoingServer], Credentials], OnStep], Transport]] = {
    "smtp": SmtpTransport,
}

MAPI_TRANSPORTS: Mapping[
    str, Callable[[OutgoingServer, Callable[[OutgoingServer], ExchangeAccount], OnStep], Transport]
] = {
    "graph": GraphTransport,
    "ews": EwsTransport,
}


def transport_for(server: OutgoingServer, login: Login, on_step: OnStep = ignore_step) -> Transport:
    """Not yet connected. `login` is called at each opening, and here for the transport that a MAPI profile names.

    Raises `MailServerError`.
    """
    if server.protocol != "mapi":
        return TRANSPORTS[server.protocol](server, lambda it: cast(Credentials, login(it)), on_step)
    account = cast(ExchangeAccount, login(server))
    return MAPI_TRANSPORTS[account.profile.transport](server, lambda it: cast(ExchangeAccount, login(it)), on_step)
