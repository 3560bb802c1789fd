"""The Default Logging Analyst, found by what was typed: an id, an address, or words of a name."""

from dataclasses import dataclass

from sqlalchemy import Engine

from console.errors import Problem
from desk.directory import load_persons
from desk.engine import read_transaction
from desk.person_search import PersonQuery, search_persons
from schemas.persons import Person

MOST = 20  # are offered: who is not among them needs more words
_FIELD = (("default_logging_analyst",),)


@dataclass(frozen=True, slots=True)
class Found:
    """`id`: of the one who is meant; None with `people` to choose from, or with nobody."""

    id: str | None = None
    person: Person | None = None
    people: tuple[Person, ...] = ()
    more: bool = False
    problems: tuple[Problem, ...] = ()


def find_analyst(engine: Engine, text: str) -> Found:
    """Raises `OutageError`."""
    text = text.strip()
    if not text:
        return Found()
    with read_transaction(engine) as connection:
        person = load_persons(connection, [text]).get(text)
        if person is not None:
            return Found(person.id, person)
        query = PersonQuery(text=text[:200], flag="analyst", disabled=False)
        people = tuple(search_persons(connection, query, limit=MOST + 1))
    if not people:
        problem = Problem(
            f"no Analyst is found by {text[:60]!r}", "type an id, an address or part of a name", fields=_FIELD
        )
        return Found(problems=(problem,))
    if len(people) == 1:
        return Found(people[0].id, people[0])
    problem = Problem(
        "several Analysts are found by this", "choose one of them, or type more of the name", fields=_FIELD
    )
    return Found(people=people[:MOST], more=len(people) > MOST, problems=(problem,))
