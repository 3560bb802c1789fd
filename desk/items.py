"""Calls, tasks and requests as a list. Read only; one item with all of its own is in `item_detail.py`."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, Select, func, select

from desk.item_references import parse_reference, reference
from desk.queries import cut, holds, words
from desk.tables import items, persons
from schemas.events import ItemKind

ItemStatus = Literal["open", "closed"]
_NEWEST = 1_000  # items that are looked at: what they no longer hold is not in use, and the page need not wait for more


@dataclass(frozen=True, slots=True)
class ItemSummary:
    """One item in a list. `user_name` is empty where the person has no name."""

    reference: str
    kind: ItemKind
    partition: str
    status: ItemStatus
    subject: str
    user: str
    user_name: str
    logging_analyst: str
    priority: str
    opened_at: datetime


_LINE = tuple(name for name in ItemSummary.__slots__ if name in items.c)


def list_items(
    connection: Connection,
    *,
    kind: ItemKind | None = None,
    partition: str | None = None,
    partitions: Collection[str] | None = None,
    status: ItemStatus | None = None,
    user: str | None = None,
    logging_analyst: str | None = None,
    subject: str = "",
    place: str | None = None,
    backwards: bool = False,
    limit: int = 50,
) -> list[ItemSummary]:
    """The newest items first, at most `limit` that come behind the one with the reference `place`.

    `backwards`: those before it, the oldest first.

    `user`, `logging_analyst`: ids of persons. `subject`: words that all stand in it. `partitions`: of these alone, and
    of none where it is empty.
    """
    query = select_items(*(items.c[name] for name in _LINE))
    given = {
        items.c.kind: kind,
        items.c.partition: partition,
        items.c.status: status,
        items.c.user_id: user,
        items.c.logging_analyst: logging_analyst,
    }
    query = query.where(*(column == value for column, value in given.items() if value is not None))
    query = query.where(*(holds(func.lower(items.c.subject), word) for word in words(subject)))
    if partitions is not None:
        query = query.where(items.c.partition.in_(sorted(partitions)))
    parsed = parse_reference(place) if place else None
    query = cut(query, [items.c.id], parsed and parsed[1:], limit, descending=True, backwards=backwards)
    return [
        ItemSummary(**names_of(row), **{name: row[name] for name in _LINE})
        for row in connection.execute(query).mappings()
    ]


def item_values_in_use(connection: Connection, columns: Sequence[str]) -> dict[str, frozenset[str]]:
    """By column what the newest items hold."""
    query = select(*(items.c[name] for name in columns)).order_by(items.c.id.desc()).limit(_NEWEST)
    rows = connection.execute(query).all()
    return {name: frozenset(row[place] for row in rows) for place, name in enumerate(columns)}


def select_items(*columns: Any) -> Select[Any]:
    """These columns of items, with their User's name."""
    return select(items.c.id, items.c.user_id, persons.c.first_name, persons.c.last_name, *columns).outerjoin_from(
        items, persons, persons.c.id == items.c.user_id
    )


def names_of(row: Mapping[Any, Any]) -> dict[str, Any]:
    """The fields that are not a column of their own."""
    return {
        "reference": reference(row["kind"], row["id"]),
        "user": row["user_id"],
        "user_name": f"{row['first_name'] or ''} {row['last_name'] or ''}".strip(),
    }
