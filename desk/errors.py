"""What can go wrong with the database, in three kinds. None of them quotes a value: rows hold the content of mails."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import errors as postgresql
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from runtime.outcomes import OutageError
from schemas.reasons import Reason


class DeskUrlError(ValueError):
    """The desk's URL is not one that can be used. The text never holds the URL: it may carry a password."""


class ConflictError(Exception):
    """Somebody else wrote the same rows at the same time: nothing was stored; the same work on fresh state succeeds."""


class LockedError(OutageError):
    """Somebody else keeps rows locked for longer than any transaction of ours takes: nothing was stored."""


class UnstorableError(Exception):
    """A value that the database cannot hold, such as a NUL in a text or a number beyond 64 bits: nothing was stored."""


class DeskError(Exception):
    """A fault of ours or of the database's set-up: nothing was stored."""


_DRIVER = (psycopg.Error, sqlite3.Error)
# Operational errors, yet only this transaction's: the next attempt does not meet them.
_CONFLICTS = (postgresql.UniqueViolation, postgresql.DeadlockDetected, postgresql.SerializationFailure)
_UNSTORABLE = (psycopg.DataError, sqlite3.DataError, OverflowError, UnicodeEncodeError)
_LIMIT_EXCEEDED = (
    "54"  # SQLSTATE class: a row too large for its index. psycopg calls it operational; a retry never helps
)
_ENDED = postgresql.IdleInTransactionSessionTimeout  # no operational error to psycopg
_AWAY = (psycopg.OperationalError, psycopg.InterfaceError, sqlite3.OperationalError, PoolTimeoutError)


@contextmanager
def desk_errors() -> Iterator[None]:
    """Turns errors of SQLAlchemy and the drivers into those above, or into `OutageError` where the database is away.

    The original is cut off (`from None`): its text may quote rows.
    """
    try:
        yield
    except DBAPIError as error:
        raise _translated(error.orig or error) from None
    except (*_DRIVER, *_UNSTORABLE, PoolTimeoutError) as error:
        raise _translated(error) from None


def _translated(error: BaseException) -> Exception:
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
        text = f"this process stood still within a transaction, which the desk's database ended ({name})"
        return OutageError(Reason.DATABASE_AWAY, text)
    if isinstance(error, _AWAY):
        return OutageError(
            Reason.DATABASE_AWAY,
            f"the desk's database does not answer ({name}{_sqlite_text(error)}): "
            "check MAILCALL_DESK_URL and the database",
        )
    return DeskError(f"the desk's database refused a statement ({name}{f', SQLSTATE {state}' if state else ''})")


def _is_sqlite_duplicate(error: BaseException) -> bool:
    return isinstance(error, sqlite3.IntegrityError) and error.sqlite_errorname in (
        "SQLITE_CONSTRAINT_PRIMARYKEY",
        "SQLITE_CONSTRAINT_UNIQUE",
    )


def _sqlite_text(error: BaseException) -> str:
    """SQLite's operational errors name a table or a state at most, and say more than their class."""
    return f": {error}" if isinstance(error, sqlite3.OperationalError) else ""
