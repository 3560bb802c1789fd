"""Persons as the `persons` topic has them: each record replaces the whole person."""

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, Insert, delete, update
from sqlalchemy.dialects import postgresql, sqlite

from desk.among import among
from desk.bulk import BulkInsert
from desk.directory import load_persons
from desk.tables import person_addresses, persons
from logger import rows
from logger.records import PersonChange
from schemas.persons import Person

_ADDRESS = BulkInsert(person_addresses, rows.ADDRESS)
# Never deleted: calls refer to them.
_DISABLE = update(persons).where(among(persons.c.id)).values(disabled=True)
_FORGET_ADDRESSES = delete(person_addresses).where(among(person_addresses.c.person_id))


def apply_changes(connection: Connection, changes: Sequence[PersonChange]) -> None:
    """The last record of each person counts. Feeding the same records again changes nothing."""
    latest = {change.id: change for change in changes}
    deleted = sorted(change.id for change in latest.values() if change.person is None)
    if deleted:
        connection.execute(_DISABLE, {"keys": deleted})
    replaced = _without_old_echoes(connection, latest.values())
    if replaced:
        _replace(connection, replaced)


def _without_old_echoes(connection: Connection, changes: Iterable[PersonChange]) -> list[Person]:
    """Our own records come back to us: the desk has them already, unless the topic is being read from its start."""
    echoes = load_persons(connection, [change.id for change in changes if change.echo])
    return [
        change.person
        for change in changes
        if change.person is not None
        and not (change.id in echoes and change.person.version <= echoes[change.id].version)
    ]


def _replace(connection: Connection, people: list[Person]) -> None:
    people.sort(key=lambda person: person.id)  # every logger locks in the same order
    values = [dict(zip(rows.PERSON, row, strict=True)) for row in rows.person_rows(people)]
    connection.execute(_UPSERT[connection.dialect.name], values)
    connection.execute(_FORGET_ADDRESSES, {"keys": [person.id for person in people]})
    _ADDRESS.insert(connection, rows.address_rows(people))


def _upsert(insert: postgresql.Insert | sqlite.Insert) -> Insert:
    return insert.on_conflict_do_update(
        index_elements=[persons.c.id],
        set_={name: column for name, column in insert.excluded.items() if name != "id"},
    )


_UPSERT = {"postgresql": _upsert(postgresql.insert(persons)), "sqlite": _upsert(sqlite.insert(persons))}
