"""`python -m resolver`: wires the resolver's handler to the broker, the settings, the desk and the blob store."""

from runtime.garbage import collect_nothing

if __name__ == "__main__":
    collect_nothing()  # while everything else is imported

import sys
import threading
from collections.abc import Collection
from contextlib import closing
from datetime import UTC, datetime

from sqlalchemy import Engine

from desk.engine import open_desk, read_transaction
from desk.errors import DeskUrlError
from desk.ledger import may_be_from
from desk.migrate import wait_until_current
from desk.persons import find_persons
from resolver.config import ResolverConfig
from resolver.handler import ResolverHandler
from resolver.sandbox.sandboxed_parser import SandboxedParser
from runtime.blobs import BlobStore
from runtime.config import WRONG_CONFIGURATION
from runtime.kafka.topic_reader import read_to_end
from runtime.lifecycle import StopProcess, run
from runtime.outages import Outage, Stopped, retry_until_available
from runtime.processing.faust_adapter import run_faust
from runtime.scheduling import work_in_batches
from runtime.security.token_keys import token_keys_of
from runtime.settings_view import SettingsView
from runtime.telemetry.health import Health
from schemas.persons import Person
from schemas.snapshot import SettingsSnapshot
from schemas.topics import SETTINGS
from schemas.wire import inline_bytes

STAGE = ResolverHandler.stage


def main(config: ResolverConfig, stop: threading.Event, health: Health) -> None:
    """Runs until `stop`. Waits at its start for the broker, the settings and the desk's tables."""
    token_keys = token_keys_of(config)
    try:
        engine = open_desk(config.desk_url, autocommit=True, by_keys=True)  # it reads persons by address alone
    except DeskUrlError as error:
        raise StopProcess(WRONG_CONFIGURATION, f"MAILCALL_DESK_URL: {error}") from None
    try:
        since_0_1 = retry_until_available(lambda: logged_since_0_1(engine), Outage(STAGE, health), stop.wait)
    except Stopped:
        return
    view = SettingsView(config, health)
    view.start(stop)
    reader = SandboxedParser()
    handler = ResolverHandler(
        settings=lambda: view.current,
        newest=lambda: newest_settings(config),
        directory=lambda addresses: persons_of(engine, addresses),
        blobs=BlobStore(config.blob_url),
        now=lambda: datetime.now(UTC),
        examine=reader.examine,
        token_keys=token_keys,
        inline_bytes=inline_bytes(config.kafka_max_record_bytes),
        since_0_1=since_0_1,
    )
    with closing(reader):
        run_faust(config, handler, STAGE, stop, health)
    engine.dispose()


def logged_since_0_1(engine: Engine) -> bool:
    """Whether the desk may hold messages that 0.1 logged. Raises `OutageError`, also while its tables are not there."""
    wait_until_current(engine, seconds=0)
    with read_transaction(engine) as connection:
        return may_be_from(connection, "0.1")


def persons_of(engine: Engine, addresses: Collection[str]) -> dict[str, tuple[Person, ...]]:
    """Who has these addresses, by the desk. Raises `OutageError`."""
    with read_transaction(engine) as connection:
        return find_persons(connection, addresses)


def newest_settings(config: ResolverConfig) -> SettingsSnapshot:
    """The settings as they are at the broker this moment. Raises `OutageError`."""
    view = SettingsView(config)
    view.apply(read_to_end(config, [SETTINGS.name(config.topic_prefix)]))
    return view.current


if __name__ == "__main__":
    work_in_batches()
    sys.exit(run("resolver", ResolverConfig, main))
