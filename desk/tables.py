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
    Column("mail_id", Text),
    Column("reference", Text),
    Column("at", TIME, nullable=False),
    Index(None, "reference"),
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
