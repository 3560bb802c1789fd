"""A batch of records in, one outcome a record out. The same whichever loop drives it."""

from collections import deque
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from sqlalchemy import Engine

from desk import outbox
from desk.errors import UnstorableError
from logger.publish import publish_all
from logger.records import Mail, Opened, PersonChange, open_record
from logger.store import Stored, store
from runtime.outcomes import Dead, Ok, Outcome
from schemas.events import NotificationResult
from schemas.reasons import Reason
from schemas.snapshot import SettingsSnapshot
from schemas.topics import MAIL_RESOLVED, NOTIFICATION_RESULTS, PERSONS, Topic
from schemas.wire import Record

_OK = Ok()


class LoggerHandler:
    """Implements `runtime.outcomes.Handler`. `publish` blocks until the broker has acknowledged all."""

    stage = "logger"
    topics: tuple[Topic, ...] = (MAIL_RESOLVED, PERSONS, NOTIFICATION_RESULTS)

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
        self._topic_of = {topic.name(topic_prefix): topic for topic in self.topics}
        self._clock = clock
        self._unpublished: deque[Stored] = deque()

    def handle(self, records: Sequence[Record]) -> Sequence[Outcome]:
        """Stores the batch, then publishes what tells of it: a record is done when both are.

        Raises `OutageError` where database or broker are away. When the batch comes again its mails are known, and what
        was stored but not published is published first.
        """
        self._publish_stored()
        opened = [open_record(self._topic_of[record.topic], record) for record in records]
        mails = [one for one in opened if isinstance(one, Mail)]
        changes = [one for one in opened if isinstance(one, PersonChange)]
        reports = [one for one in opened if isinstance(one, NotificationResult)]
        try:
            stored = store(self._engine, mails, changes, reports, self._settings(), self._clock())
        except UnstorableError as error:
            if len(records) > 1:
                raise  # the loop hands them over one by one
            return [Dead(Reason.WRONG_SCHEMA, str(error))]
        if stored.messages:
            self._unpublished.append(stored)
            self._publish_stored()
        return [_outcome(one, stored) for one in opened]

    def _publish_stored(self) -> None:
        while self._unpublished:
            stored = self._unpublished[0]
            publish_all(self._publish, stored.messages)
            outbox.discard(self._engine, stored.outbox_row)
            self._unpublished.popleft()


def _outcome(opened: Opened, stored: Stored) -> Outcome:
    if isinstance(opened, Mail):
        return stored.undone.get(opened.mail.mail_id, _OK)
    return opened if isinstance(opened, Dead) else _OK
