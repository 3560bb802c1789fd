"""The transactional outbox: records about a transaction are stored in it, published after it, then deleted.

One row per transaction, all its records in one text: a row per record would cost more than the records themselves.
"""

import json
from collections.abc import Callable, Sequence
from datetime import datetime

from pydantic_core import to_json
from sqlalchemy import Connection, Engine, bindparam, delete, insert, select

from desk.engine import read_transaction, write_transaction
from desk.prepared import Prepared
from desk.queries import any_of
from desk.tables import outbox
from schemas.topics import BY_SHORT_NAME
from schemas.wire import OutputRecord

Publish = Callable[[Sequence[OutputRecord]], None]

_INSERT = insert(outbox).values(created_at=bindparam("now"), messages=bindparam("packed")).returning(outbox.c.id)
_DISCARD = delete(outbox).where(any_of(outbox.c.id))
_ADD, _DELETE = Prepared(_INSERT), Prepared(_DISCARD)
_REPLACE = Prepared(_INSERT.add_cte(_DISCARD.cte("published")))  # SQLite deletes nothing in a common table expression
_OLDEST = select(outbox.c.id, outbox.c.messages).order_by(outbox.c.id).limit(1)


def replace(connection: Connection, published: Sequence[int], messages: Sequence[OutputRecord], now: datetime) -> int:
    """Stores the messages as one row and returns its id, 0 without any. Rows that have been `published` are deleted."""
    if not messages:
        discard(connection, published)
        return 0
    values = {"now": now, "packed": pack(messages)}
    if connection.dialect.name == "postgresql":
        (row,) = _REPLACE.rows(connection, keys=published, **values)
    else:
        discard(connection, published)
        (row,) = _ADD.rows(connection, **values)
    row_id: int = row.id
    return row_id


def discard(connection: Connection, rows: Sequence[int]) -> None:
    """After their messages have been published."""
    if rows:
        _DELETE.rows(connection, keys=rows)


def relay(engine: Engine, publish: Publish, older_than: datetime) -> int:
    """Publishes the rows of a logger that died or lost its broker, oldest first; returns how many.

    Rows younger than `older_than` belong to a logger at work. Whatever `publish` raises passes through, and the row
    stays. Two relays at once leave each other's rows alone (PostgreSQL) or publish twice (SQLite), which is harmless:
    ids are derived, so that readers recognise a record that is redelivered.
    """
    rows = 0
    while _relay_one(engine, publish, older_than):
        rows += 1
    return rows


def _relay_one(engine: Engine, publish: Publish, older_than: datetime) -> bool:
    query = _OLDEST.where(outbox.c.created_at < older_than)
    if engine.dialect.name == "sqlite":  # a write lock during `publish` would stop every logger
        with read_transaction(engine) as connection:
            row = connection.execute(query).one_or_none()
        if row is not None:
            publish(unpack(row.messages))
            with write_transaction(engine) as connection:
                discard(connection, [row.id])
        return row is not None
    with write_transaction(engine) as connection:
        row = connection.execute(query.with_for_update(skip_locked=True)).one_or_none()
        if row is not None:
            publish(unpack(row.messages))
            discard(connection, [row.id])
        return row is not None


def pack(messages: Sequence[OutputRecord]) -> str:
    """JSON: a list of [topic, key, value or null, [[header, value], ...]]. Values and headers are UTF-8 already."""
    rows = [(message.topic.short, message.key, message.value, message.headers) for message in messages]
    return to_json(rows).decode()


def unpack(packed: str) -> list[OutputRecord]:
    return [
        OutputRecord(
            BY_SHORT_NAME[topic],
            key,
            None if value is None else value.encode(),
            tuple((name, text.encode()) for name, text in headers),
        )
        for topic, key, value, headers in json.loads(packed)
    ]
