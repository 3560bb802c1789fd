"""Persons as they stand now: those of the desk, with what is on the topic and not in the desk yet."""

import itertools
from collections.abc import Collection, Mapping

from sqlalchemy import Engine

from console.topics.progress import read_stage_offsets
from desk.engine import read_transaction
from desk.persons import PersonQuery, find_persons, load_persons, search_persons
from runtime.config import ProcessConfig
from runtime.kafka.topic_reader import read_from
from schemas.addresses import normalise
from schemas.keyed import decode_keyed, key_of
from schemas.persons import Person
from schemas.topics import PERSONS
from schemas.wire import UndecodableError

_ALIKE = 2  # first characters
_MOST_ALIKE = 200
_LOGGER = "logger"  # the stage that stores persons


class CurrentPersons:
    """One look at the topic; then any number at the desk.

    The desk's copy is as old as the logger is behind. What is changed on top of it would undo what others have
    published since, so that is read: from where the logger has come to, which is the end, or near it.
    """

    def __init__(self, config: ProcessConfig, engine: Engine) -> None:
        """Raises `OutageError`, `TopicMissingError`."""
        self._engine = engine
        self._recent = _read_recent(config)

    def find(self, ids: Collection[str], addresses: Collection[str] = ()) -> dict[str, Person]:
        """Those who have one of these ids or addresses (normalised), by id; disabled ones too. Raises `OutageError`."""
        wanted = set(addresses)
        recent = {id_ for id_, records in self._recent.items() if any(_has(one, wanted) for one in records)}
        with read_transaction(self._engine) as connection:
            by_address = find_persons(connection, wanted)
            known = load_persons(connection, {*ids, *recent})
        stored = {one.id: one for persons in by_address.values() for one in persons} | known
        found = {id_: self._current(id_, stored.get(id_)) for id_ in {*ids, *recent, *stored}}
        return {
            id_: person for id_, person in found.items() if person is not None and (id_ in ids or _has(person, wanted))
        }

    def resembling(self, name: str) -> list[Person]:
        """Some whose ids or addresses begin as this name does, so that one can be proposed. Raises `OutageError`."""
        with read_transaction(self._engine) as connection:
            stored = search_persons(connection, PersonQuery(name[:_ALIKE]), limit=_MOST_ALIKE)
        recent = (one for records in self._recent.values() for one in records if one is not None)
        return [*stored, *itertools.islice(recent, _MOST_ALIKE)]

    def _current(self, id_: str, stored: Person | None) -> Person | None:
        """As the logger will store it: each record that is not older, and nothing is ever deleted."""
        current = stored
        for record in self._recent.get(id_, ()):
            if record is None:
                current = current and current.model_copy(update={"disabled": True, "version": 0})
            elif current is None or record.version >= current.version:
                current = record
        return current


def _has(person: Person | None, addresses: Collection[str]) -> bool:
    return person is not None and any(normalise(address) in addresses for address in person.addresses)


def _read_recent(config: ProcessConfig) -> Mapping[str, tuple[Person | None, ...]]:
    """What the logger has yet to store, by id, in its order; None for a deletion."""
    topic = PERSONS.name(config.topic_prefix)
    recent: dict[str, tuple[Person | None, ...]] = {}
    for record in read_from(config, [topic], read_stage_offsets(config, _LOGGER)):
        try:
            person = None if record.value is None else decode_keyed(PERSONS, record)[1]
        except UndecodableError:
            continue  # nobody takes it over
        id_ = key_of(record)
        recent[id_] = (*recent.get(id_, ()), person)
    return recent
