"""The way to the desk's database: PostgreSQL by psycopg 3, or SQLite in one file."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Self

from pydantic import field_validator
from sqlalchemy import URL, Connection, Engine, make_url
from sqlalchemy.exc import ArgumentError

from desk.errors import DeskUrlError, desk_errors
from desk.postgresql import bound, libpq_options, open_postgresql, prefer_indexes
from desk.sqlite import WRITES, open_sqlite
from runtime.config import ProcessConfig

_OPENERS: Mapping[str, Callable[[URL, bool], Engine]] = {
    "postgresql+psycopg": open_postgresql,
    "sqlite": open_sqlite,
    "sqlite+pysqlite": open_sqlite,
}


def check_url(url: str | URL) -> URL:
    """The URL taken apart, if it is of a database that the desk can be kept in. Raises `DeskUrlError`."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):  # the latter for a port that is no number, which may be half of a password
        raise DeskUrlError("cannot be read as a URL; it has the form postgresql+psycopg://user@host/name") from None
    if parsed.drivername not in _OPENERS:
        raise DeskUrlError(f"{parsed.drivername!r} is no database for the desk; it is one of {', '.join(_OPENERS)}")
    if parsed.drivername.startswith("postgresql") and not parsed.query.keys() <= libpq_options():
        raise DeskUrlError(
            "an option behind its question mark is none of PostgreSQL's; leave it out, or correct its name"
        )
    return parsed


def open_desk(
    url: str | URL, *, autocommit: bool = False, answer_seconds: float | None = None, by_keys: bool = False
) -> Engine:
    """An engine for `postgresql+psycopg://...` or `sqlite:///...`. Connects only when first used.

    `autocommit`: on PostgreSQL each statement is a transaction of its own, which saves two round trips.
    `answer_seconds`: PostgreSQL's time-out for each statement, if a person waits for it; None: no time-out.
    `by_keys`: what is read is looked up by keys, so that no table is ever to be read as a whole.
    Raises `DeskUrlError` on any other URL.
    """
    parsed = check_url(url)
    engine = _OPENERS[parsed.drivername](parsed, autocommit)
    if answer_seconds is not None and parsed.drivername.startswith("postgresql"):
        bound(engine, answer_seconds)
    if by_keys and parsed.drivername.startswith("postgresql"):
        prefer_indexes(engine)
    return engine


@contextmanager
def read_transaction(engine: Engine) -> Iterator[Connection]:
    """One read-only transaction. Errors leave as `desk.errors` says."""
    with desk_errors(engine), engine.connect() as connection:
        yield connection


@contextmanager
def write_transaction(engine: Engine) -> Iterator[Connection]:
    """One transaction that writes: committed at the end, rolled back on any exception. Errors as `desk.errors` says.

    On SQLite it takes the write lock at once, since a reader that begins to write later may fail at any moment.
    """
    with desk_errors(engine), engine.connect() as connection:
        connection.execution_options(**{WRITES: True})
        with connection.begin():
            yield connection


class DeskConfig(ProcessConfig):
    """Says at the start, and not when the desk is first used, that `desk_url` is no URL of a desk."""

    @field_validator("desk_url")
    @classmethod
    def _is_desk_url(cls: type[Self], url: str) -> str:
        check_url(url)
        return url
