"""One mailbox's batches, from fetched to done: publish the messages, apply `after_fetch`, publish the cursor.

The order makes the promises: a message is touched on its server only once the broker has acknowledged it, and a crash
anywhere in between reads some messages again, which are recognised by their ids.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from ingest import records
from ingest.connectors.base import Connector, FetchedBatch
from ingest.context import WatcherContext
from runtime.outages import Outage, retry_until_available
from runtime.telemetry.logs import get_logger
from runtime.telemetry.metrics import INGEST_CPU_SECONDS, MAILS_FETCHED
from schemas.servers import MailboxCursor
from schemas.settings import IncomingServer
from schemas.wire import OutputRecord

log = get_logger(__name__)


class BatchPublisher:
    """`cursor`: how far the mailbox has been read. `wait`: waits this many seconds; True: the watcher is to stop.

    A broker or blob store that is unavailable is retried until it is back, with the messages in flight; raises
    `Stopped` then, and what the connector raises.
    """

    def __init__(
        self,
        server: IncomingServer,
        cursor: MailboxCursor | None,
        context: WatcherContext,
        wait: Callable[[float], bool],
    ) -> None:
        self._server = server
        self.cursor = cursor
        self._context = context
        self._wait = wait
        self._outage = Outage("ingest", context.health)
        self._not_applied: FetchedBatch | None = None  # published, and then the connection broke

    def complete(self, connector: Connector, batch: FetchedBatch) -> None:
        """Publish a batch and everything that follows from it."""
        before = self.cursor.left_alone if self.cursor else None
        batch = replace(batch, cursor=batch.cursor.model_copy(update={"left_alone": batch.skipped or before}))
        self._publish_mails(batch)
        self._apply(connector, _kept_whole(batch))

    def apply_late(self, connector: Connector) -> None:
        """Of a batch that an earlier connection fetched."""
        if self._not_applied is not None:
            self._apply(connector, self._not_applied)

    def _publish_mails(self, batch: FetchedBatch) -> None:
        server, context = self._server, self._context
        if batch.skipped:
            log.info(
                "first read: only new messages are fetched",
                server=server.id,
                left_unread=batch.skipped,
            )
        now = context.now()
        self._publish(
            lambda: [records.fetched(server, mail, context.blobs, now, context.inline_bytes) for mail in batch.mails]
        )
        MAILS_FETCHED.labels(server.protocol).inc(len(batch.mails))
        for mail in batch.mails:
            if not mail.is_kept_whole:
                log.warning(
                    "a message is too large to store whole: it stays there",
                    server=server.id,
                    mail=mail.locator,
                )
        self._log_owed(batch.cursor)
        self.cursor, self._not_applied = batch.cursor, _handles_of(_kept_whole(batch))

    def _log_owed(self, cursor: MailboxCursor) -> None:
        """Messages that the server has begun not to give, and those that it no longer owes."""
        before = {mail.handle for mail in self.cursor.owed} if self.cursor else set()
        for mail in cursor.owed:
            if mail.handle not in before:
                log.warning(
                    "a listed message is not given by its server: it is skipped for now and retried",
                    server=self._server.id,
                    mail=mail.handle,
                    why=mail.why,
                )
        for handle in sorted(before - {mail.handle for mail in cursor.owed}):
            log.info("a message that was not given has arrived, or is gone", server=self._server.id, mail=handle)

    def _apply(self, connector: Connector, batch: FetchedBatch) -> None:
        with cpu_counted("settle"):
            connector.apply_after_fetch(batch)
        self._publish(lambda: [records.cursor_record(batch.cursor, self._context.now())])
        self._not_applied = None

    def _publish(self, make: Callable[[], list[OutputRecord]]) -> None:
        with cpu_counted("publish"):
            retry_until_available(lambda: self._context.send(self._server.id, make()), self._outage, self._wait)


@contextmanager
def cpu_counted(step: str) -> Iterator[None]:
    """Count this thread's CPU time: once per batch, so it costs nothing."""
    began = time.thread_time()
    try:
        yield
    finally:
        INGEST_CPU_SECONDS.labels(step).inc(time.thread_time() - began)


def _kept_whole(batch: FetchedBatch) -> FetchedBatch:
    """Without the messages of which only the beginning is published: nothing is done with those on their server."""
    return replace(batch, mails=tuple(mail for mail in batch.mails if mail.is_kept_whole))


def _handles_of(batch: FetchedBatch) -> FetchedBatch:
    """What `apply_after_fetch` needs of a batch: not the messages themselves, which may have to be kept for long."""
    return replace(batch, mails=tuple(mail._replace(raw=b"", spool=None) for mail in batch.mails))
