"""What is set up at this moment, read from the compacted topics."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from schemas.keyed import decode_keyed, key_of
from schemas.persons import Person
from schemas.settings import Setting
from schemas.snapshot import SettingsSnapshot
from schemas.topics import PERSONS, SETTINGS
from schemas.wire import Record, UndecodableError

if TYPE_CHECKING:
    from runtime.config import ProcessConfig

PERSON = "person/"  # what stands before a person's id where settings and persons are named together
MANAGED_BY = "managedby"  # CloudEvents extension of a setting's record
_OLDER = "its version {} is lower than {}"


@dataclass(frozen=True, slots=True)
class State:
    """All settings, and all persons by id.

    `undecodable`: why the newest record of a key (`kind/id`, `person/id`) counts for nothing. The one before it is in
    force, but only until the broker compacts the topic. `sources`: who published the person, by id (`ce_source`).
    `managed`: the file or repository that a setting is managed in, by key, where it is in one.
    """

    settings: SettingsSnapshot = field(default_factory=SettingsSnapshot)
    persons: Mapping[str, Person] = field(default_factory=dict)
    undecodable: Mapping[str, str] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)
    managed: Mapping[str, str] = field(default_factory=dict)

    def value(self, key: str) -> Setting | Person | None:
        """The setting or person in force under `kind/id` or `person/id`."""
        if key.startswith(PERSON):
            return self.persons.get(key.removeprefix(PERSON))
        return self.settings.settings.get(key)

    def version(self, key: str) -> int | None:
        """What changes with every change of a setting or person; None where there is none."""
        if key.startswith(PERSON):
            person = self.persons.get(key.removeprefix(PERSON))
            return person.version if person else None
        return self.settings.versions.get(key)


def read_state(config: "ProcessConfig") -> State:
    """Settings and persons as they stand on the broker now. Raises `OutageError`, `TopicMissingError`."""
    from runtime.kafka.topic_reader import (
        read_to_end,  # here: explaining with a settings file needs no broker and starts faster
    )

    settings, persons = SETTINGS.name(config.topic_prefix), PERSONS.name(config.topic_prefix)
    reading = _Reading()
    for record in read_to_end(config, [settings, persons]):
        take = reading.setting if record.topic == settings else reading.person
        take(record)
    return reading.result()


def read_settings(config: "ProcessConfig") -> SettingsSnapshot:
    """Settings alone, which are few: there may be very many persons. Raises as `read_state`."""
    from runtime.kafka.topic_reader import read_to_end

    reading = _Reading()
    for record in read_to_end(config, [SETTINGS.name(config.topic_prefix)]):
        reading.setting(record)
    return reading.result().settings


class _Reading:
    """One run over both topics. Records that cannot be decoded are skipped, as the stages skip them."""

    def __init__(self) -> None:
        self._changes: list[tuple[str, Setting | None, int]] = []
        self._persons: dict[str, Person] = {}
        self._sources: dict[str, str] = {}
        self._undecodable: dict[str, str] = {}
        self._managed: dict[str, str] = {}

    def result(self) -> State:
        snapshot = SettingsSnapshot().with_changes(self._changes)
        return State(snapshot, self._persons, self._undecodable, self._sources, self._managed)

    def setting(self, record: Record) -> None:
        key = key_of(record)
        try:
            context, value = (None, None) if record.value is None else decode_keyed(SETTINGS, record)
        except UndecodableError as error:
            self._undecodable[key] = str(error)
            return
        self._managed.pop(key, None)
        if context and (managed_by := context.extensions.get(MANAGED_BY)):
            self._managed[key] = managed_by
        self._changes.append((key, value, record.offset))
        self._undecodable.pop(key, None)

    def person(self, record: Record) -> None:
        id_ = key_of(record)
        key = PERSON + id_
        if record.value is None:
            for kept in (self._persons, self._sources):
                kept.pop(id_, None)
            self._undecodable.pop(key, None)
            return
        try:
            context, person = decode_keyed(PERSONS, record)
        except UndecodableError as error:
            self._undecodable[key] = str(error)
            return
        before = self._persons.get(id_)
        if before is not None and person.version < before.version:  # the logger skips it, too
            self._undecodable[key] = _OLDER.format(person.version, before.version)
            return
        self._persons[id_], self._sources[id_] = person, context.source
        self._undecodable.pop(key, None)
