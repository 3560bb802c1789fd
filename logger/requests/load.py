"""What the desk holds of all that the requests of a batch name: a statement a table, and the items locked."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select

from desk.any_of import any_of
from desk.directory import find_persons, load_persons
from desk.tables import handled
from logger.load import load_watchers, lock_items
from logger.recipients import People, members
from logger.records import Asked
from logger.requests.decide import Known, named_items, named_persons
from logger.requests.rows import cause
from logger.requests.users import Users, derived_id, settle_users
from logger.senders import is_address
from logger.state import ItemState
from schemas.addresses import normalise
from schemas.desk_commands import NewItem
from schemas.persons import Person
from schemas.snapshot import SettingsSnapshot

_HANDLED = select(handled.c.key).where(any_of(handled.c.key))


@dataclass(frozen=True, slots=True)
class Loaded:
    """`asked`: those not yet handled, each once. `people`: everybody who acts, or is to be named or told."""

    asked: tuple[Asked, ...]
    items: dict[int, ItemState]
    users: Users
    people: People

    @property
    def known(self) -> Known:
        return Known(self.items, self.people.by_id, self.users.named)


def load(connection: Connection, batch: Sequence[Asked], settings: SettingsSnapshot) -> Loaded:
    """Within the batch's transaction: the items stay locked until its end."""
    new = _not_handled(connection, batch)
    items = lock_items(connection, set().union(*(named_items(one.request) for one in new)))
    names = set().union(*(named_persons(one.request) for one in new))
    watching = load_watchers(connection, items)
    names.update(*watching.values(), members(_groups(new, items.values(), settings), settings))
    users, persons = _persons(connection, names, items.values())
    return Loaded(new, items, users, People(persons, watching))


def _groups(
    asked: Sequence[Asked], items: Iterable[ItemState], settings: SettingsSnapshot
) -> Iterator[tuple[str, str]]:
    """Which groups items are assigned to, or will be, each with its partition."""
    yield from ((item.assigned_group, item.partition) for item in items)
    for request in (one.request for one in asked):
        template = settings.call_template(request.call_template) if isinstance(request, NewItem) else None
        if template is not None and isinstance(request, NewItem):
            yield request.assigned_group or template.assigned_group, template.partition


def _not_handled(connection: Connection, batch: Sequence[Asked]) -> tuple[Asked, ...]:
    by_cause: dict[str, Asked] = {}
    for one in batch:
        by_cause.setdefault(cause(one.request), one)
    for key in connection.execute(_HANDLED, {"keys": list(by_cause)}).scalars():
        del by_cause[key]
    return tuple(by_cause.values())


def _persons(connection: Connection, names: set[str], items: Iterable[ItemState]) -> tuple[Users, Mapping[str, Person]]:
    of_items = {one for item in items for one in (item.user, item.logging_analyst)}
    known = load_persons(connection, names | of_items | set(map(derived_id, names)))
    addresses = {normalise(name) for name in names if is_address(name)}
    users = settle_users(sorted(names), known, find_persons(connection, addresses))
    known.update((person.id, person) for person in users.named.values())
    return users, known
