"""One look into a mailbox, as ingest takes it: connect, log in, ask for the first block, close."""

from ingest.connectors import connector_for
from ingest.connectors.base import FetchedBatch, open_mailbox
from mailserver.sasl import Credentials
from schemas.settings import IncomingServer


def look(server: IncomingServer) -> FetchedBatch | None:
    connector = connector_for(server, Credentials("desk", "s3cret"))
    try:
        open_mailbox(connector)
        return connector.next_batch(None)
    finally:
        connector.close()
