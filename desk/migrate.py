"""Brings the desk's tables up to this release, in the process itself.

Migrations only add, drop an index that no release uses, or make a table anew with its columns, so that processes of the
release before work on while a new one is rolled out.
"""

import time
from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, text

from desk.engine import read_transaction, write_transaction
from desk.errors import tables_missing

MIGRATIONS = Path(__file__).parent / "migrations"
# Oldest first, by the names of their files: `0008_what_it_does.py` is revision 0008.
REVISIONS = tuple(sorted(file.name.partition("_")[0] for file in (MIGRATIONS / "versions").glob("[0-9]*.py")))
_LOCK = 0x6D61696C63616C6C  # "mailcall": the key of PostgreSQL's advisory lock
_POLL_SECONDS = 0.2


def upgrade(engine: Engine) -> None:
    """Runs every migration that is missing, in one transaction; of several loggers starting at once, one does it.

    Raises `OutageError` if the database is unavailable.
    """
    with write_transaction(engine) as connection:  # on SQLite this is the lock
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        if _is_behind(connection):
            _run_migrations(connection)


def wait_until_current(engine: Engine, seconds: float = 30) -> None:
    """Returns once the tables are those of this release or a newer one. The logger creates them.

    Raises `OutageError` where they are not within `seconds`, or if the database is unavailable.
    """
    deadline = time.monotonic() + seconds
    while True:
        with read_transaction(engine) as connection:
            if not _is_behind(connection):
                return
        if time.monotonic() >= deadline:
            raise tables_missing(engine)
        time.sleep(_POLL_SECONDS)


def _run_migrations(connection: Connection) -> None:
    # Imported where there are some to run: Alembic is 8 MB and a tenth of the start of each process.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _is_behind(connection: Connection) -> bool:
    """Whether migrations of this release are missing. A revision that this release does not know is a newer one's."""
    revision = _revision(connection)
    return revision is None or (revision in REVISIONS and revision != REVISIONS[-1])


def _revision(connection: Connection) -> str | None:
    """As Alembic has noted it in the database; None where it has never migrated there."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return revision
