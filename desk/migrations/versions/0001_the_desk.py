"""The desk: persons, items with journal and files, ledgers, outbox."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from desk.tables import DOCUMENT, NUMBER, TIME

revision = "0001"
down_revision = None


def upgrade() -> None:
    _persons()
    _items()
    _ledgers()


def _text(*names: str, nullable: bool = False) -> list[sa.Column[Any]]:
    return [sa.Column(name, sa.Text(), nullable=nullable) for name in names]


def _persons() -> None:
    op.create_table(
        "persons",
        *_text("id", "first_name", "last_name"),
        sa.Column("is_user", sa.Boolean(), nullable=False),
        sa.Column("is_analyst", sa.Boolean(), nullable=False),
        *_text("email_format", nullable=True),
        *_text("office"),
        sa.Column("disabled", sa.Boolean(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="persons_pkey"),
    )
    op.create_table(
        "person_addresses",
        *_text("person_id"),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        *_text("address", "normalised"),
        sa.PrimaryKeyConstraint("person_id", "position", name="person_addresses_pkey"),
        sa.ForeignKeyConstraint(["person_id"], ["persons.id"], name="person_addresses_person_id_fkey"),
    )
    op.create_index("person_addresses_normalised_idx", "person_addresses", ["normalised"])


def _items() -> None:
    op.create_table(
        "items",
        sa.Column("id", NUMBER, autoincrement=True, nullable=False),
        *_text("kind", "partition", "status", "subject", "description", "user_id", "logging_analyst", "call_template"),
        *_text("screen_set", "ipk_status", "ipk_stream", "assigned_office", "assigned_group", "call_type"),
        *_text("impact", "urgency", "priority"),
        sa.Column("fields", DOCUMENT, nullable=False),
        sa.Column("settings_versions", DOCUMENT, nullable=False),
        sa.Column("linked_to", NUMBER),
        sa.Column("opened_at", TIME, nullable=False),
        sa.Column("closed_at", TIME),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="items_pkey"),
        sa.ForeignKeyConstraint(["user_id"], ["persons.id"], name="items_user_id_fkey"),
        sqlite_autoincrement=True,
    )
    op.create_index("items_partition_idx", "items", ["partition", "status"])
    op.create_table(
        "journal",
        sa.Column("id", NUMBER, autoincrement=True, nullable=False),
        sa.Column("item_id", NUMBER, nullable=False),
        sa.Column("at", TIME, nullable=False),
        *_text("kind", "person_id"),
        *_text("mail_id", "reason", "text", "reply", "html", nullable=True),
        sa.PrimaryKeyConstraint("id", name="journal_pkey"),
        sa.ForeignKeyConstraint(["item_id"], ["items.id"], name="journal_item_id_fkey"),
    )
    op.create_index("journal_item_id_idx", "journal", ["item_id"])
    op.create_table(
        "files",
        *_text("mail_id"),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("item_id", NUMBER, nullable=False),
        *_text("name", "content_type"),
        sa.Column("size", sa.BigInteger(), nullable=False),
        *_text("sha256", "blob"),
        sa.Column("inline", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("mail_id", "position", name="files_pkey"),
        sa.ForeignKeyConstraint(["item_id"], ["items.id"], name="files_item_id_fkey"),
    )
    op.create_index("files_item_id_idx", "files", ["item_id"])


def _ledgers() -> None:
    op.create_table(
        "mails",
        *_text("mail_id", "server_id", "outcome"),
        sa.Column("item_id", NUMBER, nullable=False),
        *_text("message_id", nullable=True),
        sa.Column("received", TIME, nullable=False),
        sa.Column("logged_at", TIME, nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        *_text("sha256"),
        sa.PrimaryKeyConstraint("mail_id", name="mails_pkey"),
    )
    op.create_index("mails_message_id_idx", "mails", ["message_id"])
    op.create_table(
        "message_ids",
        *_text("message_id"),
        sa.Column("item_id", NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("message_id", name="message_ids_pkey"),
    )
    op.create_table(
        "deliveries",
        *_text("notification_id", "outcome", "recipient"),
        *_text("server_id", nullable=True),
        sa.Column("attempt", sa.Integer(), nullable=False),
        *_text("reason", nullable=True),
        *_text("smtp_reply"),
        *_text("message_id", "mail_id", nullable=True),
        sa.Column("at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("notification_id", name="deliveries_pkey"),
    )
    op.create_table(
        "outbox",
        sa.Column("id", NUMBER, autoincrement=True, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        *_text("messages"),
        sa.PrimaryKeyConstraint("id", name="outbox_pkey"),
    )
