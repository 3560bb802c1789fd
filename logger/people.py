"""Persons as the `persons` topic has them: each record replaces the whole person, unless the desk has a newer one."""

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import Connection, Insert, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from desk.any_of import any_of
from desk.bulk import BulkInsert
from desk.tables import person_addresses, persons
from logger import rows
from logger.records import PersonChange
from runtime.logs import get_logger
from runtime.metrics import PERSONS_OUTDATED
from schemas.persons import Person

log = get_logger(__name__)

_ADDRESS = BulkInsert(person_addresses, rows.ADDRESS)
# Locked: another logger that flags a person as a User raises the version. All lock in the same order.
_VERSIONS = select(persons.c.id, persons.c.version).where(any_of(persons.c.id)).order_by(persons.c.id).with_for_update()
# Never deleted: calls refer to them. After a deletion any version is accepted.
_DISABLE = update(persons).where(any_of(persons.c.id)).values(disabled=True, version=0)
_FORGET_ADDRESSES = delete(person_addresses).where(any_of(person_addresses.c.person_id))


def apply_changes(connection: Connection, changes: Sequence[PersonChange]) -> None:
    """Of each person the last record counts that is not older than the desk's.

    Feeding the same records again changes nothing.
    """
    latest = _latest(changes, _versions(connection, changes))
    deleted = sorted(change.id for change in latest if change.person is None)
    if deleted:
        connection.execute(_DISABLE, {"keys": deleted})
    replaced = [change.person for change in latest if change.person is not None]
    if replaced:
        _replace(connection, replaced)


def _latest(changes: Iterable[PersonChange], stored: Mapping[str, int]) -> Iterable[PersonChange]:
    """One change a person. `stored`: the versions that the desk has, by person id."""
    versions = dict(stored)
    latest: dict[str, PersonChange] = {}
    for change in changes:
        known = versions.get(change.id, 0)
        if change.person is not None and change.person.version < known:
            _skip(change, change.person.version, known)
        # Our own records come back to us: the desk has them already, unless the topic is being read from its start.
        elif not (change.echo and change.id in versions and change.person and change.person.version == known):
            latest[change.id] = change
            versions[change.id] = change.person.version if change.person else 0
    return latest.values()


def _skip(change: PersonChange, version: int, known: int) -> None:
    """An older echo is nobody's mistake: the person has been changed since."""
    if not change.echo:
        PERSONS_OUTDATED.inc()
        log.warning(
            "a record of a person is older than what the desk has; the person stays as is",
            person=change.id,
            version=version,
            desk_version=known,
        )


def _versions(connection: Connection, changes: Sequence[PersonChange]) -> dict[str, int]:
    found = connection.execute(_VERSIONS, {"keys": list({change.id for change in changes})})
    return {row.id: row.version for row in found}


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
