"""The table of incoming protocols: one connector per protocol, all behind `base.Connector` and one contract test.

A new protocol is a module here, a value of `schemas.settings.IncomingServer.protocol`, and a line below. MAPI has two
lines: its profile says which transport. A module is imported for the first server of its protocol.
"""

from collections.abc import Mapping
from importlib import import_module

from ingest.connectors.base import WATCH, Connector, Mode
from mailserver.exchange.account import ExchangeAccount
from mailserver.logins import Account
from schemas.settings import IncomingServer

# Module of this package, and its class, which takes the server, its account and the mode.
CONNECTORS: Mapping[str, tuple[str, str]] = {
    "imap": ("imap", "ImapConnector"),
    "pop3": ("pop3", "Pop3Connector"),
    "folder": ("folder", "FolderConnector"),
}

TRANSPORTS: Mapping[str, tuple[str, str]] = {
    "graph": ("graph", "GraphConnector"),
    "ews": ("ews", "EwsConnector"),
}


def connector_for(server: IncomingServer, account: Account, mode: Mode = WATCH) -> Connector:
    """A connector for the server's protocol, not connected yet."""
    if isinstance(account, ExchangeAccount):
        module, name = TRANSPORTS[account.profile.transport]
    else:
        module, name = CONNECTORS[server.protocol]
    connector: Connector = getattr(import_module(f"{__name__}.{module}"), name)(server, account, mode)
    return connector
