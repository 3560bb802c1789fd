"""What the ledger of outgoing mail knows of some notifications, attempt by attempt. Read only."""

from collections.abc import Iterator, Sequence

from sqlalchemy import Connection, select

from desk.any_of import any_of
from desk.tables import deliveries
from schemas.events import NotificationResult

_CHUNK = 5_000
_ATTEMPTS = (
    select(deliveries)
    .where(any_of(deliveries.c.notification_id))
    .order_by(deliveries.c.attempt, deliveries.c.at, deliveries.c.recipient)
)


def attempts(connection: Connection, notification_ids: Sequence[str]) -> Iterator[NotificationResult]:
    """Every attempt to send them, those of one notification in their order."""
    for start in range(0, len(notification_ids), _CHUNK):
        keys = list(notification_ids[start : start + _CHUNK])
        for row in connection.execute(_ATTEMPTS, {"keys": keys}).mappings():
            yield NotificationResult.model_validate(dict(row))
