"""The index of mails: where everything about a mail lies on the topics."""

import sqlalchemy as sa
from alembic import op

from desk.tables import DOCUMENT, TIME

revision = "0006"
down_revision = "0005"


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False)


def upgrade() -> None:
    _create_index()
    _create_dead_letters()
    _create_positions()


def _create_index() -> None:
    op.create_table(
        "mail_index",
        _text("mail_id"),
        _text("server_id"),
        sa.Column("received", TIME, nullable=False),
        _text("sender"),
        _text("subject"),
        _text("words"),
        sa.Column("message_id", sa.Text()),
        sa.Column("size", sa.BigInteger()),
        _text("outcome"),
        sa.Column("reason", sa.Text()),
        _text("detail"),
        sa.Column("reference", sa.Text()),
        sa.Column("partition", sa.Text()),
        sa.PrimaryKeyConstraint("mail_id", name="mail_index_pkey"),
    )
    op.create_index("mail_index_received_idx", "mail_index", ["received", "mail_id"])
    op.create_index("mail_index_server_idx", "mail_index", ["server_id", "received", "mail_id"])
    op.create_index("mail_index_outcome_idx", "mail_index", ["outcome", "received", "mail_id"])
    op.create_index("mail_index_message_id_idx", "mail_index", ["message_id", "received"])
    op.create_index("mail_index_reference_idx", "mail_index", ["reference", "received"])
    op.create_table(
        "mail_steps",
        _text("topic"),
        sa.Column("topic_partition", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("topic_offset", sa.BigInteger(), autoincrement=False, nullable=False),
        _text("mail_id"),
        sa.Column("at", TIME, nullable=False),
        _text("outcome"),
        sa.Column("reason", sa.Text()),
        _text("detail"),
        sa.Column("reference", sa.Text()),
        sa.Column("partition", sa.Text()),
        sa.PrimaryKeyConstraint("topic", "topic_partition", "topic_offset", name="mail_steps_pkey"),
    )
    op.create_index("mail_steps_mail_id_idx", "mail_steps", ["mail_id"])


def _create_dead_letters() -> None:
    op.create_table(
        "dead_letters",
        _text("id"),
        _text("topic"),
        sa.Column("at", TIME, nullable=False),
        _text("reason"),
        _text("state"),
        sa.Column("settled_at", TIME),
        _text("settled_by"),
        _text("settled_why"),
        _text("mail_id"),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("headers", DOCUMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="dead_letters_pkey"),
    )
    op.create_index("dead_letters_state_idx", "dead_letters", ["state", "at", "id"])
    op.create_index("dead_letters_reason_idx", "dead_letters", ["state", "reason", "at", "id"])
    op.create_index("dead_letters_mail_id_idx", "dead_letters", ["mail_id"])


def _create_positions() -> None:
    op.create_table(
        "index_positions",
        _text("topic"),
        sa.Column("topic_partition", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("next_offset", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("topic", "topic_partition", name="index_positions_pkey"),
    )
