"""Desks to start a test from. Their tables are made once, and copied or emptied: migrating takes its time."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
from sqlalchemy import create_engine, text

from deploy.local.servers.database import Database
from desk.engine import open_desk
from desk.migrate import upgrade
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
