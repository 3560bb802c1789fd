"""The table of incoming protocols: one connector per protocol, all behind `base.Connector` and one contract test.

A new protocol is a module here, a value of `schemas.settings.IncomingServer.protocol`, and a line below. MAPI has two
lines: its profile says which transport. A module is imported for the first server of its protocol.
"""

from collections.abc import Mapping
from pkgutil import resolve_name

from ingest.connectors.base import WATCH, Connector, Mode
from mailserver.exchange.account import ExchangeAccount
from mailserver.logins import Account
from schemas.settings import IncomingServer

# The class, which takes the server, its account and the mode.
CONNECTORS: Mapping[str, str] = {
    "imap": "ingest.connectors.imap:ImapConnector",
    "pop3": "ingest.connectors.pop3:Pop3Connector",
    "folder": "ingest.connectors.folder:FolderConnector",
}

TRANSPORTS: Mapping[str, str] = {
    "graph": "ingest.connectors.graph:GraphConnector",
    "ews": "ingest.connectors.ews:EwsConnector",
}


def connector_for(server: IncomingServer, account: Account, mode: Mode = WATCH) -> Connector:
    """A connector for the server's protocol, not connected yet."""
    if isinstance(account, ExchangeAccount):
        name = TRANSPORTS[account.profile.transport]
    else:
        name = CONNECTORS[server.protocol]
    connector: Connector = resolve_name(name)(server, account, mode)
    return connector
