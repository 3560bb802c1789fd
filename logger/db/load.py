"""What the desk holds of all that a batch refers to: a statement per table, and the items locked."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, case, literal_column, select, union_all

from desk.persons import find_persons, load_persons
from desk.prepared import Prepared
from desk.queries import any_of
from desk.tables import bounced_addresses, items, mails, message_ids, rejected_mails, watchers
from logger.core.commands import MailCommand, SystemCommand
from logger.core.persons import ResolvedSenders, derived_id, is_address, resolve_persons
from logger.core.recipients import People
from logger.core.state import DeskState, ItemState
from logger.core.system_decisions import named_items, named_persons
from logger.db.ledger import unprocessed_commands, unprocessed_mails
from logger.db.recent_mail import load_recent_mail
from schemas.addresses import normalise
from schemas.desk_commands import AddressToUnmark, NewItem
from schemas.persons import Person
from schemas.snapshot import SettingsSnapshot

_MAIL, _REJECTED, _CONTENT, _THREAD, _BOUNCED = range(5)
_SUPPRESSED = case((bounced_addresses.c.marked_at.is_not(None), 1), else_=0)
# What the desk knows of the messages of a batch and of their senders' addresses, each kind of key in its table: one
# statement for all.
_KNOWN = Prepared(
    union_all(
        select(literal_column(f"{_MAIL}").label("kind"), mails.c.mail_id.label("key"), mails.c.item_id).where(
            any_of(mails.c.mail_id, "mails")
        ),
        select(literal_column(f"{_REJECTED}"), rejected_mails.c.mail_id, literal_column("0")).where(
            any_of(rejected_mails.c.mail_id, "mails")
        ),
        select(literal_column(f"{_CONTENT}"), mails.c.content_id, mails.c.item_id).where(
            any_of(mails.c.content_id, "contents")
        ),
        select(literal_column(f"{_THREAD}"), message_ids.c.message_id, message_ids.c.item_id).where(
            any_of(message_ids.c.message_id, "threads")
        ),
        select(literal_column(f"{_BOUNCED}"), bounced_addresses.c.address, _SUPPRESSED).where(
            any_of(bounced_addresses.c.address, "senders")
        ),
    )
)
_WATCHERS = Prepared(select(watchers).where(any_of(watchers.c.item_id)).order_by(watchers.c.person_id))
_STATE = "id kind status partition subject user_id logging_analyst priority closed_at assigned_group".split()
# Every logger locks in the same order, so that none waits for another that waits for it.
_ITEMS = Prepared(
    select(*(items.c[name] for name in _STATE)).where(any_of(items.c.id)).order_by(items.c.id).with_for_update()
)


@dataclass(frozen=True, slots=True)
class Loaded:
    """`mails` and `commands`: those not processed yet, each once. `known_keys`: what the thread index has.

    `people`: everybody who acts, or is to be named or notified, those included who are to be created. `names`: of
    persons, as the commands give them; `by_address`: persons of the desk by normalised address. `unsuppressed`:
    addresses to be taken off the suppression list, by the causation id of the command that asks for it. `bounced`: of
    the senders' normalised addresses those that messages bounced from, and whether each is suppressed.
    """

    mails: Sequence[MailCommand]
    commands: Sequence[SystemCommand]
    desk: DeskState
    known_keys: Collection[str]
    senders: ResolvedSenders
    people: People
    names: Collection[str]
    by_address: Mapping[str, tuple[Person, ...]]
    unsuppressed: Mapping[str, str]
    bounced: Mapping[str, bool]


def load(
    connection: Connection,
    mail_commands: Sequence[MailCommand],
    system_commands: Sequence[SystemCommand],
    settings: SettingsSnapshot,
) -> Loaded:
    """Within the batch's transaction: the items stay locked until its end."""
    known = _known(connection, mail_commands)
    new = unprocessed_mails(mail_commands, known[_MAIL], known[_REJECTED])
    commands = unprocessed_commands(connection, system_commands) if system_commands else ()
    # Also of the messages' own Message-IDs: an id that is taken stays with the item that has it.
    thread_index = _of(known[_THREAD], (command.thread.keys for command in new))
    contents = _of(known[_CONTENT], (command.thread.content_ids for command in new))
    states = _lock_items(connection, _item_numbers(new, commands, thread_index, contents))
    watching = _load_watchers(connection, states)
    names = set().union(*(named_persons(command.desk_command) for command in commands)) if commands else set()
    by_id, by_address = _load_persons(connection, new, _ids(new, commands, states, watching, settings), names)
    fresh = [command.mail for command in new]
    senders = resolve_persons([mail.sender for mail in fresh], by_id, by_address)
    recent_mail = load_recent_mail(connection, fresh, senders.actors, settings)
    desk = DeskState(states, thread_index, contents, recent_mail)
    by_id.update((person.id, person) for person in senders.actors.values())
    return Loaded(
        mails=new,
        commands=commands,
        desk=desk,
        known_keys=frozenset(thread_index),
        senders=senders,
        people=People(by_id, watching),
        names=names,
        by_address=by_address,
        unsuppressed={
            command.causation_id: command.desk_command.address
            for command in commands
            if isinstance(command.desk_command, AddressToUnmark)
        },
        bounced={address: bool(suppressed) for address, suppressed in known[_BOUNCED].items()},
    )


def _known(connection: Connection, commands: Sequence[MailCommand]) -> Sequence[Mapping[str, int]]:
    """Numbers of items by each kind of key; of rejected messages, which have none, 0; of addresses 1 if suppressed."""
    found: tuple[dict[str, int], ...] = ({}, {}, {}, {}, {})
    if commands:
        threads = [command.thread for command in commands]
        rows = _KNOWN.rows(
            connection,
            mails=[command.causation_id for command in commands],
            contents=[key for thread in threads for key in thread.content_ids],
            threads=list(set().union(*(thread.keys for thread in threads))),
            senders=list({normalise(command.mail.sender.address) for command in commands}),
        )
        for kind, key, number in rows:
            found[kind][key] = number
    return found


def _of(known: Mapping[str, int], keys: Iterable[Iterable[str]]) -> dict[str, int]:
    """What is known of these keys: not of those that only messages have which are processed already."""
    wanted = set().union(*keys)
    return {key: number for key, number in known.items() if key in wanted}


def _item_numbers(
    new: Iterable[MailCommand],
    commands: Iterable[SystemCommand],
    thread_index: Mapping[str, int],
    contents: Mapping[str, int],
) -> set[int]:
    numbers = {*thread_index.values(), *contents.values()}
    numbers.update(
        *(command.thread.numbers for command in new), *(named_items(command.desk_command) for command in commands)
    )
    return numbers


def _lock_items(connection: Connection, numbers: Collection[int]) -> dict[int, ItemState]:
    """By number, locked until the transaction's end: all that are needed at once."""
    return {row.id: _state(row) for row in _rows(connection, _ITEMS, numbers)}


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


def _load_watchers(connection: Connection, numbers: Collection[int]) -> dict[int, list[str]]:
    """Ids of persons by the number of the item that they watch."""
    found: dict[int, list[str]] = {}
    for row in _rows(connection, _WATCHERS, numbers):
        found.setdefault(row.item_id, []).append(row.person_id)
    return found


def _ids(
    new: Iterable[MailCommand],
    commands: Iterable[SystemCommand],
    states: Mapping[int, ItemState],
    watching: Mapping[int, Sequence[str]],
    settings: SettingsSnapshot,
) -> set[str]:
    """Of everybody who acts by mail, or is to be named or notified."""
    ids: set[str] = set()
    for command in new:
        sender, server = command.mail.sender, settings.incoming_server(command.mail.server_id)
        ids.update((sender.person_id, sender.logging_analyst))
        if server is not None:  # in the place of a sender who is not authenticated as that Analyst
            ids.add(server.default_logging_analyst)
    for state in states.values():
        ids.update((state.user, state.logging_analyst))
    ids.update(*watching.values())
    for named in set(_groups(new, commands, states.values(), settings)):
        group = settings.group(*named)
        if group is not None:
            ids.update(group.members)
    return ids


def _groups(
    new: Iterable[MailCommand],
    commands: Iterable[SystemCommand],
    states: Iterable[ItemState],
    settings: SettingsSnapshot,
) -> Iterator[tuple[str, str]]:
    """Which groups items are assigned to, or will be, each with its partition."""
    yield from ((state.assigned_group, state.partition) for state in states)
    for template in map(settings.call_template, {command.mail.call_template for command in new}):
        if template is not None:
            yield template.assigned_group, template.partition
    for desk_command in (command.desk_command for command in commands):
        template = settings.call_template(desk_command.call_template) if isinstance(desk_command, NewItem) else None
        if template is not None and isinstance(desk_command, NewItem):
            yield desk_command.assigned_group or template.assigned_group, template.partition


def _load_persons(
    connection: Connection, new: Iterable[MailCommand], ids: set[str], names: Collection[str]
) -> tuple[dict[str, Person], dict[str, tuple[Person, ...]]]:
    """By id, and by normalised address: of senders whom the desk does not know by id, and of what commands name."""
    by_id = load_persons(connection, {*ids, *names, *map(derived_id, names)})
    senders = (command.mail.sender for command in new if command.mail.sender.person_id not in by_id)
    addresses = {address for sender in senders for address in (sender.address, sender.person_address) if address}
    addresses.update(normalise(name) for name in names if is_address(name))
    by_address = find_persons(connection, addresses)
    return by_id, by_address


def _rows(connection: Connection, statement: Prepared, keys: Collection[Any]) -> list[Any]:
    return statement.rows(connection, keys=list(keys)) if keys else []
