"""All settings and persons as the file that `mailcall apply` reads: applying it again changes nothing.

Passwords stand in it only as they stand on the topic: sealed, or as a reference.
"""

from typing import Any

from console.settings.exported import EXPORTED, exported_versions
from console.settings.settings_file import SECTIONS, SINGLE
from console.settings.state import State
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
