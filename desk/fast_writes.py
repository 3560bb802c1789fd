"""Writes that go past SQLAlchemy, for what is written per message: bulk inserts, upserts, and connections for them.

Measured on 7 rows a message: COPY costs client and server together a fifth of what SQLAlchemy's insertmanyvalues does.
In its text format each character is looked at twice, for line ends and the like: 10 kB cost the client 10 us, not 0.3.
An upsert takes 0.035 ms through the driver, 0.105 ms through SQLAlchemy and its pool.
"""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from operator import attrgetter
from typing import Any

from sqlalchemy import Connection, Dialect, Engine, PoolProxiedConnection, Table
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine.interfaces import DBAPICursor

from desk.errors import desk_errors
from desk.prepared import driver_cursor

Row = Sequence[Any]
_Processor = tuple[int, Callable[[Any], Any]]
_POSTGRESQL = postgresql.dialect()  # type: ignore[no-untyped-call]
FEW = 3  # up to this many rows a prepared statement takes less time: COPY has three round trips


class BulkInsert:
    """Inserts rows of one table: tuples of the given columns, in that order. A row that exists already is an error."""

    def __init__(self, table: Table, columns: Sequence[str]) -> None:
        self._types = [table.c[name].type for name in columns]
        names = ", ".join(f'"{name}"' for name in columns)
        self._copy = f'COPY "{table.name}" ({names}) FROM STDIN (FORMAT BINARY)'
        self._type_names = [type_.compile(_POSTGRESQL).lower() for type_ in self._types]
        self._head = f'INSERT INTO "{table.name}" ({names}) VALUES '
        self._row = f"({', '.join(['%s'] * len(columns))})"
        self._processors: dict[str, tuple[_Processor, ...]] = {}

    def insert(self, connection: Connection, rows: Iterable[Row]) -> None:
        """Within the connection's transaction. Errors are the driver's: call it in `desk.engine.write_transaction`."""
        ready = self._processed(connection.dialect, rows)
        if not ready:
            return
        cursor = driver_cursor(connection)
        if connection.dialect.name != "postgresql":
            cursor.executemany(self._head + self._row.replace("%s", "?"), ready)
        elif len(ready) <= FEW:
            cursor.execute(self._head + ", ".join([self._row] * len(ready)), [*chain.from_iterable(ready)])
        else:
            with cursor.copy(self._copy) as copy:
                copy.set_types(self._type_names)
                for row in ready:
                    copy.write_row(row)

    def _processed(self, dialect: Dialect, rows: Iterable[Row]) -> list[Row]:
        """The rows with JSON and times as the driver wants them; only columns that need it cost anything."""
        processors = self._processors.get(dialect.name)
        if processors is None:
            found = ((i, type_.dialect_impl(dialect).bind_processor(dialect)) for i, type_ in enumerate(self._types))
            processors = tuple((i, processor) for i, processor in found if processor is not None)
            self._processors[dialect.name] = processors
        if not processors:
            return list(rows)
        ready: list[Row] = []
        for row in rows:
            values = list(row)
            for i, processor in processors:
                values[i] = processor(values[i])
            ready.append(values)
        return ready


class Upsert:
    """A statement and its values as the driver takes them: built by SQLAlchemy each time, it costs twice as much."""

    def __init__(self, table: Table, key: Sequence[str], condition: str, dialect: Dialect) -> None:
        names = [column.name for column in table.c]
        mark = "?" if dialect.paramstyle == "qmark" else "%s"
        self._row = f"({', '.join([mark] * len(names))})"
        self._head = f"INSERT INTO {table.name} ({', '.join(names)}) VALUES "
        changes = ", ".join(f"{name} = {_changed(table.name, name)}" for name in names if name not in key)
        self._tail = f" ON CONFLICT ({', '.join(key)}) DO UPDATE SET {changes} WHERE {condition}"
        self._own = attrgetter(*names)
        processors = [column.type.dialect_impl(dialect).bind_processor(dialect) for column in table.c]
        self._processors = [(place, one) for place, one in enumerate(processors) if one is not None]

    def of(self, rows: Sequence[Any]) -> tuple[str, Sequence[Any]]:
        values: list[Any] = []
        for row in rows:
            start = len(values)
            values += self._own(row)
            for place, process in self._processors:
                values[start + place] = process(values[start + place])
        return self._head + ", ".join([self._row] * len(rows)) + self._tail, values


def _changed(table: str, name: str) -> str:
    return f"COALESCE({table}.{name}, excluded.{name})" if name == "yields_at" else f"excluded.{name}"


class ConnectionCache:
    """Runs single statements, each committed on its own, of an engine with `autocommit`.

    They go to the driver as they are: SQLAlchemy and its pool cost as much CPU as the statement. There are as many
    connections as threads ever wrote at once, each with its cursor: a new one costs a tenth of a statement. After an
    error all are closed.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._idle: deque[tuple[PoolProxiedConnection, DBAPICursor]] = deque()

    def execute(self, statement: str, values: Sequence[Any]) -> None:
        """Durable when it returns. Errors as `desk.errors` says."""
        with desk_errors(self._engine):
            connection, cursor = self._take()
            try:
                cursor.execute(statement, values)
            except BaseException:
                connection.invalidate()
                while self._idle:
                    self._idle.pop()[0].invalidate()
                self._engine.dispose()  # those in its pool may be broken as well
                raise
            self._idle.append((connection, cursor))

    def close(self) -> None:
        """Return those to the pool that no thread uses now."""
        while self._idle:
            self._idle.pop()[0].close()

    def _take(self) -> tuple[PoolProxiedConnection, DBAPICursor]:
        try:
            return self._idle.pop()
        except IndexError:  # none is free
            connection = self._engine.raw_connection()
            return connection, connection.cursor()
