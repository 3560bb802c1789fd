"""The outbox uses no id again: whoever deletes a row that is gone already deletes no other. PostgreSQL never did.

SQLite goes on from the last row that is left, unless a table is made otherwise: it is made anew, with its rows.
"""

from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        with op.batch_alter_table("outbox", recreate="always", table_kwargs={"sqlite_autoincrement": True}):
            pass
