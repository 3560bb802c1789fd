"""Deliveries as lists: every attempt, the last one for each recipient, and what waits for its next one. Read only."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import BigInteger, ColumnElement, Connection, and_, cast, exists, false, func, or_, select

from desk.queries import any_of, cut
from desk.tables import deferred_notifications, deliveries, items
from schemas.events import NotificationResult

Ended = Literal["sent", "failed", "bounced"]
Place = tuple[datetime, str, str]  # of a delivery in its list, newest first
WaitingPlace = tuple[datetime, str]  # of what waits in its list, soonest first

_later = deliveries.alias("later")
_earlier = deferred_notifications.alias("earlier")


@dataclass(frozen=True, slots=True)
class Delivery:
    """The last attempt to notify one recipient. `smtp_reply`: the server's own words. `mail_id`: that which caused it.

    `reference`: the item that it is about, if it is about one.
    """

    notification_id: str
    recipient: str
    attempt: int
    outcome: str
    server_id: str | None
    reason: str | None
    smtp_reply: str
    message_id: str | None
    mail_id: str | None
    reference: str | None
    at: datetime

    @property
    def place(self) -> Place:
        return self.at, self.notification_id, self.recipient


@dataclass(frozen=True, slots=True)
class WaitingDelivery:
    """A notification that waits for `due_at`. `last`: its last attempts; none where it has had no turn yet.

    `behind`: id of an earlier notification to the same recipient, which goes first.
    """

    notification_id: str
    partition: str
    recipient: str
    due_at: datetime
    behind: str | None
    last: tuple[Delivery, ...]

    @property
    def place(self) -> WaitingPlace:
        return self.due_at, self.notification_id


_FIELDS = tuple(deliveries.c[name] for name in Delivery.__slots__)
_IS_LAST = ~exists().where(
    _later.c.notification_id == deliveries.c.notification_id,
    _later.c.recipient == deliveries.c.recipient,
    _later.c.attempt > deliveries.c.attempt,
)
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


def list_deliveries(
    connection: Connection,
    outcomes: Iterable[Ended],
    *,
    partitions: Collection[str] | None = None,
    server: str | None = None,
    recipient: str | None = None,
    place: Place | None = None,
    backwards: bool = False,
    limit: int = 50,
) -> list[Delivery]:
    """Those that ended so, the newest first, at most `limit` that come behind `place`.

    `partitions`: only those about an item of these; one about no item is in none. `recipient`: the address as the
    mail had it, or all of it in lower case.
    """
    order = (deliveries.c.at, deliveries.c.notification_id, deliveries.c.recipient)
    query = select(*_FIELDS).where(deliveries.c.outcome.in_(list(outcomes)), _IS_LAST)
    if partitions is not None:
        query = query.where(_is_about(partitions))
    if server is not None:
        query = query.where(deliveries.c.server_id == server)
    if recipient is not None:
        query = query.where(deliveries.c.recipient.in_([recipient.strip(), recipient.strip().lower()]))
    query = cut(query, order, place, limit, descending=True, backwards=backwards)
    return [Delivery(**row) for row in connection.execute(query).mappings()]


def are_visible(connection: Connection, notification_ids: Collection[str], partitions: Collection[str]) -> bool:
    """Whether each of these is about an item of these partitions."""
    ids = select(deliveries.c.notification_id).distinct().where(_is_about(partitions))
    found = connection.scalars(ids.where(deliveries.c.notification_id.in_(list(notification_ids))))
    return set(found) == set(notification_ids)


def item_deliveries(connection: Connection, reference: str) -> list[Delivery]:
    """The last attempt to notify each recipient of one item, the oldest first."""
    query = select(*_FIELDS).where(deliveries.c.reference == reference, _IS_LAST)
    query = query.order_by(deliveries.c.at, deliveries.c.notification_id, deliveries.c.recipient)
    return [Delivery(**row) for row in connection.execute(query).mappings()]


def list_waiting(
    connection: Connection,
    *,
    partitions: Collection[str] | None = None,
    recipient: str | None = None,
    place: WaitingPlace | None = None,
    backwards: bool = False,
    limit: int = 50,
) -> list[WaitingDelivery]:
    """What is deferred, the soonest first, at most `limit` that come behind `place`. `partitions`: of these alone."""
    table = deferred_notifications
    order = (table.c.due_at, table.c.notification_id)
    first = (
        select(_earlier.c.notification_id)
        .where(
            _earlier.c.line == table.c.line,
            _earlier.c.topic_partition == table.c.topic_partition,
            _earlier.c.topic_offset < table.c.topic_offset,
        )
        .order_by(_earlier.c.topic_offset)
        .limit(1)
        .scalar_subquery()
    )
    query = select(table.c.notification_id, table.c.line, table.c.due_at, first.label("behind"))
    if partitions is not None:
        query = query.where(or_(false(), *(_begins_with(table.c.line, f"{one}/") for one in sorted(partitions))))
    if recipient is not None:
        query = query.where(table.c.line.endswith(f"/{recipient.strip().lower()}", autoescape=True))
    rows = connection.execute(cut(query, order, place, limit, backwards=backwards)).all()
    last = _last_attempts(connection, [row.notification_id for row in rows])
    return [
        WaitingDelivery(
            row.notification_id, *_parts(row.line), row.due_at, row.behind, last.get(row.notification_id, ())
        )
        for row in rows
    ]


def _parts(line: str) -> tuple[str, str]:
    partition, _, recipient = line.partition("/")
    return partition, recipient


def _begins_with(column: ColumnElement[str], text: str) -> ColumnElement[bool]:
    """Exactly so: SQLite's LIKE takes `IT` for `it`, and those are two partitions."""
    return func.substr(column, 1, len(text)) == text


def _is_about(partitions: Collection[str]) -> ColumnElement[bool]:
    """`reference` is the letter of the kind, a dash and the item's number."""
    number = cast(func.substr(deliveries.c.reference, 3), BigInteger)
    return and_(
        deliveries.c.reference.is_not(None),
        exists().where(items.c.id == number, items.c.partition.in_(sorted(partitions))),
    )


def _last_attempts(connection: Connection, ids: Collection[str]) -> dict[str, tuple[Delivery, ...]]:
    query = select(*_FIELDS).where(deliveries.c.notification_id.in_(list(ids)), _IS_LAST)
    found: dict[str, tuple[Delivery, ...]] = {}
    for row in connection.execute(query.order_by(deliveries.c.recipient)).mappings():
        one: Any = Delivery(**row)
        found[one.notification_id] = (*found.get(one.notification_id, ()), one)
    return found
