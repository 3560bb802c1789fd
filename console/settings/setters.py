"""Each field that a change is about to set, beside who set it last."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from console.audit.history import PastChange, last_setter
from console.settings.apply import SOURCE, Change
from console.settings.differences import flatten
from console.settings.setting_secrets import redacted
from console.settings.state import PERSON, State


@dataclass(frozen=True, slots=True)
class FieldChange:
    """`set_by`: who set the old value. An administrator's name, or the program that publishes the person (`ce_source`);
    None where nobody did, or it is not known."""

    field: str
    old: Any
    new: Any
    set_by: str | None
    set_at: datetime | None


def field_changes(change: Change, history: Sequence[PastChange], state: State) -> list[FieldChange]:
    """The change's fields, in its order."""
    if change.before is None:
        return [FieldChange(one.field, one.old, one.new, None, None) for one in change.fields]
    now = flatten(redacted(change.before))
    publisher = foreign_publisher(state, change.key)
    found = []
    for one in change.fields:
        setter = last_setter(history, change.key, one.field, now.get(one.field))
        by, at = (setter.who, setter.at) if setter else (publisher, None)
        found.append(FieldChange(one.field, one.old, one.new, by, at))
    return found


def foreign_publisher(state: State, key: str) -> str | None:
    """The program that published a person last (`ce_source`), where it was not this one: the history knows nothing of
    its changes."""
    source = state.sources.get(key.removeprefix(PERSON)) if key.startswith(PERSON) else None
    return None if source == SOURCE else source or None
