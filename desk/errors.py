"""The errors of the database. None of them quotes a value: rows hold the content of messages."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import errors as postgresql
from pydantic_core import PydanticSerializationError
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from runtime.outages import OutageError
from schemas.reasons import Reason


class DeskUrlError(ValueError):
    """The desk's URL is not one that can be used. The text never holds the URL: it may carry a password."""


class ConflictError(Exception):
    """Another process wrote the same rows at the same time: nothing was stored; the work on fresh state succeeds."""


class LockedError(OutageError):
    """Another process keeps rows locked for longer than any of our transactions takes: nothing was stored."""


class TablesMissingError(OutageError):
    """The database does not have the tables of this release yet."""


class UnstorableError(Exception):
    """A value that the database cannot hold, such as a NUL in a text or a number beyond 64 bits: nothing was stored."""


class DeskError(Exception):
    """A bug of ours, or a fault in the database's set-up: nothing was stored."""


_DRIVER = (psycopg.Error, sqlite3.Error)
# Operational errors, yet only this transaction's: the next attempt does not meet them.
_CONFLICTS = (postgresql.UniqueViolation, postgresql.DeadlockDetected, postgresql.SerializationFailure)
_UNSTORABLE = (psycopg.DataError, sqlite3.DataError, OverflowError, UnicodeEncodeError, PydanticSerializationError)
_LIMIT_EXCEEDED = (
    "54"  # SQLSTATE class: a row too large for its index. psycopg calls it operational; a retry never helps
)
# No operational errors to psycopg.
_ENDED = (postgresql.IdleInTransactionSessionTimeout, postgresql.TransactionTimeout)
_READ_ONLY = postgresql.ReadOnlySqlTransaction  # the server became a standby, or its disk is full
_AWAY = (psycopg.OperationalError, psycopg.InterfaceError, sqlite3.OperationalError, PoolTimeoutError)
_NO_TABLES = (postgresql.UndefinedTable, postgresql.UndefinedColumn)
_NO_SQLITE_TABLES = ("no such table", "no such column", "has no column named")
# SQLSTATE classes of which the message names the database's own things, never a value: connection, access and names,
# resources, state of an object, intervention, system; and that it is read-only.
_TELLING = ("08", "25006", "42", "53", "55", "57", "58")
_MOST_WORDS = 300


@contextmanager
def desk_errors(engine: Engine) -> Iterator[None]:
    """Turns errors of SQLAlchemy and the drivers into those above, or into `OutageError` if the database is
    unavailable.

    The original is dropped (`from None`): its text may quote rows. What the database says about itself is kept.
    """
    try:
        yield
    except DBAPIError as error:
        raise _translated(error.orig or error, engine) from None
    except (*_DRIVER, *_UNSTORABLE, PoolTimeoutError) as error:
        raise _translated(error, engine) from None


def tables_missing(engine: Engine) -> TablesMissingError:
    return TablesMissingError(
        Reason.DATABASE_AWAY,
        f"the desk's database {_place(engine)} does not have the tables of this release yet: "
        "the logger creates them when it starts",
        "Start the logger (`python -m logger`); if it runs, check that it has the same MAILCALL_DESK_URL.",
    )


def _translated(error: BaseException, engine: Engine) -> Exception:
    name = type(error).__name__
    if isinstance(error, _CONFLICTS) or _is_sqlite_duplicate(error):
        return ConflictError(f"the desk was changed by another process at the same moment ({name})")
    state: str | None = getattr(error, "sqlstate", None)
    if isinstance(error, _UNSTORABLE) or (state or "").startswith(_LIMIT_EXCEEDED):
        return UnstorableError(f"a value that the desk's database cannot hold ({name})")
    if isinstance(error, postgresql.LockNotAvailable):
        text = f"rows of the desk stay locked by another process ({name}): one of them may be frozen"
        return LockedError(Reason.DATABASE_AWAY, text)
    if isinstance(error, _ENDED):
        text = f"this process was frozen within a transaction, which the desk's database ended ({name})"
        return OutageError(Reason.DATABASE_AWAY, text)
    if isinstance(error, _READ_ONLY):
        engine.dispose()  # its sessions stay so, when others may write again
    if isinstance(error, _NO_TABLES) or _is_sqlite_without_tables(error):
        return tables_missing(engine)
    words = _words(error) or name
    if isinstance(error, (*_AWAY, _READ_ONLY)):
        return OutageError(Reason.DATABASE_AWAY, f"the desk's database {_place(engine)} cannot be used: {words}")
    kind = f"{name}, SQLSTATE {state}" if state else name
    return DeskError(f"the desk's database {_place(engine)} refused a statement ({kind}): {words}")


def _is_sqlite_duplicate(error: BaseException) -> bool:
    return isinstance(error, sqlite3.IntegrityError) and error.sqlite_errorname in (
        "SQLITE_CONSTRAINT_PRIMARYKEY",
        "SQLITE_CONSTRAINT_UNIQUE",
    )


def _is_sqlite_without_tables(error: BaseException) -> bool:
    return isinstance(error, sqlite3.OperationalError) and any(words in str(error) for words in _NO_SQLITE_TABLES)


def _place(engine: Engine) -> str:
    """Where the database is. Without its query, in which a password may stand, too."""
    return engine.url.set(query={}).render_as_string(hide_password=True)


def _words(error: BaseException) -> str:
    """The database's own, where they hold no row and no secret: on one line, else empty.

    Without an SQLSTATE they are libpq's, about the connection, in which it names host, user and database. SQLite's
    operational errors name a table or a state at most.
    """
    text = ""
    if isinstance(error, psycopg.Error):
        state = error.sqlstate
        if state is None:
            text = str(error).removeprefix("connection failed: ")
        elif state.startswith(_TELLING):
            text = error.diag.message_primary or ""
    elif isinstance(error, sqlite3.OperationalError | PoolTimeoutError):
        text = str(error)
    return " ".join(text.split())[:_MOST_WORDS]
