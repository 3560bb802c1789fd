"""Mails that came by two ways, floods, mails that the logger rejects, and what other systems ask the desk for."""

import sqlalchemy as sa
from alembic import op

from desk.tables import NUMBER, TIME

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("mails", sa.Column("person_id", sa.Text()))
    op.add_column("mails", sa.Column("content_id", sa.Text()))
    op.create_index("mails_content_id_idx", "mails", ["content_id"], unique=True)
    op.create_index("mails_of_person_idx", "mails", ["person_id", "received"])
    op.create_index("mails_of_server_idx", "mails", ["server_id", "received"])
    op.create_table(
        "rejected_mails",
        sa.Column("mail_id", sa.Text(), nullable=False),
        sa.Column("server_id", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("rejected_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("mail_id", name="rejected_mails_pkey"),
    )
    op.create_table(
        "handled",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("item_id", NUMBER),
        sa.Column("handled_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("key", name="handled_pkey"),
    )
