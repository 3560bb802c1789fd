"""The desk's tables. Every string is text without a length of its own; every time is UTC."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
)
from sqlalchemy.dialects.postgresql import JSONB


class SqliteTime(TypeDecorator[datetime]):
    """SQLite has no time with a zone: ISO 8601 in UTC, which sorts as text."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:
        del dialect
        return None if value is None else value.astimezone(UTC).isoformat(timespec="microseconds")

    def process_result_value(self, value: str | None, dialect: Dialect) -> datetime | None:
        del dialect
        return None if value is None else datetime.fromisoformat(value)


TIME = DateTime(timezone=True).with_variant(SqliteTime(), "sqlite")
DOCUMENT = JSON().with_variant(JSONB(), "postgresql")
NUMBER = BigInteger().with_variant(Integer(), "sqlite")  # SQLite numbers rows by itself only under the name INTEGER

metadata = MetaData(
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "fk": "%(table_name)s_%(column_0_name)s_fkey",
        "ix": "%(table_name)s_%(column_0_name)s_idx",
    }
)


def _text(name: str, *args: Any) -> Column[str]:
    return Column(name, Text, *args, nullable=False)


persons = Table(
    "persons",
    metadata,
    Column("id", Text, primary_key=True),
    _text("first_name"),
    _text("last_name"),
    Column("is_user", Boolean, nullable=False),
    Column("is_analyst", Boolean, nullable=False),
    Column("email_format", Text),
    _text("office"),
    Column("disabled", Boolean, nullable=False),
    Column("version", BigInteger, nullable=False),
    Index("persons_name_idx", "last_name", "first_name", "id"),
)

# Several persons may share an address: position 0 is a person's primary one.
person_addresses = Table(
    "person_addresses",
    metadata,
    Column("person_id", Text, ForeignKey(persons.c.id), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    _text("address"),
    _text("normalised"),
    Index(None, "normalised"),
)

# One table for calls, tasks and requests: a number is used once over the desk (`references.py`).
items = Table(
    "items",
    metadata,
    Column("id", NUMBER, primary_key=True, autoincrement=True),
    _text("kind"),
    _text("partition"),
    _text("status"),
    _text("subject"),
    _text("description"),
    _text("user_id", ForeignKey(persons.c.id)),
    # No foreign key: a server may name its Default Logging Analyst before the CMDB has published that person.
    _text("logging_analyst"),
    _text("call_template"),
    _text("screen_set"),
    _text("ipk_status"),
    _text("ipk_stream"),
    _text("assigned_office"),
    _text("assigned_group"),
    _text("call_type"),
    _text("impact"),
    _text("urgency"),
    _text("priority"),
    Column("fields", DOCUMENT, nullable=False),
    Column("settings_versions", DOCUMENT, nullable=False),
    Column("linked_to", NUMBER),
    Column("opened_at", TIME, nullable=False),
    Column("closed_at", TIME),
    Column("version", Integer, nullable=False),
    Index(None, "partition", "status"),
    Index("items_status_id_idx", "status", "id"),
    Index("items_user_id_id_idx", "user_id", "id"),
    Index("items_logging_analyst_id_idx", "logging_analyst", "id"),
    sqlite_autoincrement=True,
)

# `text` is null in the first entry of an item: there it is the item's description. `reply` is null where it is all of
# the text.
journal = Table(
    "journal",
    metadata,
    Column("id", NUMBER, primary_key=True, autoincrement=True),
    Column("item_id", NUMBER, ForeignKey(items.c.id), nullable=False),
    Column("at", TIME, nullable=False),
    _text("kind"),
    _text("person_id"),
    Column("mail_id", Text),
    Column("reason", Text),
    Column("text", Text),
    Column("reply", Text),
    Column("html", Text),
    Index(None, "item_id"),
)

files = Table(
    "files",
    metadata,
    Column("mail_id", Text, primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("item_id", NUMBER, ForeignKey(items.c.id), nullable=False),
    _text("name"),
    _text("content_type"),
    Column("size", BigInteger, nullable=False),
    _text("sha256"),
    _text("blob"),
    Column("inline", Boolean, nullable=False),
    Index(None, "item_id"),
)

# The ledger: every mail that reached the logger, once. What makes a mail that comes again known again.
mails = Table(
    "mails",
    metadata,
    Column("mail_id", Text, primary_key=True),
    _text("server_id"),
    _text("outcome"),
    Column("item_id", NUMBER, nullable=False),
    Column("message_id", Text),
    Column("received", TIME, nullable=False),
    Column("logged_at", TIME, nullable=False),
    Column("size", BigInteger, nullable=False),
    _text("sha256"),
    Column("person_id", Text),
    Column("content_id", Text),  # null in a mail that only came by a second way
    Index(None, "message_id"),
    Index(None, "content_id", unique=True),
    Index("mails_of_person_idx", "person_id", "received"),
    Index("mails_of_server_idx", "server_id", "received"),
)

# Mails that the logger rejected: they have no item. One that is released stands in `mails` besides.
rejected_mails = Table(
    "rejected_mails",
    metadata,
    Column("mail_id", Text, primary_key=True),
    _text("server_id"),
    _text("reason"),
    Column("rejected_at", TIME, nullable=False),
)

# What else had its effect on the desk: `request/<id>` of `desk.requested`, `report/...` of a delivery report.
handled = Table(
    "handled",
    metadata,
    Column("key", Text, primary_key=True),
    _text("outcome"),
    Column("item_id", NUMBER),
    Column("handled_at", TIME, nullable=False),
)

# Conversation hints: `<Message-ID> partition` of an incoming mail, or a notification id of ours -> the item. Whoever
# came first at a partition keeps an id: people and machines reuse them. Up to 0.1 a Message-ID had no partition.
message_ids = Table(
    "message_ids",
    metadata,
    Column("message_id", Text, primary_key=True),
    Column("item_id", NUMBER, nullable=False),
)

# Every attempt to tell somebody something. `reference` is the item's, so that its journal shows them.
deliveries = Table(
    "deliveries",
    metadata,
    Column("notification_id", Text, primary_key=True),
    Column("recipient", Text, primary_key=True),
    Column("attempt", Integer, primary_key=True, autoincrement=False),
    _text("outcome"),
    Column("server_id", Text),
    Column("reason", Text),
    _text("smtp_reply"),
    Column("message_id", Text),
    Column("sent_message_id", Text),  # where the server replaced `message_id`
    Column("mail_id", Text),
    Column("reference", Text),
    Column("at", TIME, nullable=False),
    Index(None, "reference"),
    Index("deliveries_recipient_at_idx", "recipient", "at"),
    Index("deliveries_outcome_at_idx", "outcome", "at", "notification_id", "recipient"),
)

# Notifications that are deferred, and where each stands in its line: what stands behind one waits for it, until
# `yields_at` where there is one. `line` is what they have in common: partition and recipient.
deferred_notifications = Table(
    "deferred_notifications",
    metadata,
    Column("notification_id", Text, primary_key=True),
    _text("line"),
    Column("topic_partition", Integer, nullable=False),
    Column("topic_offset", BigInteger, nullable=False),
    Column("due_at", TIME, nullable=False),
    Column("yields_at", TIME),
    Index(None, "line"),
    Index("deferred_notifications_due_idx", "due_at", "notification_id"),
)

# Who wants to be told what happens to an item, beside those who stand in it anyway.
watchers = Table(
    "watchers",
    metadata,
    Column("item_id", NUMBER, ForeignKey(items.c.id), primary_key=True, autoincrement=False),
    Column("person_id", Text, ForeignKey(persons.c.id), primary_key=True),
)

# Automatic answers that were asked for; `address` is normalised. What limits the next ones.
answers = Table(
    "answers",
    metadata,
    Column("address", Text, primary_key=True),
    Column("item_id", NUMBER, primary_key=True, autoincrement=False),
    Column("notification_id", Text, primary_key=True),
    _text("event"),
    Column("at", TIME, nullable=False),
    Index("answers_address_at_idx", "address", "at"),
    Index(None, "at"),
)

# Addresses that bounced, normalised. Once `marked_at` is set nothing is sent there any more.
bounced_addresses = Table(
    "bounced_addresses",
    metadata,
    Column("address", Text, primary_key=True),
    Column("bounces", Integer, nullable=False),
    _text("status"),
    Column("last_at", TIME, nullable=False),
    Column("marked_at", TIME),
)

# One row a transaction: the records that tell of it, until the broker has them.
outbox = Table(
    "outbox",
    metadata,
    Column("id", NUMBER, primary_key=True, autoincrement=True),
    Column("created_at", TIME, nullable=False),
    _text("messages"),
)

# The index of mails: where everything about a mail lies on the topics, and its end. Made from the topics and the ledger
# by the window alone (`console/mails/index`). `words`: sender and subject, a line each, folded.
mail_index = Table(
    "mail_index",
    metadata,
    Column("mail_id", Text, primary_key=True),
    _text("server_id"),
    Column("received", TIME, nullable=False),
    _text("sender"),
    _text("subject"),
    _text("words"),
    Column("message_id", Text),
    Column("size", BigInteger),
    _text("outcome"),
    Column("reason", Text),
    _text("detail"),
    Column("reference", Text),
    Column("partition", Text),
    Index("mail_index_received_idx", "received", "mail_id"),
    Index("mail_index_server_idx", "server_id", "received", "mail_id"),
    Index("mail_index_outcome_idx", "outcome", "received", "mail_id"),
    Index("mail_index_message_id_idx", "message_id", "received"),
    Index("mail_index_reference_idx", "reference", "received"),
)

# Each record that tells of a mail, by its place. `topic` is the short name, `.dlq` behind it where it is that topic.
mail_steps = Table(
    "mail_steps",
    metadata,
    Column("topic", Text, primary_key=True),
    Column("topic_partition", Integer, primary_key=True, autoincrement=False),
    Column("topic_offset", BigInteger, primary_key=True, autoincrement=False),
    _text("mail_id"),
    Column("at", TIME, nullable=False),
    _text("outcome"),
    Column("reason", Text),
    _text("detail"),
    Column("reference", Text),
    Column("partition", Text),
    Index(None, "mail_id"),
)

# What lies on the dead letter topics. `id` is topic/partition/offset; `state` open, replayed or discarded.
dead_letters = Table(
    "dead_letters",
    metadata,
    Column("id", Text, primary_key=True),
    _text("topic"),
    Column("at", TIME, nullable=False),
    _text("reason"),
    _text("state"),
    Column("settled_at", TIME),
    _text("settled_by"),
    _text("settled_why"),
    _text("mail_id"),
    Column("size", BigInteger, nullable=False),
    Column("headers", DOCUMENT, nullable=False),
    Index("dead_letters_state_idx", "state", "at", "id"),
    Index("dead_letters_reason_idx", "state", "reason", "at", "id"),
    Index(None, "mail_id"),
)

# The offset that comes next of each partition (`topic` in full), written with what was made of the records before it.
index_positions = Table(
    "index_positions",
    metadata,
    Column("topic", Text, primary_key=True),
    Column("topic_partition", Integer, primary_key=True, autoincrement=False),
    Column("next_offset", BigInteger, nullable=False),
)

# ---- the window's own: who may do what in it. Nothing of this is ever on a topic -------------------------------------

# `key` is the name as it is compared. `password` is argon2id in PHC form, with its parameters; null: there is none.
accounts = Table(
    "accounts",
    metadata,
    Column("id", Text, primary_key=True),
    _text("name"),
    _text("key"),
    _text("address"),
    Column("password", Text),
    Column("must_change", Boolean, nullable=False),
    Column("disabled", Boolean, nullable=False),
    Column("oidc_issuer", Text),
    Column("oidc_subject", Text),
    Column("created_at", TIME, nullable=False),
    Column("signed_in_at", TIME),
    Column("version", Integer, nullable=False),
    Index(None, "key", unique=True),
    Index("accounts_oidc_idx", "oidc_issuer", "oidc_subject", unique=True),
)

# `rights` are those of `console.access.rights`; `partitions` those whose items and mails may be seen, null: all.
roles = Table(
    "roles",
    metadata,
    Column("id", Text, primary_key=True),
    _text("name"),
    _text("key"),
    Column("rights", DOCUMENT, nullable=False),
    Column("partitions", DOCUMENT),
    Column("version", Integer, nullable=False),
    Index(None, "key", unique=True),
)

account_roles = Table(
    "account_roles",
    metadata,
    Column("account_id", Text, ForeignKey(accounts.c.id), primary_key=True),
    Column("role_id", Text, ForeignKey(roles.c.id), primary_key=True),
    Index(None, "role_id"),
)

# Of every token that proves something only the SHA-256 digest is kept: whoever reads this table cannot sign in by it.
sessions = Table(
    "sessions",
    metadata,
    Column("id", Text, primary_key=True),
    _text("token_digest"),
    _text("account_id", ForeignKey(accounts.c.id)),
    _text("signed_in_by"),
    _text("client_address"),
    _text("client_program"),
    Column("begun_at", TIME, nullable=False),
    Column("seen_at", TIME, nullable=False),
    Column("expires_at", TIME, nullable=False),
    Column("ended_at", TIME),
    Index(None, "token_digest", unique=True),
    Index(None, "account_id"),
)

sign_in_links = Table(
    "sign_in_links",
    metadata,
    Column("token_digest", Text, primary_key=True),
    _text("account_id", ForeignKey(accounts.c.id)),
    Column("expires_at", TIME, nullable=False),
    Column("used_at", TIME),
    Index(None, "account_id"),
)

# Attempts to sign in, by account and by address of the client. `key` is a digest: people type passwords as names.
sign_in_attempts = Table(
    "sign_in_attempts",
    metadata,
    Column("key", Text, primary_key=True),
    Column("attempts", Integer, nullable=False),
    Column("expires_at", TIME, nullable=False),
)

# What was posted after a session's end, sealed with a key that only the browser has.
kept_input = Table(
    "kept_input",
    metadata,
    Column("key_digest", Text, primary_key=True),
    _text("account_id", ForeignKey(accounts.c.id)),
    Column("sealed", LargeBinary, nullable=False),
    Column("expires_at", TIME, nullable=False),
    Index(None, "account_id"),
)

# Every change of accounts, roles and sessions: no password, token or digest is in it.
access_changes = Table(
    "access_changes",
    metadata,
    Column("id", NUMBER, primary_key=True, autoincrement=True),
    Column("at", TIME, nullable=False),
    _text("who"),
    _text("reason"),
    _text("action"),
    _text("subject"),
    Column("before", DOCUMENT),
    Column("after", DOCUMENT),
)
