"""How mail is fetched: one connector a protocol, all behind `base.Connector` and one contract test.

A further one (Exchange) is a module here, a word in `schemas.settings.IncomingServer.protocol`, and a line below.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

from ingest.connectors.base import Connector
from ingest.connectors.folder import FolderConnector
from ingest.connectors.imap import ImapConnector
from ingest.connectors.pop3 import Pop3Connector
from mailserver.sasl import Credentials
from schemas.settings import IncomingServer

CONNECTORS: Mapping[str, Callable[[IncomingServer, Credentials, Path], Connector]] = {
    "imap": lambda server, account, _: ImapConnector(server, account),
    "pop3": lambda server, account, _: Pop3Connector(server, account),
    "folder": lambda server, _, root: FolderConnector(server, root),
}


def connector_for(server: IncomingServer, account: Credentials, folder_root: Path = Path("/")) -> Connector:
    """A connector for the server's protocol, not yet connected. Folders are read in `folder_root` only."""
    return CONNECTORS[server.protocol](server, account, folder_root)
