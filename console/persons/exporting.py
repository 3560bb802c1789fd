"""Every person that a search finds, a part at a time: one look at the desk holds no more than a part."""

from collections.abc import Iterator

from sqlalchemy import Engine

from desk.engine import read_transaction
from desk.person_search import PersonQuery, place_of, search_persons
from schemas.persons import Person

_PART = 1000


def every_person(engine: Engine, query: PersonQuery) -> Iterator[Person]:
    """In the order of the list. Raises `OutageError`."""
    place = None
    while True:
        with read_transaction(engine) as connection:
            found = search_persons(connection, query, place=place, limit=_PART)
        yield from found
        if len(found) < _PART:
            return
        place = place_of(found[-1])
