"""Which offices, Screen Sets, IPK Statuses and the like the desk's persons and items hold. Read only."""

from collections.abc import Sequence

from sqlalchemy import Connection, select

from desk.tables import items, persons

_NEWEST = 1_000  # items that are looked at: what they no longer hold is not in use, and the page need not wait for more


def offices_in_use(connection: Connection, limit: int) -> tuple[str, ...]:
    """The persons' offices, each once, at most `limit`."""
    query = select(persons.c.office).distinct().where(persons.c.office != "").limit(limit)
    return tuple(connection.scalars(query))


def item_values_in_use(connection: Connection, columns: Sequence[str]) -> dict[str, frozenset[str]]:
    """By column what the newest items hold."""
    query = select(*(items.c[name] for name in columns)).order_by(items.c.id.desc()).limit(_NEWEST)
    rows = connection.execute(query).all()
    return {name: frozenset(row[place] for row in rows) for place, name in enumerate(columns)}
