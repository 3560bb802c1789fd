"""What is set up at this moment, read from the compacted topics."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from schemas.persons import Person
from schemas.settings import Setting
from schemas.snapshot import SettingsSnapshot
from schemas.topics import PERSONS, SETTINGS, Topic
from schemas.wire import Record, UndecodableError, decode

if TYPE_CHECKING:
    from runtime.config import ProcessConfig


@dataclass(frozen=True, slots=True)
class State:
    """All settings, and all persons by id."""

    settings: SettingsSnapshot = field(default_factory=SettingsSnapshot)
    persons: Mapping[str, Person] = field(default_factory=dict)


def read_state(config: "ProcessConfig") -> State:
    """Settings and persons as they stand on the broker now. Raises `OutageError`, `TopicMissingError`."""
    from runtime.reader import read_to_end  # here: explaining with a settings file needs no broker and starts faster

    names = {topic.name(config.topic_prefix): topic for topic in (SETTINGS, PERSONS)}
    changes: list[tuple[str, Setting | None, int]] = []
    persons: dict[str, Person] = {}
    for topic, record, value in _decoded(names, read_to_end(config, list(names))):
        key = (record.key or b"").decode("utf-8", "replace")
        if topic is SETTINGS:
            changes.append((key, value, record.offset))
        elif value is None:
            persons.pop(key, None)
        else:
            persons[key] = value
    return State(SettingsSnapshot().with_changes(changes), persons)


def _decoded(names: Mapping[str, Topic], records: Iterable[Record]) -> Iterable[tuple[Topic, Record, Any]]:
    """Topic, record and value (None: deleted) of every record that can be read; the stages pass over the others too."""
    for record in records:
        topic = names[record.topic]
        try:
            yield topic, record, None if record.value is None else decode(topic, record)[1]
        except UndecodableError:
            continue
