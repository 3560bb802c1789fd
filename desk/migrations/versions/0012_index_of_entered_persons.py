"""An index of the persons whom no mail has made: there may be few of them among very many."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    entered: sa.ColumnElement[bool] = sa.literal_column("id NOT LIKE 'm-%'")
    op.create_index("persons_entered_idx", "persons", ["id"], postgresql_where=entered, sqlite_where=entered)
