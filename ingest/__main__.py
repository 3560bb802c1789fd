"""`python -m ingest`: wires the process."""

import logging
import sys
import threading
from functools import partial
from pathlib import Path

from ingest.config import IngestConfig
from ingest.connectors import connector_for
from ingest.connectors.base import Connector
from ingest.replica import Replica
from ingest.watcher import Surroundings
from ingest.watchers import Watchers
from mailserver.accounts import Accounts
from mailserver.oauth import Tokens
from mailserver.token_store import TopicTokenStore
from runtime.blobs import BlobStore
from runtime.health import Health
from runtime.lifecycle import run
from runtime.publisher import Publisher
from runtime.settings_view import SettingsView
from schemas.settings import IncomingServer

WATCHER_STACK_BYTES = 512 * 1024  # there is a thread for each incoming server, maybe hundreds


def connect(accounts: Accounts, folder_root: Path, server: IncomingServer) -> Connector:
    """The password is asked for at each connection: one that was changed in its file or environment is taken up."""
    return connector_for(server, accounts.credentials(server), folder_root)


def main(config: IngestConfig, stop: threading.Event, health: Health) -> None:
    logging.getLogger("imapclient").setLevel(logging.WARNING)  # it tells of every connection
    threading.stack_size(WATCHER_STACK_BYTES)
    publisher = Publisher(config, "ingest")
    accounts = Accounts(config, Tokens(config, TopicTokenStore(config, publisher.publish)))
    around = Surroundings(
        connect=partial(connect, accounts, config.folder_root),
        refused=accounts.refused,
        publish=publisher.publish,
        blobs=BlobStore(config.blob_url),
        health=health,
    )
    view = SettingsView(config, health)
    replica = Replica(config, lambda: view.current, Watchers(around), health)
    view.on_change(replica.settings_changed)
    view.start(stop)
    try:
        replica.run(stop)
    finally:
        publisher.close()


if __name__ == "__main__":
    sys.exit(run("ingest", IngestConfig, main))
