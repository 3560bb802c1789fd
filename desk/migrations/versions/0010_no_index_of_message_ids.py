"""No index of the ledger's Message-IDs: nothing looks for them there. `message_ids` and `mail_index` have their own."""

from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.drop_index("mails_message_id_idx", "mails")
