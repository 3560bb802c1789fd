"""Applying settings: what would change, whether all of it fits together, and publishing it in one go."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from console.operations.differences import Difference, differences
from console.operations.email_formats import check_email_formats
from console.operations.references import check_references
from console.operations.setting_secrets import redacted_change
from console.operations.settings_file import SettingsFile
from console.operations.state import PERSON, State
from console.operations.workable import check_workable
from runtime.publisher import Publisher
from schemas import ids
from schemas.base import Model
from schemas.persons import Person
from schemas.servers import SettingsChange
from schemas.settings import IncomingServer, OutgoingServer, Setting
from schemas.topics import PERSONS, SETTINGS, SETTINGS_CHANGES
from schemas.wire import Message, encode, tombstone

SOURCE = "/mailcall/console"
Effect = Literal["new", "changed", "unchanged", "rewritten", "deleted"]


@dataclass(frozen=True, slots=True)
class Change:
    """What applying does to one setting (`key` is `kind/id`) or person (`person/id`). `after`: None for deleted.

    `rewritten`: the newest record cannot be decoded, so it is replaced, even by the value that was in force before it.
    """

    key: str
    effect: Effect
    before: Model | None
    after: Setting | Person | None

    @property
    def fields(self) -> tuple[Difference, ...]:
        """Each field that differs, secrets redacted; of what is new or deleted, each that has not its default."""
        both = self.before is not None and self.after is not None
        return differences(*redacted_change(self.before, self.after, defaults=both))

    @property
    def is_person(self) -> bool:
        return self.key.startswith(PERSON)

    @property
    def is_server(self) -> bool:
        return isinstance(self.after, IncomingServer | OutgoingServer)


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything a file would do, in the order in which it is published."""

    changes: tuple[Change, ...]

    @property
    def effective(self) -> tuple[Change, ...]:
        return tuple(change for change in self.changes if change.effect != "unchanged")


def plan(file: SettingsFile, state: State) -> Plan:
    """What applying the file would change. Raises `SettingsError` where a setting could not work as it stands."""
    check_workable(file)
    check_references(file, state)
    check_email_formats(file, state)
    changes = (
        *(person_change(value, state.persons.get(key)) for key, value in file.persons.items()),
        *(_setting_change(key, value, state.settings.settings.get(key)) for key, value in file.settings.items()),
    )
    return Plan(tuple(_rewritten(change) if change.key in state.undecodable else change for change in changes))


def publish(plan: Plan, publisher: Publisher, who: str, change_reason: str, now: datetime) -> None:
    """Publish what is new or changed, and who changed it. Returns when the broker has acknowledged all of it."""
    messages = [message for change in plan.effective for message in _messages(change, who, change_reason, now)]
    if messages:
        publisher.publish(messages)


def _setting_change(key: str, after: Setting, before: Setting | None) -> Change:
    return Change(key, "new" if before is None else "unchanged" if before == after else "changed", before, after)


def _rewritten(change: Change) -> Change:
    after = change.after
    if isinstance(after, Person) and change.effect == "unchanged":
        after = after.model_copy(update={"version": after.version + 1})
    return replace(change, effect="rewritten", after=after)


def person_change(person: Person, before: Person | None) -> Change:
    """A file need not know versions: a person who differs gets the next one."""
    key = PERSON + person.id
    if before is None:
        return Change(key, "new", None, person.model_copy(update={"version": max(1, person.version)}))
    if before == person.model_copy(update={"version": before.version}):
        return Change(key, "unchanged", before, before)
    return Change(
        key, "changed", before, person.model_copy(update={"version": max(before.version + 1, person.version)})
    )


def event_id(change: Change) -> str:
    """`ce_id` of the record that a change is published as."""
    return ids.event_id(change.key, change.after.model_dump_json() if change.after else "deleted")


def _messages(change: Change, who: str, change_reason: str, now: datetime) -> Iterator[Message]:
    after = change.after
    cause = event_id(change)
    topic, key = (PERSONS, change.key.removeprefix(PERSON)) if change.is_person else (SETTINGS, change.key)
    if after is None:
        yield tombstone(topic, key)
    else:
        yield encode(topic, key, after, id=cause, source=SOURCE, time=now)
    shown_before, shown_after = redacted_change(change.before, after)
    record = SettingsChange(
        key=change.key,
        who=who,
        at=now,
        change_reason=change_reason,
        before=shown_before,
        after=shown_after,
    )
    record_id = ids.event_id(cause, now.isoformat())
    yield encode(SETTINGS_CHANGES, change.key, record, id=record_id, source=SOURCE, time=now)
