"""The Message-ID that a server gave a mail of ours in the place of our own."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.add_column("deliveries", sa.Column("sent_message_id", sa.Text()))
