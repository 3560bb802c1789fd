"""Who is who: persons by e-mail address and by id. Read only."""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Connection, Row, select

from desk.any_of import any_of
from desk.tables import person_addresses, persons
from schemas.persons import Person
from schemas.settings import Format

_asked = person_addresses.alias("asked")
_PERSONS = select(persons, person_addresses.c.address).outerjoin_from(
    persons, person_addresses, person_addresses.c.person_id == persons.c.id
)
_BY_ID = _PERSONS.where(any_of(persons.c.id)).order_by(persons.c.id, person_addresses.c.position)
_IDS_BY_ADDRESS = select(_asked.c.normalised, _asked.c.person_id).where(any_of(_asked.c.normalised))


def find_persons(connection: Connection, addresses: Collection[str]) -> dict[str, tuple[Person, ...]]:
    """Persons by normalised address, in ascending id; which of several is used says `schemas.persons.first_found`.

    Addresses that nobody has are left out. Disabled persons are in it, with their flag.
    """
    if not addresses:
        return {}
    owners: dict[str, set[str]] = {}
    for address, person_id in connection.execute(_IDS_BY_ADDRESS, {"keys": list(addresses)}):
        owners.setdefault(address, set()).add(person_id)
    found = load_persons(connection, set().union(*owners.values()))
    return {address: tuple(found[id_] for id_ in sorted(ids)) for address, ids in owners.items()}


def load_persons(connection: Connection, ids: Collection[str]) -> dict[str, Person]:
    """Persons by id; unknown ids are left out."""
    if not ids:
        return {}
    grouped: dict[str, list[Row[Any]]] = {}
    for row in connection.execute(_BY_ID, {"keys": list(ids)}):
        grouped.setdefault(row.id, []).append(row)
    return {id_: _person(rows) for id_, rows in grouped.items()}


def _person(rows: Sequence[Row[Any]]) -> Person:
    """One person from one row an address (or one row without). Not validated again: this is done for every mail."""
    row = rows[0]
    return Person.model_construct(
        id=row.id,
        first_name=row.first_name,
        last_name=row.last_name,
        addresses=tuple(row.address for row in rows if row.address is not None),
        is_user=row.is_user,
        is_analyst=row.is_analyst,
        email_format=row.email_format and Format(row.email_format),
        office=row.office,
        disabled=row.disabled,
        version=row.version,
    )
