"""The table of incoming protocols: one connector per protocol, all behind `base.Connector` and one contract test.

A new protocol is a module here, a value of `schemas.settings.IncomingServer.protocol`, and a line below. MAPI has two
lines: its profile says which transport.
"""

from collections.abc import Callable, Mapping

from ingest.connectors.base import WATCH, Connector, Mode
from ingest.connectors.ews import EwsConnector
from ingest.connectors.folder import FolderConnector
from ingest.connectors.graph import GraphConnector
from ingest.connectors.imap import ImapConnector
from ingest.connectors.pop3 import Pop3Connector
from mailserver.exchange.account import ExchangeAccount
from mailserver.logins import Account
from mailserver.sasl import Credentials
from schemas.settings import IncomingServer

CONNECTORS: Mapping[str, Callable[[IncomingServer, Credentials, Mode], Connector]] = {
    "imap": ImapConnector,
    "pop3": Pop3Connector,
    "folder": FolderConnector,
}

TRANSPORTS: Mapping[str, Callable[[IncomingServer, ExchangeAccount, Mode], Connector]] = {
    "graph": GraphConnector,
    "ews": EwsConnector,
}


def connector_for(server: IncomingServer, account: Account, mode: Mode = WATCH) -> Connector:
    """A connector for the server's protocol, not connected yet."""
    if isinstance(account, ExchangeAccount):
        return TRANSPORTS[account.profile.transport](server, account, mode)
    return CONNECTORS[server.protocol](server, account, mode)
