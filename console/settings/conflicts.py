"""Somebody else has changed what was to be changed: what the topic holds of each setting, and who changed what."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from console.audit.history import PastChange, last_change, read_history
from console.config import ConsoleConfig
from console.errors import Problem, Remedy, UserError
from console.settings.apply import Change
from console.settings.entry_data import Difference, differences
from console.settings.secrets import redacted_change
from console.settings.state import MANAGED_BY
from runtime.kafka.topic_reader import read_to_end
from schemas.base import Model
from schemas.keyed import decode_keyed, key_of
from schemas.settings import Setting
from schemas.snapshot import SettingsSnapshot
from schemas.topics import SETTINGS
from schemas.wire import UndecodableError

_FIELDS_TOLD = 5


@dataclass(frozen=True, slots=True)
class OthersChange:
    """What somebody else has done to a setting since it was looked at. `who` and `at`: None where it is not known.

    `fields`: what differs from what was looked at, secrets redacted; empty where that is not known.
    """

    key: str
    deleted: bool
    who: str | None = None
    at: datetime | None = None
    fields: tuple[Difference, ...] = ()

    @property
    def text(self) -> str:
        done = "deleted" if self.deleted else "changed"
        by = f" by {self.who}" if self.who else ""
        at = f" at {self.at.isoformat(timespec='seconds')}" if self.at else ""
        fields = "" if self.deleted else "; ".join(map(_told, self.fields[:_FIELDS_TOLD]))
        more = len(self.fields) - _FIELDS_TOLD
        also = f" and {more} more" if fields and more > 0 else ""
        return f"it was {done} meanwhile{by}{at}" + (f": {fields}{also}" if fields else "")


class ConflictError(UserError):
    """Nothing is saved: somebody else was quicker. `changes`: what the other one did, by key."""

    changes: Mapping[str, OthersChange]


def conflict(changes: Mapping[str, OthersChange]) -> ConflictError:
    """The error that tells of these changes, by key."""
    error = ConflictError.of(
        Problem(one.text, Remedy.LOOK_AGAIN, key, key=key, fields=tuple((field.field,) for field in one.fields))
        for key, one in changes.items()
    )
    error.changes = changes
    return error


def _told(one: Difference) -> str:
    return f"{one.field} from {_value(one.old)} to {_value(one.new)}"


def _value(value: object) -> str:
    return "nothing" if value is None else repr(value)


@dataclass(frozen=True, slots=True)
class KeptRecord:
    """One record of a setting. `id`: its `ce_id`, "" for a tombstone."""

    offset: int
    id: str
    value: Setting | None
    managed_by: str


Records = Mapping[str, Sequence[KeptRecord]]  # by the setting's key, in the topic's order


def read_records(config: ConsoleConfig) -> Records:
    """What the topic holds of each setting. What cannot be decoded counts for nothing."""
    found: dict[str, list[KeptRecord]] = {}
    for record in read_to_end(config, [SETTINGS.name(config.topic_prefix)]):
        kept = KeptRecord(record.offset, "", None, "")
        if record.value is not None:
            try:
                context, value = decode_keyed(SETTINGS, record)
            except UndecodableError:
                continue
            kept = KeptRecord(record.offset, context.id, value, context.extensions.get(MANAGED_BY, ""))
        found.setdefault(key_of(record), []).append(kept)
    return found


def snapshot_of(records: Records) -> SettingsSnapshot:
    return SettingsSnapshot().with_changes((key, kept[-1].value, kept[-1].offset) for key, kept in records.items())


def check_unchanged(
    config: ConsoleConfig,
    changes: Sequence[Change],
    settings_at: int,
    records: Records,
    looked_at: Mapping[str, int | None],
) -> None:
    """Raises `ConflictError` for what is not what was looked at, or is not what the plan was made from."""
    found: list[OthersChange] = []
    for change in changes:
        kept = records.get(change.key, ())
        now = kept[-1] if kept else KeptRecord(-1, "", None, "")
        version = None if now.value is None else now.offset
        seen = looked_at.get(change.key, version)
        if seen != version:
            known = next((one.value for one in kept if one.offset == seen), None)
            found.append(others_change(change.key, known, now.value))
        elif now.offset > settings_at and now.value not in (change.before, change.after):  # the latter: asked for again
            found.append(others_change(change.key, change.before, now.value))
    if found:
        raise conflict(with_authors(found, read_history(config)))


def others_change(key: str, seen: Model | None, now: Setting | None) -> OthersChange:
    """`seen`: what was looked at, where that is known."""
    return OthersChange(key, now is None, fields=differences(*redacted_change(seen, now)) if seen and now else ())


def with_authors(changes: Sequence[OthersChange], history: Sequence[PastChange]) -> dict[str, OthersChange]:
    """With who has made them, and what he changed where that is not known otherwise."""
    found = {}
    for change in changes:
        past = last_change(history, change.key)
        known = past and replace(change, who=past.who, at=past.at, fields=change.fields or past.fields)
        found[change.key] = known or change
    return found
