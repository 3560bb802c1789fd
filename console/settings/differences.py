"""What differs between two values of a setting or person, field by field. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_COUNTER = "version"  # of a person: every change raises it


@dataclass(frozen=True, slots=True)
class Difference:
    """One field, dotted as behind `servers update`: `floods.minutes`. None: it is not set, or was not."""

    field: str
    old: Any
    new: Any


def differences(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> tuple[Difference, ...]:
    """Of two values as plain data, secrets redacted. None: there was, or is, nothing."""
    old, new = flatten(before), flatten(after)
    return tuple(
        Difference(field, old.get(field), new.get(field))
        for field in dict.fromkeys((*old, *new))
        if old.get(field) != new.get(field) and field != _COUNTER
    )


def flatten(data: Mapping[str, Any] | None) -> dict[str, Any]:
    """Every value by its dotted field."""
    return dict(_flatten(data or {}))


def _flatten(data: Mapping[str, Any], around: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in data.items():
        if isinstance(value, Mapping) and value:
            yield from _flatten(value, f"{around}{name}.")
        else:
            yield around + name, value
