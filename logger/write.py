"""What a planned batch changes in the desk: a statement a table, whatever the number of mails."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection, bindparam, func, select, text, update

from desk.any_of import any_of
from desk.bulk import BulkInsert
from desk.tables import files, items, journal, mails, message_ids, person_addresses, persons, rejected_mails
from logger import rows
from logger.decide import CloseItem, Intent, LogCall, Refuse, ReopenItem
from logger.find_item import message_key, partition_of
from logger.floods import Flood
from logger.marked import entry_text
from logger.plan import Duplicate
from logger.state import is_trusted
from schemas.events import NotificationRequested
from schemas.persons import Person
from schemas.reasons import Reason
from schemas.snapshot import SettingsSnapshot

_ITEM = BulkInsert(items, rows.ITEM)
_JOURNAL = BulkInsert(journal, rows.JOURNAL)
_UNTOLD = BulkInsert(journal, ("item_id", "at", "kind", "person_id", "mail_id", "reason", "text"))
_FILE = BulkInsert(files, rows.FILE)
_MAIL = BulkInsert(mails, rows.MAIL)
_REJECTED = BulkInsert(rejected_mails, rows.REJECTED)
_MESSAGE_ID = BulkInsert(message_ids, rows.MESSAGE_ID)
_PERSON = BulkInsert(persons, rows.PERSON)
_ADDRESS = BulkInsert(person_addresses, rows.ADDRESS)

_TOUCH = update(items).where(any_of(items.c.id)).values(version=items.c.version + 1)
_CLOSE = update(items).where(any_of(items.c.id)).values(status="closed", closed_at=bindparam("closed"))
_REOPEN = update(items).where(any_of(items.c.id)).values(status="open", closed_at=None)
_FLAG_USERS = (
    update(persons)
    .where(any_of(persons.c.id), persons.c.is_user.is_(False))
    .values(is_user=True, version=persons.c.version + 1)
    .returning(persons.c.id)
)
_NEXT_NUMBERS = text("SELECT nextval(pg_get_serial_sequence('items', 'id')) FROM generate_series(1, :count)")
_LAST_NUMBER = select(func.coalesce(func.max(items.c.id), 0))


def new_numbers(connection: Connection, count: int) -> list[int]:
    """Numbers for so many new items, ascending."""
    if not count:
        return []
    if connection.dialect.name == "postgresql":
        return list(connection.execute(_NEXT_NUMBERS, {"count": count}).scalars())
    last: int = connection.execute(_LAST_NUMBER).scalar_one()  # under SQLite's write lock nobody else counts
    return list(range(last + 1, last + 1 + count))


def write_persons(connection: Connection, new: Sequence[Person]) -> None:
    _PERSON.insert(connection, rows.person_rows(new))
    _ADDRESS.insert(connection, rows.address_rows(new))


def flag_users(connection: Connection, intents: Iterable[Intent]) -> list[str]:
    """Sets the User flag of those who log a call without having it, and returns their ids.

    Requirement R2.9: an Analyst who logs a call by mail becomes a User as well. Not a sender who is not proved to be
    that Analyst, and not a disabled person, who acts as no Analyst and is changed by the CMDB only.
    """
    callers = (one.person for one in intents if isinstance(one, LogCall) and is_trusted(one.mail))
    return flag_as_users(connection, {one.id for one in callers if not (one.is_user or one.disabled)})


def flag_as_users(connection: Connection, ids: Collection[str]) -> list[str]:
    """The ids of those who were not flagged before."""
    return list(connection.execute(_FLAG_USERS, {"keys": sorted(ids)}).scalars()) if ids else []


def write_intents(connection: Connection, intents: Sequence[Intent], now: datetime) -> None:
    _ITEM.insert(connection, rows.item_rows(intents, now))
    touched = {one.item.number for one in intents if not isinstance(one, LogCall | Refuse)}
    last = {one.item.number: type(one) for one in intents if isinstance(one, CloseItem | ReopenItem)}
    closed = sorted(number for number, change in last.items() if change is CloseItem)
    reopened = sorted(last.keys() - closed)
    if touched:
        connection.execute(_TOUCH, {"keys": sorted(touched)})
    if closed:
        connection.execute(_CLOSE, {"keys": closed, "closed": now})
    if reopened:
        connection.execute(_REOPEN, {"keys": reopened})
    _JOURNAL.insert(connection, rows.journal_rows(intents, now))
    _FILE.insert(connection, rows.file_rows(intents))
    _MAIL.insert(connection, rows.mail_rows(intents, now))


def write_duplicates(connection: Connection, duplicates: Sequence[Duplicate], now: datetime) -> None:
    """They stand in the ledger, so that each mail is accounted for, and nowhere else."""
    _MAIL.insert(connection, rows.mail_rows(duplicates, now))


def write_rejected(connection: Connection, floods: Iterable[Flood], now: datetime) -> None:
    _REJECTED.insert(connection, rows.rejected_rows(floods, now))


def write_untold(
    connection: Connection,
    untold: Iterable[tuple[str, NotificationRequested]],
    items: Mapping[str, int],
    now: datetime,
) -> None:
    """An entry for each who is not told because of a marked address. `items`: numbers by what `untold` has as cause."""
    _UNTOLD.insert(
        connection,
        (
            (items[cause], now, "not-told", one.recipient, one.mail_id, Reason.ADDRESS_MARKED, entry_text(one))
            for cause, one in untold
        ),
    )


def write_hints(
    connection: Connection,
    intents: Iterable[Intent],
    told: Mapping[str, Sequence[NotificationRequested]],
    taken: Mapping[str, int],
    settings: SettingsSnapshot,
) -> None:
    """Makes the mails and their notifications (`told`, by mail id) known to replies. `taken`: keys the desk has."""
    hints: dict[str, int] = {}
    for intent in intents:
        key = message_key(intent.mail.message_id, partition_of(intent.mail, settings))
        if key is not None and key not in taken:
            hints.setdefault(key, intent.item.number)
        hints.update((one.notification_id, intent.item.number) for one in told[intent.mail.mail_id])
    _MESSAGE_ID.insert(connection, rows.message_id_rows(hints))
