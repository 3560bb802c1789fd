"""Persons, and items with what was done to them. Written by the logger."""

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, Table, Text, literal_column

from desk.tables.columns import DOCUMENT, NUMBER, TIME, metadata, text_column
from schemas.ids import MADE_BY_MAIL

persons = Table(
    "persons",
    metadata,
    Column("id", Text, primary_key=True),
    text_column("first_name"),
    text_column("last_name"),
    Column("is_user", Boolean, nullable=False),
    Column("is_analyst", Boolean, nullable=False),
    Column("email_format", Text),
    text_column("office"),
    Column("disabled", Boolean, nullable=False),
    Column("version", BigInteger, nullable=False),
    Index("persons_name_idx", "last_name", "first_name", "id"),
)

# Those whom no mail has made: few of many persons, on a desk for the public. Written out, so that each plan knows it.
ENTERED = persons.c.id.not_like(literal_column(f"'{MADE_BY_MAIL}%'"))
Index("persons_entered_idx", persons.c.id, postgresql_where=ENTERED, sqlite_where=ENTERED)

# Several persons may share an address: position 0 is a person's primary one.
person_addresses = Table(
    "person_addresses",
    metadata,
    Column("person_id", Text, ForeignKey(persons.c.id), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    text_column("address"),
    text_column("normalised"),
    Index(None, "normalised"),
)

# One table for calls, tasks and requests: a number is used once over the desk (`references.py`).
items = Table(
    "items",
    metadata,
    Column("id", NUMBER, primary_key=True, autoincrement=True),
    text_column("kind"),
    text_column("partition"),
    text_column("status"),
    text_column("subject"),
    text_column("description"),
    text_column("user_id", ForeignKey(persons.c.id)),
    # No foreign key: a server may name its Default Logging Analyst before the CMDB has published that person.
    text_column("logging_analyst"),
    text_column("call_template"),
    text_column("screen_set"),
    text_column("ipk_status"),
    text_column("ipk_stream"),
    text_column("assigned_office"),
    text_column("assigned_group"),
    text_column("call_type"),
    text_column("impact"),
    text_column("urgency"),
    text_column("priority"),
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
    text_column("kind"),
    text_column("person_id"),
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
    text_column("name"),
    text_column("content_type"),
    Column("size", BigInteger, nullable=False),
    text_column("sha256"),
    text_column("blob"),
    Column("inline", Boolean, nullable=False),
    Index(None, "item_id"),
)

# Persons who asked to be notified of an item, besides those who have a role in it anyway.
watchers = Table(
    "watchers",
    metadata,
    Column("item_id", NUMBER, ForeignKey(items.c.id), primary_key=True, autoincrement=False),
    Column("person_id", Text, ForeignKey(persons.c.id), primary_key=True),
)
