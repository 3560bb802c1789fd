"""Item references: `C-000123` for a call, `T-` for a task, `R-` for a request; the number is unique over the desk."""

import re
from collections.abc import Mapping

from schemas.events import ItemKind

LETTERS: Mapping[ItemKind, str] = {"call": "C", "task": "T", "request": "R"}
_KINDS: Mapping[str, ItemKind] = {letter: kind for kind, letter in LETTERS.items()}
_REFERENCE = re.compile(r"([CTR])-([0-9]{6,18})", re.IGNORECASE | re.ASCII)


def reference(kind: ItemKind, number: int) -> str:
    return f"{LETTERS[kind]}-{number:06d}"


def parse_reference(text: str) -> tuple[ItemKind, int] | None:
    """Kind and number, or None where the text is no item reference. At most 18 digits: it fits 64 bits."""
    match = _REFERENCE.fullmatch(text.strip())
    return (_KINDS[match[1].upper()], int(match[2])) if match else None
