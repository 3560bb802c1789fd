"""What the requests of a batch change in the desk: a statement a table."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, update

from desk.bounced_addresses import forget
from desk.bulk import BulkInsert
from desk.tables import handled, items, journal, message_ids, watchers
from logger.requests import rows
from logger.requests.decide import Intent
from logger.rows import ITEM, JOURNAL, MESSAGE_ID, message_id_rows
from schemas.addresses import normalise
from schemas.desk_commands import AddressToUnmark
from schemas.events import NotificationRequested

_ITEM = BulkInsert(items, ITEM)
_JOURNAL = BulkInsert(journal, JOURNAL)
_HANDLED = BulkInsert(handled, rows.HANDLED)
_MESSAGE_ID = BulkInsert(message_ids, MESSAGE_ID)
_WATCHER = BulkInsert(watchers, ("item_id", "person_id"))
_UNWATCH = delete(watchers).where(watchers.c.item_id == bindparam("item"), watchers.c.person_id == bindparam("person"))
_CHANGE = (
    update(items)
    .where(items.c.id == bindparam("number"))
    .values(status=bindparam("now_status"), closed_at=bindparam("now_closed"), version=items.c.version + 1)
)


def write_intents(connection: Connection, intents: Sequence[Intent], now: datetime) -> None:
    _ITEM.insert(connection, rows.item_rows(intents, now))
    changed = rows.changed_items(intents, now)
    if changed:
        connection.execute(_CHANGE, changed)
    _write_watchers(connection, rows.watchers_after(intents))
    _JOURNAL.insert(connection, rows.journal_rows(intents, now))
    _HANDLED.insert(connection, rows.handled_rows(intents, now))


def _write_watchers(connection: Connection, after: Mapping[tuple[int, str], bool]) -> None:
    """Those who stay are taken out and put in again: so each request may come twice."""
    keys = sorted(after)
    if keys:
        connection.execute(_UNWATCH, [{"item": item, "person": person} for item, person in keys])
    _WATCHER.insert(connection, (key for key in keys if after[key]))


def unmark(connection: Connection, requests: Sequence[AddressToUnmark], now: datetime) -> None:
    """Mails are sent to these addresses again."""
    forget(connection, {normalise(one.address) for one in requests})
    _HANDLED.insert(connection, ((rows.cause(one), "address-unmarked", None, now) for one in requests))


def write_replies(connection: Connection, told: Iterable[tuple[Intent, Sequence[NotificationRequested]]]) -> None:
    """Makes the notifications known to the mails that answer them."""
    hints = {mail.notification_id: intent.item.number for intent, mails in told for mail in mails}
    _MESSAGE_ID.insert(connection, message_id_rows(hints))
