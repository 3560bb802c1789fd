"""Persons: those created by a command, and the `persons` topic, whose records each replace a whole person."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Insert, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from desk.fast_writes import BulkInsert
from desk.persons import load_persons
from desk.queries import any_of
from desk.tables import person_addresses, persons
from logger.core.persons import PersonChange
from runtime.telemetry.logs import get_logger
from runtime.telemetry.metrics import PERSONS_OUTDATED
from schemas.addresses import normalise
from schemas.persons import Person

log = get_logger(__name__)

_COLUMNS = ("id", "first_name", "last_name", "is_user", "is_analyst", "email_format", "office", "disabled", "version")
_PERSON = BulkInsert(persons, _COLUMNS)
_ADDRESS = BulkInsert(person_addresses, ("person_id", "position", "address", "normalised"))
# Locked: another logger that flags a person as a User raises the version. All lock in the same order.
_VERSIONS = select(persons.c.id, persons.c.version).where(any_of(persons.c.id)).order_by(persons.c.id).with_for_update()
# Never deleted: calls refer to them. After a deletion any version is accepted.
_DISABLE = update(persons).where(any_of(persons.c.id)).values(disabled=True, version=0)
_FORGET_ADDRESSES = delete(person_addresses).where(any_of(person_addresses.c.person_id))
_FLAG_USERS = (
    update(persons)
    .where(any_of(persons.c.id), persons.c.is_user.is_(False))
    .values(is_user=True, version=persons.c.version + 1)
    .returning(persons.c.id)
)


def write_persons(connection: Connection, new: Sequence[Person]) -> None:
    if new:
        _PERSON.insert(connection, _person_rows(new))
        _ADDRESS.insert(connection, _address_rows(new))


def flag_users(connection: Connection, ids: Collection[str]) -> list[Person]:
    """Sets the User flag of those who do not have it, and returns them as they are then."""
    if not ids:
        return []
    flagged = list(connection.execute(_FLAG_USERS, {"keys": sorted(ids)}).scalars())
    return list(load_persons(connection, flagged).values())


def apply_changes(connection: Connection, changes: Sequence[PersonChange]) -> None:
    """Of each person the last record counts that is not older than the desk's. Applying them again changes nothing."""
    latest = _latest(changes, _versions(connection, changes))
    deleted = sorted(change.id for change in latest if change.person is None)
    if deleted:
        connection.execute(_DISABLE, {"keys": deleted})
    replaced = [change.person for change in latest if change.person is not None]
    if replaced:
        _replace(connection, replaced)


def _latest(changes: Iterable[PersonChange], stored: Mapping[str, int]) -> Iterable[PersonChange]:
    """One change per person. `stored`: the versions that the desk has, by person id."""
    versions = dict(stored)
    latest: dict[str, PersonChange] = {}
    for change in changes:
        known = versions.get(change.id, 0)
        if change.person is not None and change.person.version < known:
            _skip(change, change.person.version, known)
        # Our own records are read again: the desk has them already, unless the topic is being read from its start.
        elif not (change.echo and change.id in versions and change.person and change.person.version == known):
            latest[change.id] = change
            versions[change.id] = change.person.version if change.person else 0
    return latest.values()


def _skip(change: PersonChange, version: int, known: int) -> None:
    """An older echo is nobody's mistake: the person has been changed since."""
    if not change.echo:
        PERSONS_OUTDATED.inc()
        log.warning(
            "a person's record is older than the desk's version; the person stays unchanged",
            person=change.id,
            version=version,
            desk_version=known,
        )


def _versions(connection: Connection, changes: Sequence[PersonChange]) -> dict[str, int]:
    found = connection.execute(_VERSIONS, {"keys": list({change.id for change in changes})})
    return {row.id: row.version for row in found}


def _replace(connection: Connection, people: list[Person]) -> None:
    people.sort(key=lambda person: person.id)  # every logger locks in the same order
    values = [dict(zip(_COLUMNS, row, strict=True)) for row in _person_rows(people)]
    connection.execute(_UPSERT[connection.dialect.name], values)
    connection.execute(_FORGET_ADDRESSES, {"keys": [person.id for person in people]})
    _ADDRESS.insert(connection, _address_rows(people))


def _person_rows(people: Iterable[Person]) -> list[tuple[Any, ...]]:
    return [
        (
            *(
                person.id,
                person.first_name,
                person.last_name,
                person.is_user,
                person.is_analyst,
                person.email_format,
                person.office,
            ),
            *(person.disabled, person.version),
        )
        for person in people
    ]


def _address_rows(people: Iterable[Person]) -> list[tuple[Any, ...]]:
    return [
        (person.id, position, address, normalise(address))
        for person in people
        for position, address in enumerate(person.addresses)
    ]


def _upsert(insert: postgresql.Insert | sqlite.Insert) -> Insert:
    return insert.on_conflict_do_update(
        index_elements=[persons.c.id],
        set_={name: column for name, column in insert.excluded.items() if name != "id"},
    )


_UPSERT = {"postgresql": _upsert(postgresql.insert(persons)), "sqlite": _upsert(sqlite.insert(persons))}
