"""The ledger of outgoing mail: what became of each attempt, for each recipient. Written by outbound."""

from collections.abc import Collection
from operator import attrgetter
from typing import Any

from sqlalchemy import Dialect, Engine, select

from desk.among import among
from desk.engine import KeptConnections, open_desk, reading
from desk.tables import deliveries
from schemas.events import NotificationResult

_FINISHED = select(deliveries).where(among(deliveries.c.notification_id), deliveries.c.outcome != "deferred")
_KEY = ("notification_id", "recipient", "attempt")
_COLUMNS = (*(column.name for column in deliveries.c if column.name != "at"), "at")


class DeliveryLedger:
    """Has connections of its own, whose commits do not wait for the disk.

    A wait after every mail would cost more than sending it. What a failing machine can lose by it is what was recorded
    a moment ago: that mail is sent once more, with the same Message-ID.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = open_desk(engine.url, durable=False)
        self._kept = KeptConnections(self.engine)
        self._record = _Upsert(self.engine.dialect)

    def finished(self, notification_ids: Collection[str]) -> dict[str, tuple[NotificationResult, ...]]:
        """By notification, the recipients to whom it is sent, failed or bounced: nothing is left to be done about them.

        Notifications with no such recipient are left out.
        """
        found: dict[str, tuple[NotificationResult, ...]] = {}
        if not notification_ids:
            return found
        with reading(self.engine) as connection:
            for row in connection.execute(_FINISHED, {"keys": list(notification_ids)}).mappings():
                result = NotificationResult.model_validate(dict(row))
                found[result.notification_id] = (*found.get(result.notification_id, ()), result)
        return found

    def record(self, result: NotificationResult) -> None:
        """Durable soon after it returns. A deferred attempt never takes the place of one that is final."""
        with self._kept.writing() as connection:
            connection.exec_driver_sql(self._record.sql, self._record.values(result))

    def close(self) -> None:
        self._kept.close()
        self.engine.dispose()


class _Upsert:
    """The statement and its values as the driver takes them: put together by SQLAlchemy each time, it costs twice."""

    def __init__(self, dialect: Dialect) -> None:
        mark = "?" if dialect.paramstyle == "qmark" else "%s"
        changes = ", ".join(f"{name} = excluded.{name}" for name in _COLUMNS if name not in _KEY)
        self.sql = (
            f"INSERT INTO deliveries ({', '.join(_COLUMNS)}) VALUES ({', '.join([mark] * len(_COLUMNS))}) "
            f"ON CONFLICT ({', '.join(_KEY)}) DO UPDATE SET {changes} "
            "WHERE deliveries.outcome = 'deferred' OR excluded.outcome <> 'deferred'"
        )
        self._own = attrgetter(*_COLUMNS)
        self._time = deliveries.c.at.type.dialect_impl(dialect).bind_processor(dialect)

    def values(self, result: NotificationResult) -> tuple[Any, ...]:
        *others, at = self._own(result)
        return *others, self._time(at) if self._time else at
