"""The delivery ledger: the result of each attempt for each recipient, and what is deferred. Written by outbound."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, NamedTuple

from sqlalchemy import Column, Engine, delete, null, select, type_coerce, union_all

from desk.engine import open_desk, read_transaction, write_transaction
from desk.prepared import Prepared
from desk.queries import any_of
from desk.single_writes import ConnectionCache, Upsert
from desk.tables import deferred_notifications, deliveries
from schemas.reasons import Reason


class DeliveryResult(NamedTuple):
    """What became of one attempt for one recipient: a `NotificationResult`, as the ledger keeps it.

    It is made for each message while others are being sent, where a validated model costs three times as much.
    """

    notification_id: str
    outcome: Literal["sent", "deferred", "failed", "bounced"]
    recipient: str
    at: datetime
    attempt: int = 1
    server_id: str | None = None
    reason: Reason | None = None
    smtp_reply: str = ""
    message_id: str | None = None
    sent_message_id: str | None = None
    mail_id: str | None = None
    reference: str | None = None


@dataclass(frozen=True, slots=True)
class Deferred:
    """A notification that is to be tried again at `due_at`, and where it stands in its line.

    `topic_partition` and `topic_offset`: of its record on `notification.requested`. From `yields_at` on, if it is set,
    those behind it need not wait for it.
    """

    notification_id: str
    line: str
    topic_partition: int
    topic_offset: int
    due_at: datetime
    yields_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """What the ledger has about some notifications and lines.

    `finished`: by notification, the recipients to whom it is sent, failed or bounced: nothing is left to be done about
    them; notifications with no such recipient are left out.
    """

    finished: Mapping[str, tuple[DeliveryResult, ...]]
    deferred: tuple[Deferred, ...]


_ROWS = 1000  # at once; SQLite takes 32,766 values in one statement
_RESULT = [column.name for column in deliveries.c]
_DEFERRED = deferred_notifications.c
_PLACE = [column for column in _DEFERRED if column.name != "notification_id"]


def _nothing(column: Column[Any]) -> Any:
    return type_coerce(null(), column.type).label(column.name)


# Both in one go to the database and back; mostly it finds nothing.
_LOOK_UP = Prepared(
    union_all(
        select(*deliveries.c, *map(_nothing, _PLACE)).where(
            any_of(deliveries.c.notification_id), deliveries.c.outcome != "deferred"
        ),
        select(_DEFERRED.notification_id, *map(_nothing, list(deliveries.c)[1:]), *_PLACE).where(
            any_of(_DEFERRED.line, "lines")
        ),
    )
)
_DROP = Prepared(delete(deferred_notifications).where(any_of(_DEFERRED.notification_id)))


class DeliveryLedger:
    """Has connections of its own, on which each statement is a transaction."""

    def __init__(self, engine: Engine) -> None:
        self.engine = open_desk(engine.url, autocommit=True, by_keys=True)
        self._kept = ConnectionCache(self.engine)
        self._record = Upsert(
            deliveries,
            key=("notification_id", "recipient", "attempt"),
            condition="deliveries.outcome = 'deferred' OR excluded.outcome <> 'deferred'",
            dialect=self.engine.dialect,
        )
        self._defer = Upsert(
            deferred_notifications,
            key=("notification_id",),
            condition="true",
            dialect=self.engine.dialect,
        )

    def look_up(self, notification_ids: Collection[str], lines: Collection[str] = ()) -> Known:
        """The final results of these notifications, and all that is deferred in these lines."""
        finished: dict[str, tuple[DeliveryResult, ...]] = {}
        deferred: list[Deferred] = []
        if notification_ids or lines:
            with read_transaction(self.engine) as connection:
                for row in _LOOK_UP.rows(connection, keys=list(notification_ids), lines=list(lines)):
                    if row.line is not None:
                        deferred.append(Deferred(row.notification_id, *row[-len(_PLACE) :]))
                    else:
                        fields = dict(zip(_RESULT, row, strict=False))
                        result = DeliveryResult(**fields | {"reason": row.reason and Reason(row.reason)})
                        finished[result.notification_id] = (*finished.get(result.notification_id, ()), result)
        return Known(finished, tuple(deferred))

    def record(self, *results: DeliveryResult) -> None:
        """All or none of them, durable when it returns. A deferred attempt never replaces a final one."""
        self._kept.execute(self._record.of(results))

    def defer(self, deferred: Sequence[Deferred]) -> None:
        """These wait. Each notification once; one that waited before keeps the time at which it yields."""
        for start in range(0, len(deferred), _ROWS):
            self._kept.execute(self._defer.of(deferred[start : start + _ROWS]))

    def drop(self, notification_ids: Collection[str]) -> None:
        """These wait no longer."""
        if notification_ids:
            with write_transaction(self.engine) as connection:
                _DROP.rows(connection, keys=list(notification_ids))

    def close(self) -> None:
        self._kept.close()
        self.engine.dispose()
