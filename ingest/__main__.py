"""`python -m ingest`: wires the process."""

from runtime.garbage import collect_nothing

if __name__ == "__main__":
    collect_nothing()  # while everything else is imported

import logging
import sys
import threading
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

from ingest.config import IngestConfig
from ingest.connectors import connector_for
from ingest.connectors.base import Connector, Mode
from ingest.context import MemoryBudget, WatcherContext
from ingest.profile_test import run_profile_test
from ingest.server_test import server_tester
from ingest.watcher_group import WatcherGroupMember
from ingest.watchers import WatcherPool
from mailserver.logins import Logins
from mailserver.token_store import TopicTokenStore
from runtime.blobs import BlobStore
from runtime.kafka.producer import Publisher
from runtime.lifecycle import beside, run
from runtime.net.dialling import refuse_networks
from runtime.processing.consumer import ConsumerLoop
from runtime.processing.group import BESIDE_PROBE_SECONDS
from runtime.scheduling import work_in_batches
from runtime.server_tests import ServerTestHandler
from runtime.settings_view import SettingsView
from runtime.telemetry.health import Health
from runtime.telemetry.traces import current as traces
from schemas.settings import IncomingServer
from schemas.wire import cursor_bytes, inline_bytes

WATCHER_STACK_BYTES = 512 * 1024  # there is a thread for each incoming server, maybe hundreds


def connect(logins: Logins, mode: Mode, server: IncomingServer) -> Connector:
    """The password is read at each connection: one that was changed in its file or environment is used at once."""
    return connector_for(server, logins.account(server), mode)


def main(config: IngestConfig, stop: threading.Event, health: Health) -> None:
    logging.getLogger("imapclient").setLevel(logging.WARNING)  # it reports every connection
    refuse_networks(config.refused_networks)
    threading.stack_size(WATCHER_STACK_BYTES)
    publisher = Publisher(config, "ingest")
    watch = Mode(folder_root=config.folder_root, cursor_bytes=cursor_bytes(config.kafka_max_record_bytes))
    view = SettingsView(config, health)
    logins = Logins(config, TopicTokenStore(config, publisher.publish), lambda: view.current)
    context = WatcherContext(
        connect=partial(connect, logins, watch),
        refused=logins.refused,
        secret=logins.digest,
        secret_ends=logins.secret_ends,
        publish=traces().publishing(publisher.publish),
        blobs=BlobStore(config.blob_url),
        memory=MemoryBudget(),
        health=health,
        inline_bytes=inline_bytes(config.kafka_max_record_bytes),
    )
    replica = WatcherGroupMember(config, lambda: view.current, WatcherPool(context), health)
    view.on_change(replica.settings_changed)
    view.start(stop)
    read_only = partial(connect, logins, replace(watch, read_only=True))
    test_profile = partial(run_profile_test, account_of=logins.account_for_test)
    tests = ServerTestHandler(server_tester(read_only, test_profile), lambda: view.current, lambda: datetime.now(UTC))
    # With its own health: most instances are assigned no partition of the tests, and are ready all the same.
    loop = ConsumerLoop(
        config, tests, publisher, "ingest-tests", stop, Health(config.stall_seconds), probe_seconds=BESIDE_PROBE_SECONDS
    )
    try:
        with beside(loop.run, stop):
            replica.run(stop)
    finally:
        tests.close()
        publisher.close()


if __name__ == "__main__":
    work_in_batches()
    sys.exit(run("ingest", IngestConfig, main))
