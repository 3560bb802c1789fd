"""Keeping the index of mails current: the window's thread, which follows all of its topics."""

import threading
import time
from contextlib import closing
from typing import TYPE_CHECKING

from sqlalchemy import Engine

from console.mails.index.search import make_trigrams
from console.mails.index.updater import IndexUpdater
from desk.engine import write_transaction
from desk.errors import ConflictError, DeskError
from desk.migrate import wait_until_current
from runtime.config import ProcessConfig
from runtime.outages import Outage, OutageError, Stopped, retry_until_available, wait_for_broker
from runtime.telemetry.health import Health
from runtime.telemetry.logs import get_logger

if TYPE_CHECKING:
    pass


log = get_logger(__name__)

NAME = "index of mails"
SWEEP_SECONDS = 2.0  # how often ends are looked for that the desk's ledger alone tells
NEW_PARTITIONS_SECONDS = 60.0


class IndexFollower:
    """The index of one installation, kept current by a thread of the window."""

    def __init__(self, config: ProcessConfig, engine: Engine, health: Health | None = None) -> None:
        self._config = config
        self._engine = engine
        self._health = health or Health()
        self._thread: threading.Thread | None = None
        self.complete = threading.Event()  # all that was on the topics at the start is in the index

    def start(self, stop: threading.Event) -> None:
        """Starts the thread that keeps it, which ends after `stop`. It waits for broker and database, and says so."""
        self._thread = threading.Thread(target=self._run, args=(stop,), name="mail-index", daemon=True)
        self._thread.start()

    def join(self) -> None:
        """After `stop`."""
        if self._thread is not None:
            self._thread.join()

    def _run(self, stop: threading.Event) -> None:
        outage = Outage(NAME, self._health)
        try:
            retry_until_available(lambda: wait_until_current(self._engine, 0), outage, stop.wait)
            self._make_trigrams()
            while not stop.is_set():
                index = wait_for_broker(lambda: IndexUpdater.open(self._config, self._engine), NAME, self._health, stop)
                with closing(index):
                    self._follow(index, outage, stop)
        except Stopped:
            pass

    def _make_trigrams(self) -> None:
        """Without them words are found all the same, by looking at mail after mail."""
        try:
            with write_transaction(self._engine) as connection:
                make_trigrams(connection)
        except (ConflictError, DeskError, OutageError) as error:
            log.info("words are searched without a trigram index", why=str(error))

    def _follow(self, index: "IndexUpdater", outage: Outage, stop: threading.Event) -> None:
        """Until `stop`, or until the topics have other partitions than when it was opened."""
        swept = looked = time.monotonic()
        while not stop.is_set():
            if not self.complete.is_set() and index.is_complete():
                self.complete.set()
                log.info("the index of mails is complete")
            read = retry_until_available(index.step, outage, stop.wait)
            now = time.monotonic()
            if not read and now - swept > SWEEP_SECONDS:
                retry_until_available(index.sweep, outage, stop.wait)
                swept = now
            if now - looked > NEW_PARTITIONS_SECONDS:
                if retry_until_available(index.has_new_partitions, outage, stop.wait):
                    return
                looked = now
