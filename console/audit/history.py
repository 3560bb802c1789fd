"""The history of settings and persons, from `settings.changes`: who changed which field, when and why."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from console.settings.entry_data import Difference, differences
from runtime.config import ProcessConfig
from runtime.kafka.topic_reader import read_to_end
from schemas.servers import SettingsChange
from schemas.topics import SETTINGS_CHANGES
from schemas.wire import UndecodableError, decode


@dataclass(frozen=True, slots=True)
class PastChange:
    """A change that was made. No fields: the same value was published again, or only its label.

    `id`: of its record. `before` and `after` as plain data, fields that hold their default left out, secrets redacted;
    None: there was, or is, nothing. `managed_by`: the file or repository that it was managed in, if any.
    """

    id: str
    key: str
    effect: str
    who: str
    at: datetime
    change_reason: str
    fields: tuple[Difference, ...]
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None
    managed_by: str = ""


@dataclass(frozen=True, slots=True)
class Setter:
    """Who set a field to what it is, and when; None where the one who publishes it says no more."""

    who: str
    at: datetime | None


def read_history(config: ProcessConfig) -> list[PastChange]:
    """Every change that is kept, the oldest first. Raises `OutageError`, `TopicMissingError`.

    What the CMDB and the logger publish on `persons` is not in it.
    """
    found: dict[str, PastChange] = {}
    for number, record in enumerate(read_to_end(config, [SETTINGS_CHANGES.name(config.topic_prefix)])):
        try:
            context, change = decode(SETTINGS_CHANGES, record)
        except UndecodableError:
            continue  # somebody else's record tells of no change
        id_ = context.id or str(number)
        found.setdefault(id_, past_change(id_, change))  # published again where an answer was waited for
    return list(found.values())


def last_setter(history: Sequence[PastChange], key: str, field: str, value: Any) -> Setter | None:
    """Who set a field to this value (None: its default); None where the history does not tell."""
    for past in _newest_of(history, key):
        if past.effect == "deleted":
            return None
        touched = next((one for one in past.fields if one.field == field), None)
        if touched or past.effect == "new":
            then = touched.new if touched else None
            # How a secret was redacted then says nothing of what it was.
            return Setter(past.who, past.at) if then == value or field.endswith(".sealed") else None
    return None


def last_change(history: Sequence[PastChange], key: str) -> PastChange | None:
    return next(_newest_of(history, key), None)


def _newest_of(history: Sequence[PastChange], key: str) -> Iterator[PastChange]:
    return (past for past in reversed(history) if past.key == key)


def past_change(id_: str, change: SettingsChange) -> PastChange:
    """The change that a record tells of."""
    fields = differences(change.before, change.after)
    return PastChange(
        id_,
        change.key,
        _effect(change, fields),
        change.who,
        change.at,
        change.change_reason,
        fields,
        change.before,
        change.after,
        change.managed_by,
    )


def _effect(change: SettingsChange, fields: Sequence[Difference]) -> str:
    if change.after is None:
        return "deleted"
    if change.before is None:
        return "new"
    return "changed" if fields else "rewritten"
