"""A batch of records in, one outcome per record out. The same whichever loop drives it."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime

from sqlalchemy import Engine

from desk import outbox
from desk.errors import UnstorableError
from logger.core.commands import MailCommand, SystemCommand
from logger.publish import PublishedRows, publish_all
from logger.records import DecodedRecord, decode_batch
from logger.transaction import StoreResult, store
from runtime.outages import OutageError
from runtime.processing.outcomes import Dead, FinalOutcome, Ok
from runtime.telemetry.logs import get_logger
from runtime.telemetry.metrics import FETCHED_TO_LOGGED_SECONDS, NOTIFICATIONS_WITHHELD
from schemas.explanations import EXPLANATIONS
from schemas.reasons import Reason
from schemas.snapshot import SettingsSnapshot
from schemas.topics import DESK_REQUESTED, MAIL_RESOLVED, NOTIFICATION_RESULTS, PERSONS, Topic
from schemas.wire import Record

log = get_logger(__name__)
_OK = Ok()


class LoggerHandler:
    """Implements `runtime.processing.outcomes.Handler`. `publish` blocks until the broker has acknowledged all."""

    stage = "logger"
    topics: tuple[Topic, ...] = (MAIL_RESOLVED, DESK_REQUESTED, PERSONS, NOTIFICATION_RESULTS)

    def __init__(
        self,
        engine: Engine,
        settings: Callable[[], SettingsSnapshot],
        publish: outbox.Publish,
        topic_prefix: str,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._engine = engine
        self._settings = settings
        self._publish = publish
        self._topics = {topic.name(topic_prefix): topic for topic in self.topics}
        self._clock = clock
        self.published = PublishedRows()
        self._unpublished: deque[StoreResult] = deque()
        self._stopped = False  # whether auto-replies were, when last one was wanted

    def handle(self, records: Sequence[Record]) -> Sequence[FinalOutcome]:
        """Stores the batch, then publishes the records about it: a record is done when both are.

        Raises `OutageError` where database or broker are unavailable. When the batch is redelivered its commands are
        known, and what was stored but not published is published first.
        """
        self._publish_stored()
        settings, now = self._settings(), self._clock()
        batch = decode_batch(records, self._topics, settings)
        try:
            result = store(self._engine, batch, settings, now, self.published)
        except UnstorableError as error:
            if len(records) > 1:
                raise  # the loop hands them over one by one
            return [Dead(Reason.WRONG_SCHEMA, str(error))]
        if result.records:
            self._unpublished.append(result)
        self._note_withheld(result.withheld)
        self._measure(result)
        self._publish_stored()
        return [_outcome(decoded, result) for decoded in batch.decoded]

    def close(self) -> None:
        """Nothing that has been published stays in the outbox. If the database is away, it is published once more."""
        with suppress(OutageError):
            self.published.discard(self._engine)

    def _note_withheld(self, withheld: Mapping[Reason, int]) -> None:
        for reason, count in withheld.items():
            NOTIFICATIONS_WITHHELD.labels(reason).inc(count)
        stopped = Reason.ANSWERS_STOPPED in withheld
        if stopped and not self._stopped:
            log.warning("auto-replies are stopped for a while", why=EXPLANATIONS[Reason.ANSWERS_STOPPED].remedy)
        self._stopped = stopped

    def _measure(self, result: StoreResult) -> None:
        """How long it took to log each message. A resolver of an earlier release does not tell when it was fetched."""
        now = self._clock()
        known = [(partition, fetched_at) for partition, fetched_at in result.logged if fetched_at is not None]
        partitions = {partition for partition, _ in known}
        histograms = {partition: FETCHED_TO_LOGGED_SECONDS.labels(partition) for partition in partitions}
        for partition, fetched_at in known:
            histograms[partition].observe(max(0.0, (now - fetched_at).total_seconds()))

    def _publish_stored(self) -> None:
        while self._unpublished:
            result = self._unpublished[0]
            publish_all(self._publish, result.records)
            self.published.add(result.outbox_row)
            self._unpublished.popleft()


def _outcome(decoded: DecodedRecord, result: StoreResult) -> FinalOutcome:
    if isinstance(decoded, MailCommand | SystemCommand):
        return result.not_applied.get(decoded.causation_id, _OK)
    return decoded if isinstance(decoded, Dead) else _OK
