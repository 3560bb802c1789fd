"""Brings the desk's tables up to this release, in the process itself.

Migrations only add, so that processes of the release before work on while a new one is rolled out.
"""

import time
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

from desk.engine import read_transaction, write_transaction
from desk.errors import tables_missing

_LOCK = 0x6D61696C63616C6C  # "mailcall": the key of PostgreSQL's advisory lock
_POLL_SECONDS = 0.2


def upgrade(engine: Engine) -> None:
    """Runs every migration that is missing, in one transaction; of several loggers starting at once, one does it.

    Raises `OutageError` if the database is unavailable.
    """
    config = _config()
    with write_transaction(engine) as connection:  # on SQLite this is the lock
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        if _is_behind(connection, ScriptDirectory.from_config(config)):
            config.attributes["connection"] = connection
            command.upgrade(config, "head")


def wait_until_current(engine: Engine, seconds: float = 30) -> None:
    """Returns once the tables are those of this release or a newer one. The logger creates them.

    Raises `OutageError` where they are not within `seconds`, or if the database is unavailable.
    """
    script = ScriptDirectory.from_config(_config())
    deadline = time.monotonic() + seconds
    while True:
        with read_transaction(engine) as connection:
            if not _is_behind(connection, script):
                return
        if time.monotonic() >= deadline:
            raise tables_missing(engine)
        time.sleep(_POLL_SECONDS)


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config


def _is_behind(connection: Connection, script: ScriptDirectory) -> bool:
    """Whether migrations of this release are missing. A revision that this release does not know is a newer one's."""
    revision = MigrationContext.configure(connection).get_current_revision()
    known = {one.revision for one in script.walk_revisions()}
    return revision is None or (revision in known and revision != script.get_current_head())
