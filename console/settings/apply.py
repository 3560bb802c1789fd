"""Applying settings: what would change, whether all of it fits together, and publishing it in one go."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from console.errors import UserError
from console.settings.checks import unresolved, unworkable, wrong_email_formats
from console.settings.entry_data import Difference, differences
from console.settings.secrets import redacted_change
from console.settings.settings_file import SettingsFile
from console.settings.state import MANAGED_BY, PERSON, State
from runtime.kafka.producer import Publisher, UnpublishableError
from schemas import ids
from schemas.persons import Person
from schemas.servers import SettingsChange
from schemas.settings import IncomingServer, OutgoingServer, Setting
from schemas.topics import PERSONS, SETTINGS, SETTINGS_CHANGES
from schemas.wire import OutputRecord, encode, tombstone

SOURCE = "/mailcall/console"
Effect = Literal["new", "changed", "unchanged", "rewritten", "labelled", "deleted"]


@dataclass(frozen=True, slots=True)
class Change:
    """What applying does to one setting (`key` is `kind/id`) or person (`person/id`). `after`: None for deleted.

    `rewritten`: the newest record cannot be decoded, so it is replaced, even by the value that was in force before it.
    `labelled`: nothing changes but `managed_by`, the file or repository that a setting is managed in ("" none, None as
    before).
    """

    key: str
    effect: Effect
    before: Setting | Person | None
    after: Setting | Person | None
    managed_by: str | None = None

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
    """Everything a file would do, in the order in which it is published.

    `settings_at`: version of the settings that it is made from (`SettingsSnapshot.at`).
    """

    changes: tuple[Change, ...]
    settings_at: int = -1

    @property
    def checking_nobody(self) -> tuple[str, ...]:
        """Ids of the incoming servers, new or changed, where anybody can write in anybody's name."""
        servers = (change.after for change in self.effective if isinstance(change.after, IncomingServer))
        return tuple(server.id for server in servers if server.trust == "off")

    @property
    def effective(self) -> tuple[Change, ...]:
        return tuple(change for change in self.changes if change.effect != "unchanged")


def plan(file: SettingsFile, state: State, managed_by: str | None = None) -> Plan:
    """What applying the file would change. Raises `UserError` where a setting could not work as it stands.

    `managed_by`: where the file's settings are managed from now on ("": nowhere); None leaves that as it is.
    """
    problems = (*unworkable(file), *unresolved(file, state), *wrong_email_formats(file, state))
    if problems:
        raise UserError.of(problems)
    return planned_changes(file, state, managed_by)


def planned_changes(file: SettingsFile, state: State, managed_by: str | None = None) -> Plan:
    """The same of a file that has been checked."""
    changes = (
        *(person_change(value, state.persons.get(key)) for key, value in file.persons.items()),
        *(_setting_change(key, value, state.settings.settings.get(key)) for key, value in file.settings.items()),
    )
    changes = tuple(_rewritten(change) if change.key in state.undecodable else change for change in changes)
    return Plan(tuple(_labelled(change, state, managed_by) for change in changes), state.settings.at)


def publish(plan: Plan, publisher: Publisher, who: str, change_reason: str, now: datetime) -> None:
    """Publish what is new or changed, and who changed it. Returns when the broker has acknowledged all of it.

    The history comes first, whole: where the broker goes away in between, it tells of what applying again completes,
    and nothing is ever in force that it does not tell of. It holds what was there and what is to be, so that it is the
    larger one: where the broker takes no record of that size nothing is published, and `UserError` raised.
    """
    if not plan.effective:
        return
    try:
        publisher.publish([_recorded(change, who, change_reason, now) for change in plan.effective])
    except UnpublishableError as error:
        raise UserError(
            f"nothing was saved: with what was there before it is larger than the broker takes ({error})",
            "shorten the longest text, or raise MAILCALL_KAFKA_MAX_RECORD_BYTES and what the broker takes",
        ) from None
    publisher.publish([_message(change, now) for change in plan.effective])


def _setting_change(key: str, after: Setting, before: Setting | None) -> Change:
    return Change(key, "new" if before is None else "unchanged" if before == after else "changed", before, after)


def _labelled(change: Change, state: State, managed_by: str | None) -> Change:
    """Persons have no label: other systems publish them as well."""
    if managed_by is None or change.is_person:
        return change
    had = state.managed.get(change.key, "")
    effect: Effect = "labelled" if change.effect == "unchanged" and managed_by != had else change.effect
    return replace(change, effect=effect, managed_by=managed_by)


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


def _message(change: Change, now: datetime) -> OutputRecord:
    topic, key = (PERSONS, change.key.removeprefix(PERSON)) if change.is_person else (SETTINGS, change.key)
    if change.after is None:
        return tombstone(topic, key)
    label = {MANAGED_BY: change.managed_by} if change.managed_by else None
    return encode(topic, key, change.after, id=event_id(change), source=SOURCE, time=now, extensions=label)


def _recorded(change: Change, who: str, change_reason: str, now: datetime) -> OutputRecord:
    """The change as the history tells of it."""
    shown_before, shown_after = redacted_change(change.before, change.after)
    record = SettingsChange(
        key=change.key,
        who=who,
        at=now,
        change_reason=change_reason,
        managed_by=change.managed_by or "",
        before=shown_before,
        after=shown_after,
    )
    record_id = ids.event_id(event_id(change), now.isoformat())
    return encode(SETTINGS_CHANGES, change.key, record, id=record_id, source=SOURCE, time=now)
