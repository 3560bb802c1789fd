"""Persons as a list: found by words, chosen by flag, a page at a time in the order of their names. Read only."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import CTE, ColumnElement, Connection, Select, func, or_, select

from desk.directory import load_persons
from desk.lists import cut, holds, words
from desk.tables import person_addresses, persons
from schemas.addresses import normalise
from schemas.persons import Person

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


@dataclass(frozen=True, slots=True)
class PersonQuery:
    """`text`: words that all stand in a person's id, names, office or addresses. `address`: one of the person's.

    `disabled` None: whether or not.
    """

    text: str = ""
    address: str = ""
    flag: Flag | None = None
    disabled: bool | None = None


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
