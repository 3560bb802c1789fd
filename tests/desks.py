"""Desks to start a test from. Their tables are made once, and copied or emptied: migrating takes its time."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest import mock

import psycopg
from sqlalchemy import Connection, Engine, create_engine, event, text

from deploy.local.servers.database import Database
from desk.engine import open_desk
from desk.migrate import upgrade
from desk.prepared import driver_cursor
from desk.tables import metadata


def new_desk(file: Path) -> str:
    """URL of a desk in this SQLite file, which is made: every table, no row."""
    file.write_bytes(_empty_desk())
    return f"sqlite:///{file}"


@contextmanager
def new_database(database: Database) -> Iterator[str]:
    """SQLAlchemy's URL of a PostgreSQL database of one's own, empty."""
    name = f"t_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(database.dsn(), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
        yield database.url(name)
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


class _Noting:
    """A driver's cursor that notes what it executes."""

    def __init__(self, cursor: Any, texts: list[str]) -> None:
        self._cursor, self._texts = cursor, texts

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cursor, name)

    def execute(self, text: str, *values: Any) -> Any:
        self._texts.append(text)
        return self._cursor.execute(text, *values)


@contextmanager
def noted_statements(engine: Engine) -> Iterator[list[str]]:
    """The text of each statement that is run in the block, through SQLAlchemy or past it; bulk inserts are left out."""
    texts: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        texts.append(statement)

    def noting(connection: Connection) -> Any:
        return _Noting(driver_cursor(connection), texts)

    event.listen(engine, "before_cursor_execute", note)
    with mock.patch("desk.prepared.driver_cursor", noting):
        yield texts
    event.remove(engine, "before_cursor_execute", note)


def make_tables(url: str) -> None:
    engine = open_desk(url)
    upgrade(engine)
    engine.dispose()


def empty_tables(url: str) -> None:
    """Take every row out of a desk on PostgreSQL, and begin its numbers anew. Whoever was left connected is cut off."""
    engine = create_engine(url)
    with engine.begin() as connection:
        others = "datname = current_database() AND pid <> pg_backend_pid()"
        connection.execute(text(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}"))
        names = ", ".join(metadata.tables)
        connection.execute(text(f"TRUNCATE {names} RESTART IDENTITY"))
    engine.dispose()


@cache
def _empty_desk() -> bytes:
    with TemporaryDirectory() as directory:
        file = Path(directory, "desk.db")
        make_tables(f"sqlite:///{file}")
        return file.read_bytes()  # whole: the last connection has gone, and the write-ahead log with it
