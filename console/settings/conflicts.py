"""Somebody else has changed what was to be changed: who, when, and what."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from console.errors import Problem, Remedy, SettingsError
from console.settings.differences import Difference

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


class ConflictError(SettingsError):
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
