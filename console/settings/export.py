"""All settings and persons as the file that `mailcall apply` reads, and such a file when it is applied later: what has
changed since it was exported, and who set each field last.

Passwords stand in it only as they stand on the topic: sealed, or as a reference.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from console.audit.history import PastChange, last_change, last_setter
from console.errors import Remedy, UserError
from console.settings.apply import SOURCE, Change, Plan
from console.settings.entry_data import flatten
from console.settings.file_reading import EXPORTED
from console.settings.secrets import redacted
from console.settings.settings_file import SECTIONS, SINGLE, SettingsFile
from console.settings.state import PERSON, State
from schemas.persons import Person


def export(state: State, *, every_field: bool = False) -> dict[str, Any]:
    """Section -> entries, in the order of the ids; last the versions that they show.

    Fields that hold their default are left out. With `every_field` they stand in it, too, so that applying the file
    sets them again whatever they hold by then.
    """
    result: dict[str, Any] = {}
    for section, model in SECTIONS.items():
        if model is Person:
            values: list[Any] = [person for _, person in sorted(state.persons.items())]
        else:
            values = list(state.settings.all_of(model))
        entries = [
            value.model_dump(mode="json", exclude_defaults=not every_field, exclude={"version", "kind"})
            for value in values
        ]
        if entries:
            result[section] = entries[0] if section == SINGLE else entries
    if result:
        result[EXPORTED] = exported_versions(state)
    return result


def exported_versions(state: State) -> dict[str, int]:
    """The section for everything that is set up."""
    keys = (*sorted(state.settings.settings), *(PERSON + id_ for id_ in sorted(state.persons)))
    return {key: version for key in keys if (version := state.version(key)) is not None}


def describe_change_since(exported: Mapping[str, int] | None, key: str, state: State) -> str | None:
    """What has happened to a setting or person since the file was exported; None where nothing has."""
    if exported is None or exported.get(key) == state.version(key):
        return None
    if key not in exported:
        return "was added after this file was exported"
    what = "deleted" if state.value(key) is None else "changed"
    return f"was {what} after this file was exported"


def check_not_outdated(
    file: SettingsFile, plan: Plan, state: State, history: Callable[[], Sequence[PastChange]]
) -> None:
    """Raises `UserError` for all that the plan changes and that is not what it was when the file was exported.

    `history` is only asked for where there is such a thing: it tells who made the change.
    """
    found = [
        (change.key, why)
        for change in plan.effective
        if (why := describe_change_since(file.exported, change.key, state))
    ]
    if found:
        past = history()
        raise UserError.of(
            tuple(
                file.problem(key, (), f"{why}{_last(past, key, state)}", Remedy.APPLY_EXPORTED) for key, why in found
            ),
        )


def _last(history: Sequence[PastChange], key: str, state: State) -> str:
    publisher = foreign_publisher(state, key)
    if publisher:
        return f", last by {publisher}"
    last = last_change(history, key)
    if last is None:
        return ""
    fields = ", ".join(one.field for one in last.fields[:5])
    return f", last by {last.who} at {last.at.isoformat(timespec='seconds')}" + (f" ({fields})" if fields else "")


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
