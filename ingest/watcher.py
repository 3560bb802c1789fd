"""One incoming server, watched: a thread with one connection. Fetch, publish, settle, note how far, wait.

    connect -> next block -> publish the mails -> settle them (seen, moved, deleted) -> publish the cursor -> wait

The order makes the promises: a mail is touched on its server only once the broker has acknowledged it, and a crash
anywhere in between reads some mails again, which are known again by their ids.
"""

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from ingest import records
from ingest.backoff import delay
from ingest.connectors.base import Block, Connector
from ingest.status import StatusTracker, state_after
from mailserver.errors import MailServerError, place
from runtime.health import Health
from runtime.logs import get_logger
from runtime.metrics import INGEST_CPU_SECONDS, MAIL_SERVER_ERRORS, MAILS_FETCHED
from runtime.outcomes import OutageError
from runtime.waiting import Outage, Stopped, wait_out
from schemas.reasons import Reason
from schemas.servers import MailboxCursor, ServerState
from schemas.settings import IncomingServer
from schemas.wire import Message

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a watcher needs of the process. `publish` returns once all is acknowledged; `keep` stores a blob."""

    connect: Callable[[IncomingServer], Connector]
    publish: Callable[[list[Message]], None]
    keep: records.Keep
    health: Health
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    draw: Callable[[], float] = random.random


class Watcher:
    """Watches one server until it is stopped. A changed setting makes a new watcher."""

    def __init__(self, server: IncomingServer, cursor: MailboxCursor | None, around: Surroundings) -> None:
        self.server = server
        self.cursor = cursor
        self._around = around
        self._stop = threading.Event()
        self._connector: Connector | None = None
        self._unsettled: Block | None = None  # published, and not yet settled: the connection broke in between
        self._finishing = False  # between publishing a block and its cursor
        self._outage = Outage("ingest", around.health)
        self._status = StatusTracker(server.id)
        self._failures = 0
        self._thread = threading.Thread(target=self._run, name=f"watch {server.id}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Tell it to stop: what it waits for is broken off, a block that is published is finished. Then `join`."""
        self._stop.set()
        if not self._finishing:  # it sets this first and looks at `_stop` then: one of both is seen
            self.interrupt()

    def interrupt(self) -> None:
        """Break the connection off, whatever goes on; the mails in hand are fetched again by whoever comes next."""
        connector = self._connector
        if connector is not None:
            connector.interrupt()

    def join(self, seconds: float) -> bool:
        """Whether it has come to its end."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _run(self) -> None:
        self._tell("starting")
        while not self._stop.is_set():
            try:
                self._watch()
            except Stopped:
                return
            except MailServerError as error:
                self._failed(error)
            except Exception as error:
                log.exception("a watcher met a fault of the program", server=self.server.id)
                text = f"{place(self.server)}: unexpected {type(error).__name__}, see the log of ingest"
                self._failed(MailServerError(Reason.SERVER_UNREACHABLE, text, temporary=True))

    def _watch(self) -> None:
        """One connection, from log-in until it breaks or the watcher stops."""
        with self._connection() as connector:
            self._settle_late(connector)
            self._tell("connected")
            while not self._stop.is_set():
                with _cpu("fetch"):
                    block = connector.next_block(self.cursor)
                if block is not None:
                    self._take(connector, block)
                elif not self._tell("idle", backlog=0):  # telling takes time: then look once more before waiting
                    connector.wait(self.server.poll_seconds, self._stop)
                    self._failures = 0

    @contextmanager
    def _connection(self) -> Iterator[Connector]:
        connector = self._around.connect(self.server)
        self._connector = connector
        try:
            connector.open()
            yield connector
        finally:
            self._connector = None
            connector.close()

    def _take(self, connector: Connector, block: Block) -> None:
        self._finishing = True
        try:
            if self._stop.is_set():  # what was read while the connection was broken off is not trusted
                raise Stopped
            self._publish_block(block)
            self._settle(connector, block)
        finally:
            self._finishing = False
        if connector.backlog:
            self._tell("connected", backlog=connector.backlog)

    def _publish_block(self, block: Block) -> None:
        if block.skipped:
            log.info("first look: only new mail is taken", server=self.server.id, left_unread=block.skipped)
        now = self._around.now()
        self._publish(lambda: [records.fetched(self.server.id, mail, self._around.keep, now) for mail in block.mails])
        MAILS_FETCHED.labels(self.server.protocol).inc(len(block.mails))
        for mail in block.mails:
            if mail.size is not None:
                log.warning("a mail is too large and was cut", server=self.server.id, mail=mail.locator, size=mail.size)
        self.cursor, self._unsettled = block.cursor, block

    def _settle_late(self, connector: Connector) -> None:
        if self._unsettled is not None:
            self._settle(connector, self._unsettled)

    def _settle(self, connector: Connector, block: Block) -> None:
        with _cpu("settle"):
            connector.settle(block)
        self._publish(lambda: [records.cursor_record(block.cursor, self._around.now())])
        self._unsettled = None

    def _publish(self, make: Callable[[], list[Message]]) -> None:
        """Broker or blob store away: waited out here, with the mails in hand. Raises `Stopped`."""
        with _cpu("publish"):
            wait_out(lambda: self._around.publish(make()), self._outage, self._stop.wait)

    def _failed(self, error: MailServerError) -> None:
        """Note the failure, and wait. After a stop an error is only the sound of a connection being broken off."""
        if self._stop.is_set():
            return
        self._failures += 1
        seconds = delay(self._failures, temporary=error.temporary, draw=self._around.draw())
        MAIL_SERVER_ERRORS.labels(self.server.protocol, error.reason).inc()
        log.warning(
            "an incoming server fails", server=self.server.id, why=error.text, next_try_seconds=round(seconds, 1)
        )
        self._tell(state_after(error), error=error)
        self._stop.wait(seconds)

    def _tell(self, state: ServerState, *, error: MailServerError | None = None, backlog: int | None = None) -> bool:
        """Write `server.status` where it changed; whether it was written. Without a broker the watcher goes on."""
        tracker, status = self._status.moved(state, self._around.now(), error=error, backlog=backlog)
        if status is None or self._stop.is_set():
            return False
        try:
            self._around.publish([records.status_record(status, self._around.now())])
        except OutageError as outage:
            log.info("a status could not be published", server=self.server.id, state=state, why=str(outage))
            return False
        self._status = tracker
        return True


@contextmanager
def _cpu(step: str) -> Iterator[None]:
    """Count this thread's CPU time: once a block, so it costs nothing."""
    began = time.thread_time()
    try:
        yield
    finally:
        INGEST_CPU_SECONDS.labels(step).inc(time.thread_time() - began)
