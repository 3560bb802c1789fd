"""One incoming server, watched: a thread with one connection.

connect -> next batch -> publish it, apply after_fetch, publish the cursor (`batches.py`) -> wait
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from ingest.backoff import delay
from ingest.batches import BatchPublisher, cpu_counted
from ingest.connectors.base import Connector, FetchedBatch, open_mailbox
from ingest.connectors.owed import Suspects
from ingest.context import WatcherContext
from ingest.status import StatusReporter, state_after
from mailserver.errors import MailServerError, server_label
from runtime.outages import Stopped
from runtime.telemetry.logs import get_logger
from runtime.telemetry.metrics import MAIL_SERVER_ERRORS
from schemas.reasons import Reason
from schemas.servers import MailboxCursor, ServerState
from schemas.settings import IncomingServer

log = get_logger(__name__)

SECRET_SECONDS = 15.0  # how often we look whether a refused secret was replaced


class MailboxWatcher:
    """Watches one server until it is stopped. A changed setting makes a new watcher."""

    def __init__(self, server: IncomingServer, cursor: MailboxCursor | None, context: WatcherContext) -> None:
        self.server = server
        self._context = context
        self._stop = threading.Event()
        self._connector: Connector | None = None
        self._suspects = Suspects()
        self._batches = BatchPublisher(server, cursor, context, self._stop.wait)
        self._finishing = False  # between publishing a batch and its cursor
        self._status = StatusReporter(server, context)
        self._failures: dict[bool, int] = {}  # temporary or not -> how many of that kind, the last ones in a row
        self._secret = ""  # digest of what the last login was made with
        self._thread = threading.Thread(target=self._run, name=f"watch {server.id}", daemon=True)

    @property
    def cursor(self) -> MailboxCursor | None:
        return self._batches.cursor

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Ask it to stop: what it waits for is cancelled, a batch that is being published is completed. Then `join`."""
        self._stop.set()
        if not self._finishing:  # it sets this first and looks at `_stop` then: one of both is seen
            self.interrupt()

    def interrupt(self) -> None:
        """Close the connection, whatever goes on; the messages in flight are fetched again by the next watcher."""
        connector = self._connector
        if connector is not None:
            connector.interrupt()

    def join(self, seconds: float) -> bool:
        """Whether it has ended."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _run(self) -> None:
        self._report_status("starting")
        while not self._stop.is_set():
            try:
                self._watch()
            except Stopped:
                return
            except MailServerError as error:
                self._failed(error)
            except Exception as error:
                log.exception("unexpected error in a watcher", server=self.server.id)
                text = f"{server_label(self.server)}: unexpected {type(error).__name__}, see the log of ingest"
                self._failed(MailServerError(Reason.SERVER_UNREACHABLE, text, temporary=True))

    def _watch(self) -> None:
        """One connection, from login until it breaks or the watcher stops."""
        with self._connection() as connector:
            self._batches.apply_late(connector)
            self._report_status("connected")
            while not self._stop.is_set():
                if self._take_next(connector):
                    continue
                if not self._report_status("idle", backlog=0):  # that takes time: then look again before waiting
                    connector.wait(self.server.poll_seconds, self._stop)
                    self._failures = {}

    @contextmanager
    def _connection(self) -> Iterator[Connector]:
        self._secret = self._context.secret(self.server)
        connector = self._context.connect(self.server)
        connector.suspects = self._suspects
        self._connector = connector
        try:
            open_mailbox(connector)
            yield connector
        finally:
            self._connector = None
            connector.close()

    def _take_next(self, connector: Connector) -> bool:
        """Fetch a batch and complete it; False if there is no new mail."""
        with self._context.memory.share() as room:
            with cpu_counted("fetch"):
                batch = connector.next_batch(self._batches.cursor, room)
            if batch is not None:
                self._complete(connector, batch)
                self._failures = {}  # a connection that breaks now and then gets on all the same
        return batch is not None

    def _complete(self, connector: Connector, batch: FetchedBatch) -> None:
        self._finishing = True
        try:
            if self._stop.is_set():  # what was read while the connection was closed is not trusted
                raise Stopped
            self._batches.complete(connector, batch)
        finally:
            self._finishing = False
        if connector.backlog:
            self._report_status("connected", backlog=connector.backlog)

    def _failed(self, error: MailServerError) -> None:
        """Report the failure, and wait. After a stop an error only means that the connection was closed."""
        if self._stop.is_set():
            return
        again = error.reason is Reason.AUTHENTICATION_REFUSED and self._context.refused(self.server)
        temporary = error.temporary or again
        self._failures = {temporary: self._failures.get(temporary, 0) + 1}
        seconds = delay(self._failures[temporary], temporary=temporary, draw=self._context.draw(), asked=error.after)
        MAIL_SERVER_ERRORS.labels(self.server.protocol, error.reason).inc()
        log.warning(
            "an incoming server fails", server=self.server.id, why=error.text, next_try_seconds=round(seconds, 1)
        )
        self._report_status(state_after(error), error=error)
        self._pause(seconds, error)

    def _pause(self, seconds: float, error: MailServerError) -> None:
        """Wait. A refused login is tried at once if another secret is where it was found: it was corrected."""
        if error.reason is not Reason.AUTHENTICATION_REFUSED:
            self._stop.wait(seconds)
            return
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0 and self._context.secret(self.server) == self._secret:
            if self._stop.wait(min(left, SECRET_SECONDS)):
                return

    def _report_status(
        self, state: ServerState, *, error: MailServerError | None = None, backlog: int | None = None
    ) -> bool:
        """Whether it had changed and was published."""
        return not self._stop.is_set() and self._status.report(state, self.cursor, error=error, backlog=backlog)
