"""The section `exported` of a file that `mailcall export` wrote: which version of each setting and person it shows.

    exported: {partition/it: 12, person/ida: 3}

So `mailcall apply` can tell what somebody has changed since. A file that is written by hand has no such section.
"""

from collections.abc import Mapping
from typing import Any

from console.settings.entries import FieldError
from console.settings.state import PERSON, State

EXPORTED = "exported"
_LEAVE = "leave the section as it was exported, or take it out"


def exported_versions(state: State) -> dict[str, int]:
    """The section for everything that is set up."""
    keys = (*sorted(state.settings.settings), *(PERSON + id_ for id_ in sorted(state.persons)))
    return {key: version for key in keys if (version := state.version(key)) is not None}


def read_exported(section: Any) -> tuple[Mapping[str, int] | None, tuple[FieldError, ...]]:
    """The section as read, None where there is none; and what is wrong with it."""
    if section is None:
        return None, ()
    if not isinstance(section, dict):
        return None, (FieldError((EXPORTED,), "this section has a version for each setting and person", _LEAVE),)
    faults = tuple(
        FieldError((EXPORTED, key), "a version is a whole number", _LEAVE)
        for key, version in section.items()
        if isinstance(version, bool) or not isinstance(version, int)
    )
    return section, faults


def describe_change_since(exported: Mapping[str, int] | None, key: str, state: State) -> str | None:
    """What has happened to a setting or person since the file was exported; None where nothing has."""
    if exported is None or exported.get(key) == state.version(key):
        return None
    if key not in exported:
        return "was added after this file was exported"
    what = "deleted" if state.value(key) is None else "changed"
    return f"was {what} after this file was exported"
