"""Whether 0.1 may have logged messages into this desk: not where there are none yet."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.create_table(
        "former_versions",
        sa.Column("version", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("version", name="former_versions_pkey"),
    )
    op.execute("INSERT INTO former_versions (version) SELECT '0.1' WHERE EXISTS (SELECT 1 FROM mails)")
