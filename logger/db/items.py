"""Items, their watchers and their history, as decisions create and change them.

A statement per table, however many decisions.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, null, select, text, update

from desk.fast_writes import BulkInsert
from desk.prepared import Prepared
from desk.queries import any_of
from desk.tables import NUMBER, files, items, journal, watchers
from logger.core.commands import (
    OUTCOMES,
    ChangeWatchers,
    CloseItem,
    CreateItem,
    Decision,
    MailCommand,
    RefuseCommand,
    ReopenItem,
)
from schemas.events import NotificationRequested
from schemas.reasons import Reason

_ITEM = BulkInsert(
    items,
    (
        *("id", "kind", "partition", "status", "subject", "description", "user_id", "logging_analyst"),
        *("call_template", "screen_set", "ipk_status", "ipk_stream", "assigned_office", "assigned_group", "call_type"),
        *("impact", "urgency", "priority", "fields", "settings_versions", "linked_to", "opened_at", "version"),
    ),
)
_WATCHER = BulkInsert(watchers, ("item_id", "person_id"))
_ENTRY = BulkInsert(journal, ("item_id", "at", "kind", "person_id", "mail_id", "reason", "text", "reply", "html"))
_FILE = BulkInsert(
    files, ("mail_id", "position", "item_id", "name", "content_type", "size", "sha256", "blob", "inline")
)

_TOUCH = Prepared(update(items).where(any_of(items.c.id)).values(version=items.c.version + 1))
_CLOSE = Prepared(update(items).where(any_of(items.c.id)).values(status="closed", closed_at=bindparam("closed")))
_REOPEN = Prepared(update(items).where(any_of(items.c.id)).values(status="open", closed_at=null()))
_UNWATCH = delete(watchers).where(watchers.c.item_id == bindparam("item"), watchers.c.person_id == bindparam("person"))
# The sequence is looked up once, not for each number.
_SEQUENCE = "(SELECT CAST(pg_get_serial_sequence('items', 'id') AS regclass))"
_NEXT_NUMBERS = Prepared(text(f"SELECT nextval({_SEQUENCE}) FROM generate_series(1, :count)").columns(number=NUMBER))
_LAST_NUMBER = select(func.coalesce(func.max(items.c.id), 0))


def new_numbers(connection: Connection, count: int) -> list[int]:
    """Numbers for this many new items, ascending."""
    if not count:
        return []
    if connection.dialect.name == "postgresql":
        return [row.number for row in _NEXT_NUMBERS.rows(connection, count=count)]
    last: int = connection.execute(_LAST_NUMBER).scalar_one()  # under SQLite's write lock nobody else counts
    return list(range(last + 1, last + 1 + count))


def write_decisions(
    connection: Connection,
    decisions: Sequence[Decision],
    suppressed: Iterable[tuple[int, NotificationRequested]],
    now: datetime,
) -> None:
    """New items, then what is changed, then their journal: an entry per decision, and one per suppressed notification.

    `suppressed`: notifications that are not sent because their address is suppressed, each with its item's number.
    """
    _ITEM.insert(connection, _item_rows(decisions, now))
    _write_changes(connection, decisions, now)
    _write_watchers(connection, decisions)
    _ENTRY.insert(connection, [*_entry_rows(decisions, now), *_suppressed_rows(suppressed, now)])
    _FILE.insert(connection, _file_rows(decisions))


def _write_changes(connection: Connection, decisions: Iterable[Decision], now: datetime) -> None:
    """Each item once, as the last decision leaves it."""
    changed = [
        decision for decision in decisions if not isinstance(decision, CreateItem | RefuseCommand | ChangeWatchers)
    ]
    if not changed:
        return
    _TOUCH.rows(connection, keys=sorted({decision.item.number for decision in changed}))
    last = {
        decision.item.number: type(decision) for decision in changed if isinstance(decision, CloseItem | ReopenItem)
    }
    closed = sorted(number for number, change in last.items() if change is CloseItem)
    reopened = sorted(last.keys() - closed)
    if closed:
        _CLOSE.rows(connection, keys=closed, closed=now)
    if reopened:
        _REOPEN.rows(connection, keys=reopened)


def _item_rows(decisions: Iterable[Decision], now: datetime) -> list[tuple[Any, ...]]:
    rows = []
    for decision in decisions:
        if isinstance(decision, CreateItem):
            item, template, content = decision.item, decision.template, decision.content
            rows.append(
                (
                    *(item.number, item.kind, item.partition, "open", content.subject, content.description, item.user),
                    *(item.logging_analyst, template.id, template.screen_set, template.ipk_status),
                    *(template.ipk_stream, template.assigned_office, template.assigned_group, template.call_type),
                    *(template.impact, template.urgency, item.priority, content.fields, decision.settings_versions),
                    *(decision.linked_to, now, 1),
                )
            )
    return rows


def _write_watchers(connection: Connection, decisions: Iterable[Decision]) -> None:
    """Persons who stay watchers are taken out and put in again: so each command may be redelivered."""
    after = {
        (decision.item.number, decision.watcher): decision.watches
        for decision in decisions
        if isinstance(decision, ChangeWatchers)
    }
    if not after:
        return
    keys = sorted(after)
    connection.execute(_UNWATCH, [{"item": item, "person": person} for item, person in keys])
    _WATCHER.insert(connection, (key for key in keys if after[key]))


def _entry_rows(decisions: Iterable[Decision], now: datetime) -> list[tuple[Any, ...]]:
    """The text that creates an item is the item's description, and is not kept twice."""
    rows: list[tuple[Any, ...]] = []
    for decision in decisions:
        if isinstance(decision, ChangeWatchers):
            continue
        command, reason = decision.command, _reason(decision)
        if isinstance(command, MailCommand):
            mail = command.mail
            mail_id, text, html = mail.mail_id, mail.text, mail.html
            reply = None if mail.reply == text else mail.reply
        else:
            mail_id, text, reply, html = None, getattr(command.desk_command, "text", ""), None, None
        described = isinstance(decision, CreateItem) and decision.content.description == text
        rows.append(
            (
                *(
                    decision.item.number,
                    now,
                    OUTCOMES[type(decision), decision.item.kind],
                    decision.person.id,
                    mail_id,
                    reason,
                ),
                *(None if described else text, reply, html),
            )
        )
    return rows


def _reason(decision: Decision) -> Reason | None:
    """Why what was asked for was not done, else why only Analysts are shown it."""
    if isinstance(decision, RefuseCommand):
        return decision.reason
    return None if decision.proof.part else Reason.NO_PART_PROVED


def _suppressed_rows(
    suppressed: Iterable[tuple[int, NotificationRequested]], now: datetime
) -> Iterator[tuple[Any, ...]]:
    for number, one in suppressed:
        text = f"Nothing was sent to {one.recipient}: messages to this address bounced too often."
        yield (number, now, "not-told", one.recipient, one.mail_id, Reason.ADDRESS_MARKED, text, None, None)


def _file_rows(decisions: Iterable[Decision]) -> list[tuple[Any, ...]]:
    return [
        (
            *(decision.command.mail.mail_id, position, decision.item.number, file.name, file.content_type, file.size),
            *(file.sha256, file.blob, file.inline),
        )
        for decision in decisions
        if isinstance(decision.command, MailCommand)
        for position, file in enumerate(decision.command.mail.files)
    ]
