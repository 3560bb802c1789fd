"""What the desk holds of all that a batch refers to: a statement a table, and the items locked."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, false, select, true, union_all

from desk.any_of import any_of
from desk.directory import find_persons, load_persons
from desk.tables import items, mails, message_ids, rejected_mails, watchers
from logger.accepted import load_accepted
from logger.find_item import hint_keys, item_numbers, message_key, partition_of
from logger.plan import Desk, content_keys, flood_limits
from logger.recipients import People, members
from logger.records import Mail
from logger.senders import Senders, addresses_of, settle
from logger.state import ItemState
from schemas.persons import Person
from schemas.snapshot import SettingsSnapshot

_KNOWN_MAILS = union_all(
    select(mails.c.mail_id, false().label("rejected")).where(any_of(mails.c.mail_id)),
    select(rejected_mails.c.mail_id, true()).where(any_of(rejected_mails.c.mail_id)),
)
_HINTS = select(message_ids.c.message_id, message_ids.c.item_id).where(any_of(message_ids.c.message_id))
_CONTENTS = select(mails.c.content_id, mails.c.item_id).where(any_of(mails.c.content_id))
_WATCHERS = select(watchers).where(any_of(watchers.c.item_id)).order_by(watchers.c.person_id)
_STATE = (
    "id",
    "kind",
    "status",
    "partition",
    "subject",
    "user_id",
    "logging_analyst",
    "priority",
    "closed_at",
    "assigned_group",
)
# Every logger locks in the same order, so that none waits for another that waits for it.
_ITEMS = select(*(items.c[name] for name in _STATE)).where(any_of(items.c.id)).order_by(items.c.id).with_for_update()


@dataclass(frozen=True, slots=True)
class Loaded:
    """`mails`: those not yet in the ledger, each once. `people`: everybody who acts, or is to be named or told."""

    mails: tuple[Mail, ...]
    desk: Desk
    senders: Senders
    people: People

    @property
    def traceparents(self) -> Mapping[str, str]:
        """By mail id."""
        return {one.mail.mail_id: one.traceparent for one in self.mails}


def load(connection: Connection, batch: Sequence[Mail], settings: SettingsSnapshot) -> Loaded:
    """Within the batch's transaction: the items stay locked until its end."""
    new = _new_mails(connection, batch)
    hints = _hints(connection, new, settings)
    contents = _contents(connection, new)
    named = (number for one in new for number in item_numbers(one.mail))
    states = lock_items(connection, {*hints.values(), *contents.values(), *named})
    watching = load_watchers(connection, states)
    senders, known = _persons(connection, new, states.values(), watching, settings)
    fresh = [one.mail for one in new]
    accepted = load_accepted(connection, fresh, senders.acting, flood_limits(fresh, settings))
    return Loaded(new, Desk(states, hints, contents, accepted), senders, People(known, watching))


def lock_items(connection: Connection, numbers: Collection[int]) -> dict[int, ItemState]:
    """By number, locked until the transaction's end: whoever needs several asks for all of them at once."""
    return {row.id: _state(row) for row in _rows(connection, _ITEMS, numbers)}


def _new_mails(connection: Connection, batch: Sequence[Mail]) -> tuple[Mail, ...]:
    """A mail that was rejected is new again once it is released, also where it came before in the same batch."""
    by_id: dict[str, Mail] = {}
    for one in batch:
        if one.mail.mail_id not in by_id or one.mail.released:
            by_id[one.mail.mail_id] = one
    for row in _rows(connection, _KNOWN_MAILS, by_id):
        known = by_id.get(row.mail_id)
        if known and not (row.rejected and known.mail.released):
            del by_id[row.mail_id]
    return tuple(by_id.values())


def _hints(connection: Connection, new: Sequence[Mail], settings: SettingsSnapshot) -> dict[str, int]:
    """Also of the mails' own Message-IDs: an id that is taken stays with the item that has it."""
    keys: set[str] = set()
    for mail in (one.mail for one in new):
        partition = partition_of(mail, settings)
        keys.update(hint_keys(mail, partition))
        keys.update(filter(None, (message_key(mail.message_id, partition),)))
    return {row.message_id: row.item_id for row in _rows(connection, _HINTS, keys)}


def _contents(connection: Connection, new: Sequence[Mail]) -> dict[str, int]:
    """Which of the mails came by another way before."""
    keys = {key for one in new for key in content_keys(one.mail)}
    return {row.content_id: row.item_id for row in _rows(connection, _CONTENTS, keys)}


def _state(row: Any) -> ItemState:
    return ItemState(
        number=row.id,
        kind=row.kind,
        is_open=row.status == "open",
        partition=row.partition,
        subject=row.subject,
        user=row.user_id,
        logging_analyst=row.logging_analyst,
        priority=row.priority,
        closed_at=row.closed_at,
        assigned_group=row.assigned_group,
    )


def load_watchers(connection: Connection, numbers: Collection[int]) -> dict[int, list[str]]:
    """Ids of persons by the number of the item that they watch."""
    found: dict[int, list[str]] = {}
    for row in _rows(connection, _WATCHERS, numbers):
        found.setdefault(row.item_id, []).append(row.person_id)
    return found


def _persons(
    connection: Connection,
    new: Sequence[Mail],
    states: Collection[ItemState],
    watching: Mapping[int, Sequence[str]],
    settings: SettingsSnapshot,
) -> tuple[Senders, Mapping[str, Person]]:
    senders = [one.mail.sender for one in new]
    ids = {sender.person_id for sender in senders}
    ids.update(sender.logging_analyst for sender in senders)
    for state in states:
        ids.update((state.user, state.logging_analyst))
    ids.update(*watching.values(), members(_groups(new, states, settings), settings))
    known = load_persons(connection, ids)
    unknown = {one for sender in senders if sender.person_id not in known for one in addresses_of(sender)}
    settled = settle(senders, known, find_persons(connection, unknown))
    known.update((person.id, person) for person in settled.acting.values())
    return settled, known


def _groups(new: Sequence[Mail], states: Iterable[ItemState], settings: SettingsSnapshot) -> Iterator[tuple[str, str]]:
    """Which groups items are assigned to, or will be, each with its partition."""
    yield from ((state.assigned_group, state.partition) for state in states)
    for template in map(settings.call_template, {one.mail.call_template for one in new}):
        if template is not None:
            yield template.assigned_group, template.partition


def _rows(connection: Connection, statement: Any, keys: Collection[Any]) -> Iterable[Any]:
    return connection.execute(statement, {"keys": list(keys)}) if keys else ()
