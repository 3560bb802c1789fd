"""A batch of records in, one outcome a record out. The same whichever loop drives it."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

from sqlalchemy import Engine

from desk import outbox
from desk.errors import UnstorableError
from logger.publish import publish_all
from logger.records import Asked, Mail, Opened, PersonChange, open_record
from logger.requests.store import store_requests
from logger.store import Stored, store
from runtime.logs import get_logger
from runtime.metrics import FETCHED_TO_LOGGED_SECONDS, NOTIFICATIONS_WITHHELD
from runtime.outcomes import Dead, FinalOutcome, Ok
from schemas.events import NotificationResult
from schemas.reasons import EXPLANATIONS, Reason
from schemas.snapshot import SettingsSnapshot
from schemas.topics import DESK_REQUESTED, MAIL_RESOLVED, NOTIFICATION_RESULTS, PERSONS, Topic
from schemas.wire import Record

log = get_logger(__name__)
_OK = Ok()


class LoggerHandler:
    """Implements `runtime.outcomes.Handler`. `publish` blocks until the broker has acknowledged all."""

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
        self._unpublished: deque[Stored] = deque()
        self._stopped = False  # whether answers were, when last one was asked for

    def handle(self, records: Sequence[Record]) -> Sequence[FinalOutcome]:
        """Stores the batch, then publishes what tells of it: a record is done when both are.

        Requests have a transaction of their own, after that of the mails: each locks all its items at once, in order.
        Raises `OutageError` where database or broker are away. When the batch comes again its mails are known, and what
        was stored but not published is published first.
        """
        self._publish_stored()
        opened = [open_record(record, self._topics[record.topic]) for record in records]
        mails = [one for one in opened if isinstance(one, Mail)]
        changes = [one for one in opened if isinstance(one, PersonChange)]
        reports = [one for one in opened if isinstance(one, NotificationResult)]
        asked = [one for one in opened if isinstance(one, Asked)]
        settings, now = self._settings(), self._clock()
        try:
            of_mails = self._noted(store(self._engine, mails, changes, reports, settings, now))
            self._note_withheld(of_mails.withheld)
            self._measure(of_mails)
            of_requests = self._noted(store_requests(self._engine, asked, settings, now))
        except UnstorableError as error:
            if len(records) > 1:
                raise  # the loop hands them over one by one
            return [Dead(Reason.WRONG_SCHEMA, str(error))]
        self._publish_stored()
        return [_outcome(one, of_mails, of_requests) for one in opened]

    def _noted(self, stored: Stored) -> Stored:
        if stored.messages:
            self._unpublished.append(stored)
        return stored

    def _note_withheld(self, withheld: Mapping[Reason, int]) -> None:
        for reason, count in withheld.items():
            NOTIFICATIONS_WITHHELD.labels(reason).inc(count)
        stopped = Reason.ANSWERS_STOPPED in withheld
        if stopped and not self._stopped:
            log.warning("automatic answers are stopped for a while", why=EXPLANATIONS[Reason.ANSWERS_STOPPED].remedy)
        self._stopped = stopped

    def _measure(self, stored: Stored) -> None:
        """How long it took to log each mail. A resolver of an earlier release does not tell when it was fetched."""
        now = self._clock()
        for partition, fetched_at in stored.logged:
            if fetched_at is not None:
                seconds = max(0.0, (now - fetched_at).total_seconds())
                FETCHED_TO_LOGGED_SECONDS.labels(partition).observe(seconds)

    def _publish_stored(self) -> None:
        while self._unpublished:
            stored = self._unpublished[0]
            publish_all(self._publish, stored.messages)
            outbox.discard(self._engine, stored.outbox_row)
            self._unpublished.popleft()


def _outcome(opened: Opened, of_mails: Stored, of_requests: Stored) -> FinalOutcome:
    match opened:
        case Mail():
            return of_mails.undone.get(opened.mail.mail_id, _OK)
        case Asked():
            return of_requests.undone.get(opened.request.request_id, _OK)
        case Dead():
            return opened
    return _OK
