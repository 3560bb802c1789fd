"""How mail is fetched: one connector a protocol, all behind `base.Connector` and one contract test.

A further one (Exchange) is a module here, a word in `schemas.settings.IncomingServer.protocol`, and a line below.
"""

from collections.abc import Callable, Mapping

from ingest.connectors.base import WATCH, Connector, Mode
from ingest.connectors.folder import FolderConnector
from ingest.connectors.imap import ImapConnector
from ingest.connectors.pop3 import Pop3Connector
from mailserver.sasl import Credentials
from schemas.settings import IncomingServer

CONNECTORS: Mapping[str, Callable[[IncomingServer, Credentials, Mode], Connector]] = {
    "imap": ImapConnector,
    "pop3": Pop3Connector,
    "folder": FolderConnector,
}


def connector_for(server: IncomingServer, account: Credentials, mode: Mode = WATCH) -> Connector:
    """A connector for the server's protocol, not yet connected."""
    return CONNECTORS[server.protocol](server, account, mode)
