"""Where deferred notifications stand in their lines."""

import sqlalchemy as sa
from alembic import op

from desk.tables import TIME

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "deferred_notifications",
        sa.Column("notification_id", sa.Text(), nullable=False),
        sa.Column("line", sa.Text(), nullable=False),
        sa.Column("topic_partition", sa.Integer(), nullable=False),
        sa.Column("topic_offset", sa.BigInteger(), nullable=False),
        sa.Column("due_at", TIME, nullable=False),
        sa.Column("yields_at", TIME),
        sa.PrimaryKeyConstraint("notification_id", name="deferred_notifications_pkey"),
    )
    op.create_index("deferred_notifications_line_idx", "deferred_notifications", ["line"])
