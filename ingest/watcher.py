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
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime

from ingest import gauges, records
from ingest.backoff import delay
from ingest.connectors.base import Connector, FetchedBatch, RemoteMail, open_mailbox
from ingest.connectors.owed import named
from ingest.connectors.suspects import Suspects
from ingest.memory import MemoryBudget
from ingest.status import StatusTracker, state_after
from mailserver.errors import MailServerError, server_label
from runtime.health import Health
from runtime.logs import get_logger
from runtime.metrics import INGEST_CPU_SECONDS, MAIL_SERVER_ERRORS, MAILS_FETCHED
from runtime.outcomes import OutageError
from runtime.waiting import Outage, Stopped, retry_until_available
from schemas.reasons import Reason
from schemas.servers import MailboxCursor, ServerState
from schemas.settings import IncomingServer
from schemas.sizes import MAX_INLINE_BYTES
from schemas.wire import OutputRecord

log = get_logger(__name__)

SECRET_SECONDS = 15.0  # how often it is looked whether a refused secret was replaced


@dataclass(frozen=True, slots=True)
class WatcherContext:
    """What a watcher needs of the process. `publish` returns once all is acknowledged; `blobs` keeps what is large:
    mails of more than `inline_bytes`.

    `refused` is told of a log-in that was refused; it answers whether another one may go better at once. `secret`: a
    digest of what the account is logged in with; `secret_ends`: the day that it ends, where that is near.
    """

    connect: Callable[[IncomingServer], Connector]
    refused: Callable[[IncomingServer], bool]
    secret: Callable[[IncomingServer], str]
    publish: Callable[[list[OutputRecord]], None]
    blobs: records.Blobs
    memory: MemoryBudget
    health: Health
    secret_ends: Callable[[IncomingServer], date | None] = lambda _server: None
    inline_bytes: int = MAX_INLINE_BYTES
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    draw: Callable[[], float] = random.random


class MailboxWatcher:
    """Watches one server until it is stopped. A changed setting makes a new watcher."""

    def __init__(self, server: IncomingServer, cursor: MailboxCursor | None, around: WatcherContext) -> None:
        self.server = server
        self.cursor = cursor
        self._around = around
        self._stop = threading.Event()
        self._connector: Connector | None = None
        self._unsettled: FetchedBatch | None = None  # published, and not yet settled: the connection broke in between
        self._suspects = Suspects()
        self._finishing = False  # between publishing a block and its cursor
        self._outage = Outage("ingest", around.health)
        self._status = StatusTracker(server.id)
        self._failures: dict[bool, int] = {}  # temporary or not -> how many of that kind, the last ones in a row
        self._secret = ""  # digest of what the last log-in was made with
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
                text = f"{server_label(self.server)}: unexpected {type(error).__name__}, see the log of ingest"
                self._failed(MailServerError(Reason.SERVER_UNREACHABLE, text, temporary=True))

    def _watch(self) -> None:
        """One connection, from log-in until it breaks or the watcher stops."""
        with self._connection() as connector:
            self._settle_late(connector)
            self._tell("connected")
            while not self._stop.is_set():
                if self._take_next(connector):
                    continue
                if not self._tell("idle", backlog=0):  # telling takes time: then look once more before waiting
                    connector.wait(self.server.poll_seconds, self._stop)
                    self._failures = {}

    def _take_next(self, connector: Connector) -> bool:
        """Fetch a block and see it through; False where there is no new mail."""
        with self._around.memory.share() as room:
            with _cpu("fetch"):
                block = connector.next_block(self.cursor, room)
            if block is not None:
                self._take(connector, block)
                self._failures = {}  # a connection that breaks now and then gets on all the same
        return block is not None

    @contextmanager
    def _connection(self) -> Iterator[Connector]:
        self._secret = self._around.secret(self.server)
        connector = self._around.connect(self.server)
        connector.suspects = self._suspects
        self._connector = connector
        try:
            open_mailbox(connector)
            yield connector
        finally:
            self._connector = None
            connector.close()

    def _take(self, connector: Connector, block: FetchedBatch) -> None:
        self._finishing = True
        try:
            if self._stop.is_set():  # what was read while the connection was broken off is not trusted
                raise Stopped
            remembering = self._remembering(block)
            self._publish_block(remembering)
            self._settle(connector, _kept_whole(remembering))
        finally:
            self._finishing = False
        if connector.backlog:
            self._tell("connected", backlog=connector.backlog)

    def _remembering(self, block: FetchedBatch) -> FetchedBatch:
        """The block, its cursor knowing how many mails the first look left alone."""
        before = self.cursor.left_alone if self.cursor else None
        return replace(block, cursor=block.cursor.model_copy(update={"left_alone": block.skipped or before}))

    def _publish_block(self, block: FetchedBatch) -> None:
        if block.skipped:
            log.info("first look: only new mail is taken", server=self.server.id, left_unread=block.skipped)
        now = self._around.now()
        self._publish(lambda: [self._record(mail, now) for mail in block.mails])
        MAILS_FETCHED.labels(self.server.protocol).inc(len(block.mails))
        for mail in block.mails:
            if not mail.is_kept_whole:
                log.warning(
                    "a mail is too large to be kept whole: it stays on its server",
                    server=self.server.id,
                    mail=mail.locator,
                )
        self._tell_owed(block.cursor)
        self.cursor, self._unsettled = block.cursor, _handles_of(_kept_whole(block))

    def _record(self, mail: RemoteMail, now: datetime) -> OutputRecord:
        return records.fetched(self.server, mail, self._around.blobs, now, self._around.inline_bytes)

    def _tell_owed(self, cursor: MailboxCursor) -> None:
        """Log what the server has begun, and what it has ceased, not to give."""
        before = {mail.handle for mail in self.cursor.owed} if self.cursor else set()
        for mail in cursor.owed:
            if mail.handle not in before:
                log.warning(
                    "a mail is not given by its server: it is passed over for now, and asked for again",
                    server=self.server.id,
                    mail=mail.handle,
                    why=mail.why,
                )
        for handle in sorted(before - {mail.handle for mail in cursor.owed}):
            log.info("a mail that was not given has come, or is gone", server=self.server.id, mail=handle)

    def _settle_late(self, connector: Connector) -> None:
        if self._unsettled is not None:
            self._settle(connector, self._unsettled)

    def _settle(self, connector: Connector, block: FetchedBatch) -> None:
        with _cpu("settle"):
            connector.settle(block)
        self._publish(lambda: [records.cursor_record(block.cursor, self._around.now())])
        self._unsettled = None

    def _publish(self, make: Callable[[], list[OutputRecord]]) -> None:
        """Broker or blob store away: waited out here, with the mails in hand. Raises `Stopped`."""
        with _cpu("publish"):
            retry_until_available(lambda: self._send(make()), self._outage, self._stop.wait)

    def _send(self, messages: list[OutputRecord]) -> None:
        with self._around.health.step(f"incoming server {self.server.id}"):
            self._around.publish(messages)

    def _failed(self, error: MailServerError) -> None:
        """Note the failure, and wait. After a stop an error is only the sound of a connection being broken off."""
        if self._stop.is_set():
            return
        again = error.reason is Reason.AUTHENTICATION_REFUSED and self._around.refused(self.server)
        temporary = error.temporary or again
        self._failures = {temporary: self._failures.get(temporary, 0) + 1}
        seconds = delay(self._failures[temporary], temporary=temporary, draw=self._around.draw(), asked=error.after)
        MAIL_SERVER_ERRORS.labels(self.server.protocol, error.reason).inc()
        log.warning(
            "an incoming server fails", server=self.server.id, why=error.text, next_try_seconds=round(seconds, 1)
        )
        self._tell(state_after(error), error=error)
        self._pause(seconds, error)

    def _pause(self, seconds: float, error: MailServerError) -> None:
        """Wait. A refused log-in is tried at once when another secret lies where it was found: it was corrected."""
        if error.reason is not Reason.AUTHENTICATION_REFUSED:
            self._stop.wait(seconds)
            return
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0 and self._around.secret(self.server) == self._secret:
            if self._stop.wait(min(left, SECRET_SECONDS)):
                return

    def _tell(self, state: ServerState, *, error: MailServerError | None = None, backlog: int | None = None) -> bool:
        """Write `server.status` where it changed; whether it was written. Without a broker the watcher goes on."""
        if self._stop.is_set():
            return False
        owed = self.cursor.owed if self.cursor else ()
        gauges.show(self.server.id, state, self._around.now(), backlog, len(owed))
        left_alone = self.cursor.left_alone if self.cursor else None
        tracker, status = self._status.moved(
            state,
            self._around.now(),
            error=error,
            backlog=backlog,
            left_alone=left_alone,
            not_given=named(owed),
            secret_ends=self._around.secret_ends(self.server),
        )
        if status is None:
            return False
        try:
            self._send([records.status_record(status, self._around.now())])
        except OutageError as outage:
            log.info("a status could not be published", server=self.server.id, state=state, why=str(outage))
            return False
        self._status = tracker
        return True


def _kept_whole(block: FetchedBatch) -> FetchedBatch:
    """The block without the mails of which only the beginning goes on: nothing is done with those on their server."""
    return replace(block, mails=tuple(mail for mail in block.mails if mail.is_kept_whole))


def _handles_of(block: FetchedBatch) -> FetchedBatch:
    """What settling needs of a block: not the mails themselves, which may have to be waited with for long."""
    return replace(block, mails=tuple(replace(mail, raw=b"", spool=None) for mail in block.mails))


@contextmanager
def _cpu(step: str) -> Iterator[None]:
    """Count this thread's CPU time: once a block, so it costs nothing."""
    began = time.thread_time()
    try:
        yield
    finally:
        INGEST_CPU_SECONDS.labels(step).inc(time.thread_time() - began)
