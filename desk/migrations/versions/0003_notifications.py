"""Every attempt of every recipient, watchers, automatic answers, and addresses that bounced."""

import sqlalchemy as sa
from alembic import op

from desk.tables import NUMBER, TIME

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    with op.batch_alter_table("deliveries") as table:
        table.drop_constraint("deliveries_pkey", type_="primary")
        table.create_primary_key("deliveries_pkey", ["notification_id", "recipient", "attempt"])
        table.add_column(sa.Column("reference", sa.Text()))
    op.create_index("deliveries_reference_idx", "deliveries", ["reference"])
    op.create_table(
        "watchers",
        sa.Column("item_id", NUMBER, nullable=False),
        sa.Column("person_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["item_id"], ["items.id"], name="watchers_item_id_fkey"),
        sa.ForeignKeyConstraint(["person_id"], ["persons.id"], name="watchers_person_id_fkey"),
        sa.PrimaryKeyConstraint("item_id", "person_id", name="watchers_pkey"),
    )
    op.create_table(
        "answers",
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("item_id", NUMBER, nullable=False),
        sa.Column("notification_id", sa.Text(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("address", "item_id", "notification_id", name="answers_pkey"),
    )
    op.create_index("answers_address_at_idx", "answers", ["address", "at"])
    op.create_index("answers_at_idx", "answers", ["at"])
    op.create_table(
        "bounced_addresses",
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("bounces", sa.Integer(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("last_at", TIME, nullable=False),
        sa.Column("marked_at", TIME),
        sa.PrimaryKeyConstraint("address", name="bounced_addresses_pkey"),
    )
