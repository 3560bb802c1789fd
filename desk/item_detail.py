"""One item as people want to see it: its fields, its journal with the notifications about it, its files. Read only."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, select

from desk.item_references import parse_reference, reference
from desk.items import ItemStatus, names_of, select_items
from desk.tables import deliveries, files, items, journal, watchers
from schemas.events import ItemKind


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """What was done to an item, by whom, by which mail. `reply` is what the author wrote, `text` all of the mail.

    An attempt to tell somebody of it is an entry, too (`notification-sent` and so on): `person_id` is the address then.
    """

    at: datetime
    kind: str
    person_id: str
    mail_id: str | None
    reason: str | None
    text: str
    reply: str
    html: str | None


@dataclass(frozen=True, slots=True)
class ItemFile:
    """A file of an item; `blob` is its key in the blob store, `size` in bytes."""

    mail_id: str
    name: str
    content_type: str
    size: int
    sha256: str
    blob: str
    inline: bool


@dataclass(frozen=True, slots=True)
class Item:
    """All of one item. `linked_to` is the reference of the item that it follows, or whose name alone its mail bore.

    `watchers`: ids of persons.
    """

    reference: str
    kind: ItemKind
    partition: str
    status: ItemStatus
    subject: str
    description: str
    user: str
    user_name: str
    logging_analyst: str
    call_template: str
    screen_set: str
    ipk_status: str
    ipk_stream: str
    assigned_office: str
    assigned_group: str
    call_type: str
    impact: str
    urgency: str
    priority: str
    fields: Mapping[str, str]
    settings_versions: Mapping[str, int]
    linked_to: str | None
    opened_at: datetime
    closed_at: datetime | None
    version: int
    watchers: tuple[str, ...]
    journal: tuple[JournalEntry, ...] = field(repr=False)
    files: tuple[ItemFile, ...] = field(repr=False)


_WHOLE = tuple(name for name in Item.__slots__ if name in items.c)
_FILE = tuple(ItemFile.__slots__)
_linked = items.alias("linked")


def show_item(connection: Connection, item_reference: str) -> Item | None:
    """The item with its journal, oldest entry first, and its files; None where there is none of that reference."""
    parsed = parse_reference(item_reference)
    if parsed is None:
        return None
    kind, number = parsed
    query = (
        select_items(
            *(items.c[name] for name in _WHOLE if name != "linked_to"),
            _linked.c.id.label("linked_id"),
            _linked.c.kind.label("linked_kind"),
        )
        .outerjoin(_linked, _linked.c.id == items.c.linked_to)
        .where(items.c.id == number, items.c.kind == kind)
    )
    row = connection.execute(query).mappings().one_or_none()
    if row is None:
        return None
    return Item(
        **names_of(row),
        **{name: row[name] for name in _WHOLE if name != "linked_to"},
        linked_to=None if row["linked_id"] is None else reference(row["linked_kind"], row["linked_id"]),
        journal=_journal(connection, reference(row["kind"], row["id"]), number, row["description"]),
        files=_files(connection, number),
        watchers=_watchers(connection, number),
    )


def _journal(connection: Connection, item_reference: str, number: int, description: str) -> tuple[JournalEntry, ...]:
    entries = [*_done(connection, number, description), *notifications_of(connection, item_reference)]
    return tuple(sorted(entries, key=lambda entry: entry.at))  # those of one moment stay in their order


def _done(connection: Connection, number: int, description: str) -> Iterator[JournalEntry]:
    query = select(journal).where(journal.c.item_id == number).order_by(journal.c.id)
    for row in connection.execute(query):
        text = description if row.text is None else row.text
        reply = text if row.reply is None else row.reply
        yield JournalEntry(row.at, row.kind, row.person_id, row.mail_id, row.reason, text, reply, row.html)


def notifications_of(connection: Connection, item_reference: str) -> Iterator[JournalEntry]:
    """Every attempt to send a notification of the item, with the server's own words."""
    query = (
        select(deliveries)
        .where(deliveries.c.reference == item_reference)
        .order_by(deliveries.c.at, deliveries.c.attempt, deliveries.c.recipient)
    )
    for row in connection.execute(query):
        by = f"by server {row.server_id}" if row.server_id else "by no server"
        text = f"Attempt {row.attempt} {by}: {row.smtp_reply or row.reason or row.outcome}"
        kind = f"notification-{row.outcome}"
        yield JournalEntry(row.at, kind, row.recipient, row.mail_id, row.reason, text, text, None)


def _watchers(connection: Connection, number: int) -> tuple[str, ...]:
    query = select(watchers.c.person_id).where(watchers.c.item_id == number).order_by(watchers.c.person_id)
    return tuple(connection.execute(query).scalars())


def _files(connection: Connection, number: int) -> tuple[ItemFile, ...]:
    query = (
        select(*(files.c[name] for name in _FILE))
        .outerjoin(journal, (journal.c.item_id == files.c.item_id) & (journal.c.mail_id == files.c.mail_id))
        .where(files.c.item_id == number)
        .order_by(journal.c.id, files.c.position)
    )
    return tuple(ItemFile(**row) for row in connection.execute(query).mappings())
