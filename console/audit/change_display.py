"""How the history shows a change: what it is called, and its differences by names and line by line.

Of long values only the lines around a change are shown, gaps marked. What has no name any more is called by its id.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from typing import Any, Literal

from console.audit.history import PastChange
from console.audit.restore import MODELS
from console.settings.entry_data import Difference
from console.settings.presentation import called, difference_rows
from console.settings.references import NAMING
from console.web.foreign import visible
from console.web.labels import name_of
from schemas.snapshot import SettingsSnapshot

_PERSON = "person"
Sign = Literal["del", "ins", "same", "gap"]
Line = tuple[Sign, str]
_AROUND = 1  # lines shown before and after a change
_CLIPPED = 400  # characters of a line


@dataclass(frozen=True, slots=True)
class Names:
    """`people`: names of persons by their ids."""

    settings: SettingsSnapshot
    people: Mapping[str, str]

    def title(self, past: PastChange) -> str:
        """What was changed, such as `Partition IT`; what is not there any more by the name that it had."""
        kind, _, id_ = past.key.partition("/")
        now = self._name(kind, id_)
        return called(f"{kind}/{visible(_name_then(past) or id_ if now == id_ else now)}")

    def fields(self, key: str, fields: Iterable[Difference]) -> tuple[Difference, ...]:
        """The differences of a setting, what they name by name and id: two may be called alike."""
        named = _naming(key)
        return tuple(
            replace(one, old=self._called(named[one.field], one.old), new=self._called(named[one.field], one.new))
            if one.field in named
            else one
            for one in fields
        )

    def _called(self, kind: str, value: Any) -> Any:
        if isinstance(value, list | tuple):
            return [self._called(kind, one) for one in value]
        if not value:
            return value
        name = self._name(kind, str(value))
        return value if name == value else f"{visible(name)} ({value})"

    def _name(self, kind: str, id_: str) -> str:
        return self.people.get(id_, id_) if kind == _PERSON else name_of(self.settings, kind, id_)


def persons_of(pasts: Iterable[PastChange]) -> list[str]:
    """Ids of the persons that were changed."""
    keys = (past.key.partition("/") for past in pasts)
    return sorted({id_ for kind, _, id_ in keys if kind == _PERSON})


def persons_named(key: str, fields: Iterable[Difference]) -> list[str]:
    """Ids of the persons that the differences of a setting name."""
    named = {field for field, kind in _naming(key).items() if kind == _PERSON}
    values = (value for one in fields if one.field in named for value in (one.old, one.new))
    return sorted({str(id_) for value in values for id_ in (value if isinstance(value, list | tuple) else [value])})


def _naming(key: str) -> Mapping[str, str]:
    model = MODELS.get(key.partition("/")[0])
    return NAMING.get(model, {}) if model else {}


def _name_then(past: PastChange) -> str:
    """Of a record that may be of any release."""
    value = past.after or past.before or {}
    words = (value.get(field) for field in ("name", "first_name", "last_name"))
    return " ".join(word for word in words if isinstance(word, str)).strip()


def compact_rows(fields: Iterable[Difference]) -> list[tuple[str, list[Line]]]:
    """Each field that differs, by its label, with its lines."""
    return [(label, list(compact(old or "", new or ""))) for label, old, new in difference_rows(fields)]


def compact(old: str, new: str) -> Iterator[Line]:
    """The lines of two texts; "" has none."""
    before, after = old.splitlines(), new.splitlines()
    end = 0
    for group in SequenceMatcher(None, before, after, autojunk=False).get_grouped_opcodes(_AROUND):
        if group[0][1] > end:
            yield "gap", "…"
        for kind, old_start, old_end, new_start, new_end in group:
            if kind == "equal":
                yield from (("same", _clipped(line)) for line in before[old_start:old_end])
                continue
            yield from (("del", _clipped(line)) for line in before[old_start:old_end])
            yield from (("ins", _clipped(line)) for line in after[new_start:new_end])
        end = group[-1][2]
    if 0 < end < len(before):
        yield "gap", "…"


def _clipped(line: str) -> str:
    return line if len(line) <= _CLIPPED else line[:_CLIPPED] + "…"
