"""Publishing the outbox: at once while the loop runs, and later the rows that another logger left there.

What has been published is deleted by the next batch's transaction, or where none follows soon, by the relay.
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine

from desk import outbox
from desk.engine import write_transaction
from runtime.kafka.producer import UnpublishableError
from runtime.outages import OutageError
from runtime.telemetry.health import Health
from runtime.telemetry.logs import get_logger
from schemas.wire import OutputRecord

log = get_logger(__name__)

EVERY_SECONDS = 10.0
LEFT_BEHIND = timedelta(seconds=30)  # a working logger publishes its rows sooner, or knows them and tries again


class PublishedRows:
    """Rows of the outbox whose records the broker has: they can be deleted. For all threads.

    Should the process die before they are, another logger publishes them again: ids are derived, so that readers
    recognise a record that is redelivered.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rows: list[int] = []

    def add(self, row: int) -> None:
        with self._lock:
            self._rows.append(row)

    @contextmanager
    def taken(self) -> Iterator[Sequence[int]]:
        """All of them, to be deleted in the block; they are kept where that fails."""
        with self._lock:
            rows, self._rows = self._rows, []
        try:
            yield rows
        except BaseException:
            with self._lock:
                self._rows += rows
            raise

    def discard(self, engine: Engine) -> None:
        """Deletes them in a transaction of its own. Raises `OutageError`."""
        with self.taken() as rows:
            if rows:
                with write_transaction(engine) as connection:
                    outbox.discard(connection, rows)


def publish_all(publish: outbox.Publish, records: Sequence[OutputRecord]) -> None:
    """Publishes all, less any that the broker refuses for what it is: that is logged, and stops nothing else."""
    try:
        publish(records)
        return
    except UnpublishableError:
        if len(records) == 1:
            log.exception("the broker refused a record; it is dropped, others are not", topic=records[0].topic.short)
            return
    for record in records:
        publish_all(publish, [record])


def relay_until(
    stop: threading.Event,
    engine: Engine,
    publish: outbox.Publish,
    health: Health,
    published: PublishedRows,
    every_seconds: float = EVERY_SECONDS,
) -> None:
    """Publishes the rows that other loggers left in the outbox, all of them and then now and again, until `stop`.

    `published`: of this process's own rows, deleted where no batch has done it.
    """

    def send(records: Sequence[OutputRecord]) -> None:
        with health.step("outbox"):
            publish_all(publish, records)

    older_than = datetime.now(UTC)
    while True:
        try:
            published.discard(engine)
            rows = outbox.relay(engine, send, older_than)
            if rows:
                log.warning("published records that another logger left in the outbox", rows=rows)
        except OutageError as error:
            log.info("the outbox cannot be published yet", reason=error.reason)
        if stop.wait(every_seconds):
            return
        older_than = datetime.now(UTC) - LEFT_BEHIND
