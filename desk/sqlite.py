"""The desk on SQLite, in one file that only its owner may read."""

import sqlite3
import time
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event

from desk.postgresql import POOL
from runtime.security.private_files import private_file, tighten_file

BUSY_TIMEOUT_SECONDS = 30
WRITES = "desk_writes"  # the execution option of a transaction that writes


def open_sqlite(url: URL, _autocommit: bool) -> Engine:
    arguments = {} if "timeout" in url.query else {"timeout": BUSY_TIMEOUT_SECONDS}
    engine = create_engine(url, connect_args=arguments, **POOL)

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
        writes = connection.get_execution_options().get(WRITES)
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
    """Puts a new file into WAL mode. If several do so at once, SQLite refuses all but one without waiting."""
    deadline = time.monotonic() + BUSY_TIMEOUT_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL").close()
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() >= deadline:
                raise
        time.sleep(0.01)
