"""Single statements that go past SQLAlchemy, each committed on its own: the upserts of ledgers, and their connections.

An upsert takes 0.010 ms of CPU through libpq, 0.030 ms through psycopg, 0.105 ms through SQLAlchemy and its pool.
"""

from collections import deque
from collections.abc import Sequence
from operator import attrgetter
from typing import Any, NamedTuple, cast

import psycopg
from psycopg.errors import error_from_result
from psycopg.pq import ConnStatus, ExecStatus
from psycopg.pq.abc import PGconn, PGresult
from sqlalchemy import Dialect, Engine, PoolProxiedConnection, Table, Text

from desk.errors import desk_errors

USUAL_ROWS = 8  # of an upsert: as many connections of one server are done together, or recipients of one message
_PREPARED = "mailcall_prepared"  # the key of a connection's `info`: the name of each statement prepared on it


class Statement(NamedTuple):
    """One statement with its values as the driver takes them.

    `formats`: of each value, to PostgreSQL: 0 is text, 1 binary. `is_usual`: it comes again and again.
    """

    text: str
    values: Sequence[Any]
    formats: Sequence[int]
    is_usual: bool


class Upsert:
    """Writes rows of one table; one whose key exists is changed where `condition` holds.

    Built by SQLAlchemy each time, a statement costs twice as much.
    """

    def __init__(self, table: Table, key: Sequence[str], condition: str, dialect: Dialect) -> None:
        names = [column.name for column in table.c]
        types = [column.type for column in table.c]
        self._mark = "$%d" if dialect.name == "postgresql" else "?"
        self._head = f"INSERT INTO {table.name} ({', '.join(names)}) VALUES "
        changes = ", ".join(f"{name} = {_changed(table.name, name)}" for name in names if name not in key)
        self._tail = f" ON CONFLICT ({', '.join(key)}) DO UPDATE SET {changes} WHERE {condition}"
        self._own = attrgetter(*names)
        self._formats = [int(isinstance(type_, Text)) for type_ in types]  # a NUL would end what is sent as text
        self._texts = {count: self._text(count) for count in range(1, USUAL_ROWS + 1)}
        self._processors = [type_.dialect_impl(dialect).bind_processor(dialect) or _as_it_is for type_ in types]
        self._values = self._as_bytes if dialect.name == "postgresql" else self._processed

    def of(self, rows: Sequence[Any]) -> Statement:
        """`rows` have the table's columns as attributes."""
        count = len(rows)
        text = self._texts.get(count) or self._text(count)
        return Statement(text, self._values(rows), self._formats * count, count <= USUAL_ROWS)

    def _as_bytes(self, rows: Sequence[Any]) -> list[Any]:
        """As PostgreSQL reads texts, numbers and times."""
        return [None if value is None else str(value).encode() for row in rows for value in self._own(row)]

    def _processed(self, rows: Sequence[Any]) -> list[Any]:
        return [process(value) for row in rows for process, value in zip(self._processors, self._own(row), strict=True)]

    def _text(self, rows: int) -> str:
        width = len(self._formats)
        marks = [self._mark.replace("%d", str(number)) for number in range(1, rows * width + 1)]
        lists = (f"({', '.join(marks[start : start + width])})" for start in range(0, len(marks), width))
        return self._head + ", ".join(lists) + self._tail


def _as_it_is(value: Any) -> Any:
    return value


def _changed(table: str, name: str) -> str:
    return f"COALESCE({table}.{name}, excluded.{name})" if name == "yields_at" else f"excluded.{name}"


class ConnectionCache:
    """Runs single statements, each committed on its own, of an engine with `autocommit`.

    They go to the driver as they are: SQLAlchemy and its pool cost as much CPU as the statement. There are as many
    connections as threads ever wrote at once. After an error all are closed.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._open = _Libpq if engine.dialect.name == "postgresql" else _Cursor
        self._idle: deque[_Libpq | _Cursor] = deque()

    def execute(self, statement: Statement) -> None:
        """Durable when it returns. Errors as `desk.errors` says."""
        with desk_errors(self._engine):
            connection = self._take()
            try:
                connection.execute(statement)
            except BaseException:
                connection.pooled.invalidate()
                while self._idle:
                    self._idle.pop().pooled.invalidate()
                self._engine.dispose()  # those in its pool may be broken as well
                raise
            self._idle.append(connection)

    def close(self) -> None:
        """Return those to the pool that no thread uses now."""
        while self._idle:
            self._idle.pop().pooled.close()

    def _take(self) -> "_Libpq | _Cursor":
        try:
            return self._idle.pop()
        except IndexError:  # none is free
            return self._open(self._engine.raw_connection())


class _Cursor:
    """A connection with its cursor: a new one costs a tenth of a statement."""

    def __init__(self, connection: PoolProxiedConnection) -> None:
        self.pooled = connection
        self._cursor = connection.cursor()

    def execute(self, statement: Statement) -> None:
        self._cursor.execute(statement.text, statement.values)


class _Libpq:
    """A connection of psycopg's, past its cursors: they take twice as much CPU as sending, waiting and receiving."""

    def __init__(self, connection: PoolProxiedConnection) -> None:
        self.pooled = connection
        self._libpq: PGconn = cast(psycopg.Connection[Any], connection.driver_connection).pgconn
        self._prepared: dict[str, bytes] = connection.info.setdefault(_PREPARED, {})

    def execute(self, statement: Statement) -> None:
        """Raises `psycopg.Error`."""
        text, values, formats, is_usual = statement
        if is_usual:
            name = self._prepared.get(text) or self._prepare(text)
            self._check(self._libpq.exec_prepared(name, values, formats))
        else:
            self._check(self._libpq.exec_params(text.encode(), values, param_formats=formats))

    def _prepare(self, text: str) -> bytes:
        name = b"%s_%d" % (_PREPARED.encode(), len(self._prepared))
        self._check(self._libpq.prepare(name, text.encode()))
        self._prepared[text] = name
        return name

    def _check(self, result: PGresult) -> None:
        if result.status == ExecStatus.COMMAND_OK:
            return
        if self._libpq.status == ConnStatus.BAD:
            raise psycopg.OperationalError(self._libpq.get_error_message())
        raise error_from_result(result)
