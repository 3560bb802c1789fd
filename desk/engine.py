"""The way to the desk's database: PostgreSQL by psycopg 3, or SQLite in one file."""

import sqlite3
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import URL, Connection, Engine, PoolProxiedConnection, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError

from desk.bounded import BoundedConnection
from desk.errors import DeskUrlError, desk_errors
from runtime.private_files import private_file, tighten_file

APPLICATION = "mailcall"  # our name at PostgreSQL
BUSY_TIMEOUT_SECONDS = 30
_WRITES = "desk_writes"

# Each thread gets a connection: one that had to wait for another's would take that for an outage.
_ENGINE: Mapping[str, Any] = {"hide_parameters": True, "max_overflow": -1}
# A database host that is gone without a word is noticed within half a minute.
_POSTGRESQL: dict[str, Any] = {
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 25_000,
    "application_name": APPLICATION,
}
# What the server does about a client that is gone, or frozen, within a transaction: it ends it, and so lets go of its
# locks. Whoever waits for them is told after a time that is longer than this takes.
_SESSION: Mapping[str, str] = {
    "timezone": "UTC",
    "idle_in_transaction_session_timeout": "30s",
    "lock_timeout": "60s",
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
}
# pglz, the default, costs ten times the CPU of lz4; a server built without lz4 keeps its default.
_LZ4 = (
    "SELECT set_config(name, 'lz4', false) FROM pg_settings "
    "WHERE name = 'default_toast_compression' AND 'lz4' = ANY(enumvals)"
)


def check_url(url: str | URL) -> URL:
    """The URL taken apart, if it is of a database that the desk can be kept in. Raises `DeskUrlError`."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):  # the latter for a port that is no number, which may be half of a password
        raise DeskUrlError("cannot be read as a URL; it has the form postgresql+psycopg://user@host/name") from None
    if parsed.drivername not in _OPENERS:
        raise DeskUrlError(f"{parsed.drivername!r} is no database for the desk; it is one of {', '.join(_OPENERS)}")
    if parsed.drivername.startswith("postgresql") and not parsed.query.keys() <= _libpq_options():
        raise DeskUrlError(
            "an option behind its question mark is none of PostgreSQL's; leave it out, or correct its name"
        )
    return parsed


def open_desk(url: str | URL, *, autocommit: bool = False, answer_seconds: float | None = None) -> Engine:
    """An engine for `postgresql+psycopg://...` or `sqlite:///...`. Connects only when first used.

    `autocommit`: on PostgreSQL each statement is a transaction of its own, which saves two round trips.
    `answer_seconds`: so long PostgreSQL has for each statement, for whoever keeps somebody waiting; None: as it needs.
    Raises `DeskUrlError` on any other URL.
    """
    parsed = check_url(url)
    engine = _OPENERS[parsed.drivername](parsed, autocommit)
    if answer_seconds is not None and parsed.drivername.startswith("postgresql"):
        _bound(engine, answer_seconds)
    return engine


@contextmanager
def read_transaction(engine: Engine) -> Iterator[Connection]:
    """One read-only look at the desk. Errors leave as `desk.errors` says."""
    with desk_errors(engine), engine.connect() as connection:
        yield connection


@contextmanager
def write_transaction(engine: Engine) -> Iterator[Connection]:
    """One transaction that writes: committed at the end, rolled back on any exception. Errors as `desk.errors` says.

    On SQLite it takes the write lock at once, since a reader that begins to write later may fail at any moment.
    """
    with desk_errors(engine), engine.connect() as connection:
        connection.execution_options(**{_WRITES: True})
        with connection.begin():
            yield connection


@cache
def _libpq_options() -> frozenset[str]:
    return frozenset(option.keyword.decode() for option in psycopg.pq.Conninfo.get_defaults())


class ConnectionCache:
    """For single statements again and again, each committed by itself, of an engine with `autocommit`.

    The driver is given them as they are: SQLAlchemy and its pool cost as much CPU as the statement. There are as many
    connections as threads ever wrote at once. After an error all are thrown away.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._idle: deque[PoolProxiedConnection] = deque()

    def execute(self, statement: str, values: Sequence[Any]) -> None:
        """Durable when it returns. Errors as `desk.errors` says."""
        with desk_errors(self._engine):
            connection = self._take()
            try:
                connection.driver_connection.execute(statement, values).close()  # type: ignore[union-attr]
            except BaseException:
                connection.invalidate()
                while self._idle:
                    self._idle.pop().invalidate()
                self._engine.dispose()  # those in its pool may be broken as well
                raise
            self._idle.append(connection)

    def close(self) -> None:
        """Give those back that no thread uses now."""
        while self._idle:
            self._idle.pop().close()

    def _take(self) -> PoolProxiedConnection:
        try:
            return self._idle.pop()
        except IndexError:  # none is free
            return self._engine.raw_connection()


def _postgresql(url: URL, autocommit: bool) -> Engine:
    options = " ".join(f"-c {name}={value}" for name, value in _SESSION.items())
    arguments = {name: value for name, value in _POSTGRESQL.items() if name not in url.query}
    connect_args = {"options": options, **arguments}
    isolation: dict[str, Any] = {"isolation_level": "AUTOCOMMIT"} if autocommit else {}
    engine = create_engine(url, connect_args=connect_args, **_ENGINE, **isolation)

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        connection.execute(_LZ4)
        connection.commit()

    return engine


def _bound(engine: Engine, answer_seconds: float) -> None:
    @event.listens_for(engine, "do_connect")
    def _connect(_dialect: Any, _record: Any, arguments: Any, options: Any) -> BoundedConnection:
        connection = BoundedConnection.connect(*arguments, **options)
        connection.answer_seconds = answer_seconds
        return connection


def _sqlite(url: URL, _autocommit: bool) -> Engine:
    arguments = {} if "timeout" in url.query else {"timeout": BUSY_TIMEOUT_SECONDS}
    engine = create_engine(url, connect_args=arguments, **_ENGINE)

    @event.listens_for(engine, "do_connect")
    def _keep_private(_dialect: Any, _record: Any, arguments: Any, _options: Any) -> None:
        _private_database(arguments[0])

    @event.listens_for(engine, "connect")
    def _prepare(connection: sqlite3.Connection, _record: Any) -> None:
        connection.isolation_level = None  # the driver would begin and commit on its own; `_begin` does it here
        _write_ahead(connection)
        for pragma in ("synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}").close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get(_WRITES)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _private_database(name: str) -> None:
    """SQLite gives its journals the mode that the database has when they are made."""
    if name == ":memory:" or name.startswith("file:"):  # of a URI the umask alone takes care
        return
    try:
        private_file(Path(name))
    except OSError:
        return  # the driver, which comes next, says what is wrong
    for journal in ("-wal", "-shm"):
        tighten_file(Path(name + journal))


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Puts a new file into WAL mode. Of several at once SQLite turns all but one away, without waiting."""
    deadline = time.monotonic() + BUSY_TIMEOUT_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL").close()
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() >= deadline:
                raise
        time.sleep(0.01)


_OPENERS: Mapping[str, Callable[[URL, bool], Engine]] = {
    "postgresql+psycopg": _postgresql,
    "sqlite": _sqlite,
    "sqlite+pysqlite": _sqlite,
}
