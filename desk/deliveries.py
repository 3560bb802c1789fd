"""The ledger of outgoing mail: what became of each notification. Written by outbound."""

from collections.abc import Collection

from sqlalchemy import Engine, select
from sqlalchemy.dialects import postgresql, sqlite

from desk.among import among
from desk.engine import open_desk, reading, writing
from desk.tables import deliveries
from schemas.events import NotificationResult

_FINISHED = select(deliveries).where(among(deliveries.c.notification_id), deliveries.c.outcome != "deferred")


class DeliveryLedger:
    """Has connections of its own, whose commits do not wait for the disk.

    A wait after every mail would cost more than sending it. What a failing machine can lose by it is what was recorded
    a moment ago: that mail is sent once more, with the same Message-ID.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = open_desk(engine.url, durable=False)
        self._record = _upsert(engine.dialect.name)

    def finished(self, notification_ids: Collection[str]) -> dict[str, NotificationResult]:
        """Results of those that are sent, failed or bounced: nothing is left to be done about them."""
        if not notification_ids:
            return {}
        with reading(self._engine) as connection:
            rows = connection.execute(_FINISHED, {"keys": list(notification_ids)}).mappings()
            return {row["notification_id"]: NotificationResult.model_validate(dict(row)) for row in rows}

    def record(self, result: NotificationResult) -> None:
        """Durable soon after it returns. A result that is deferred never takes the place of one that is final."""
        with writing(self._engine) as connection:
            connection.execute(self._record, result.model_dump())

    def close(self) -> None:
        self._engine.dispose()


def _upsert(dialect: str) -> postgresql.Insert | sqlite.Insert:
    # The two dialects' statements are alike, but not one type.
    insert = postgresql.insert(deliveries) if dialect == "postgresql" else sqlite.insert(deliveries)
    return insert.on_conflict_do_update(
        index_elements=[deliveries.c.notification_id],
        set_={name: column for name, column in insert.excluded.items() if name != "notification_id"},
        where=(deliveries.c.outcome == "deferred") | (insert.excluded.outcome != "deferred"),
    )
