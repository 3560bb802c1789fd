"""What differs between two values, line by line: of long ones only the lines around a change, gaps marked. Pure."""

from collections.abc import Iterable, Iterator
from difflib import SequenceMatcher
from typing import Literal

from console.settings.differences import Difference
from console.settings.shown import difference_rows

Sign = Literal["del", "ins", "same", "gap"]
Line = tuple[Sign, str]
_AROUND = 1  # lines shown before and after a change
_CLIPPED = 400  # characters of a line


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
