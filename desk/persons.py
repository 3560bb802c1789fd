"""Persons: by e-mail address, by id, and as a list that is searched a page at a time. Read only."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import CTE, ColumnElement, Connection, Select, func, or_, select

from desk.prepared import Prepared
from desk.queries import any_of, cut, holds, words
from desk.tables import person_addresses, persons
from schemas.addresses import normalise
from schemas.persons import Person
from schemas.settings import Format

Flag = Literal["user", "analyst", "analyst-only", "user-only", "both"]
# What is_user and is_analyst are; None: either.
FLAGS: Mapping[Flag, tuple[bool | None, bool | None]] = {
    "user": (True, None),
    "analyst": (None, True),
    "analyst-only": (False, True),
    "user-only": (True, False),
    "both": (True, True),
}
_ORDER = (persons.c.last_name, persons.c.first_name, persons.c.id)
Place = tuple[str, str, str]  # of a person in the list
# Once each, also where two addresses of a person are the same to a mail system.
_ASKED = (
    select(person_addresses.c.normalised.label("asked"), person_addresses.c.person_id)
    .where(any_of(person_addresses.c.normalised))
    .distinct()
    .subquery("asked")
)
_PERSONS = select(persons, person_addresses.c.address).outerjoin_from(
    persons, person_addresses, person_addresses.c.person_id == persons.c.id
)
_BY_ID = Prepared(_PERSONS.where(any_of(persons.c.id)).order_by(persons.c.id, person_addresses.c.position))
_BY_ADDRESS = Prepared(
    select(_ASKED.c.asked, persons, person_addresses.c.address)
    .join_from(_ASKED, persons, persons.c.id == _ASKED.c.person_id)
    .join(person_addresses, person_addresses.c.person_id == _ASKED.c.person_id)
    .order_by(person_addresses.c.position)
)


@dataclass(frozen=True, slots=True)
class PersonQuery:
    """`text`: words that all stand in a person's id, names, office or addresses. `address`: one of the person's.

    `disabled` None: whether or not.
    """

    text: str = ""
    address: str = ""
    flag: Flag | None = None
    disabled: bool | None = None


def find_persons(connection: Connection, addresses: Collection[str]) -> dict[str, tuple[Person, ...]]:
    """Persons by normalised address, in ascending id; which of several is used says `schemas.persons.first_found`.

    Addresses that nobody has are left out. Disabled persons are in it, with their flag.
    """
    if not addresses:
        return {}
    owners: dict[str, dict[str, list[Any]]] = {}
    for row in _BY_ADDRESS.rows(connection, keys=list(addresses)):
        owners.setdefault(row.asked, {}).setdefault(row.id, []).append(row)
    return {address: tuple(_person(rows) for _, rows in sorted(found.items())) for address, found in owners.items()}


def load_persons(connection: Connection, ids: Collection[str]) -> dict[str, Person]:
    """Persons by id; unknown ids are left out."""
    if not ids:
        return {}
    grouped: dict[str, list[Any]] = {}
    for row in _BY_ID.rows(connection, keys=list(ids)):
        grouped.setdefault(row.id, []).append(row)
    return {id_: _person(rows) for id_, rows in grouped.items()}


def search_persons(
    connection: Connection,
    query: PersonQuery,
    *,
    place: Place | None = None,
    backwards: bool = False,
    limit: int = 50,
) -> list[Person]:
    """At most `limit` persons that come behind `place`, by last name, first name and id; `backwards`: before it."""
    source = _with_text(query) if query.text.strip() else _chosen(query, *_ORDER).subquery("chosen")
    order = tuple(source.c[column.name] for column in _ORDER)
    wanted = select(source.c.id)
    for word in words(query.text):
        in_address = select(person_addresses.c.person_id).where(holds(person_addresses.c.normalised, word))
        wanted = wanted.where(or_(holds(source.c.lowered, word), source.c.id.in_(in_address)))
    ids = list(connection.scalars(cut(wanted, order, place, limit, backwards=backwards)))
    found = load_persons(connection, ids)
    return [found[id_] for id_ in ids if id_ in found]


def place_of(person: Person) -> Place:
    """Where the person stands in the list: what `place` takes."""
    return person.last_name, person.first_name, person.id


def offices_in_use(connection: Connection, limit: int) -> tuple[str, ...]:
    """The persons' offices, each once, at most `limit`."""
    query = select(persons.c.office).distinct().where(persons.c.office != "").limit(limit)
    return tuple(connection.scalars(query))


def _person(rows: Sequence[Any]) -> Person:
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


def _chosen(query: PersonQuery, *columns: ColumnElement[Any]) -> Select[Any]:
    """These columns of those whom flag, address and state choose."""
    is_user, is_analyst = FLAGS[query.flag] if query.flag else (None, None)
    details = ((persons.c.is_user, is_user), (persons.c.is_analyst, is_analyst), (persons.c.disabled, query.disabled))
    chosen = select(*columns).where(*(column == value for column, value in details if value is not None))
    if query.address:
        mine = person_addresses.c.normalised == normalise(query.address)
        chosen = chosen.where(persons.c.id.in_(select(person_addresses.c.person_id).where(mine)))
    return chosen


def _with_text(query: PersonQuery) -> CTE:
    """Likewise, with what words are looked for in: put together once, however many words there are."""
    blank = " "
    described = persons.c.id + blank + persons.c.first_name + blank + persons.c.last_name + blank + persons.c.office
    chosen = _chosen(query, *_ORDER, func.lower(described).label("lowered")).cte("chosen")
    return chosen.prefix_with("MATERIALIZED", dialect="postgresql")
