"""Indexes of the lists of persons, items and deliveries: a page is found without reading what is not on it."""

from alembic import op

revision = "0007"
down_revision = "0006"

_INDEXES = {
    "persons_name_idx": ("persons", ["last_name", "first_name", "id"]),
    "items_status_id_idx": ("items", ["status", "id"]),
    "items_user_id_id_idx": ("items", ["user_id", "id"]),
    "items_logging_analyst_id_idx": ("items", ["logging_analyst", "id"]),
    "deliveries_recipient_at_idx": ("deliveries", ["recipient", "at"]),
    "deliveries_outcome_at_idx": ("deliveries", ["outcome", "at", "notification_id", "recipient"]),
    "deferred_notifications_due_idx": ("deferred_notifications", ["due_at", "notification_id"]),
}


def upgrade() -> None:
    for name, (table, columns) in _INDEXES.items():
        op.create_index(name, table, columns)
