"""Persons as CSV: headings and cells, read and written. Pure.

What is written can be read again, and nothing of it is a formula to a spreadsheet: a cell that begins as one does gets
an apostrophe before it (OWASP, CSV injection), which is taken off again when it is read.
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from schemas.persons import Person

COLUMNS = ("id", "first_name", "last_name", "addresses", "is_user", "is_analyst", "email_format", "office", "disabled")
FLAGS = ("is_user", "is_analyst", "disabled")
# Headings that others write -> our field; case, blanks, dashes and underscores do not count.
_HEADINGS: Mapping[str, str] = {
    **{name.replace("_", ""): name for name in COLUMNS},
    "forename": "first_name",
    "givenname": "first_name",
    "surname": "last_name",
    "familyname": "last_name",
    "address": "addresses",
    "email": "addresses",
    "emails": "addresses",
    "emailaddress": "addresses",
    "emailaddresses": "addresses",
    "mail": "addresses",
    "user": "is_user",
    "analyst": "is_analyst",
}
_BETWEEN_ADDRESSES = re.compile(r"[;,\s]+")
_YES = frozenset({"yes", "y", "true", "1", "x"})
_NO = frozenset({"no", "n", "false", "0", ""})
_FORMULA = re.compile(r"'*[=+\-@＝＋－＠\t\r]")  # the wide ones are signs to a spreadsheet in Japanese


def field_of(heading: str) -> str | None:
    """The field that a heading names, such as `First name`; None where it names none."""
    return _HEADINGS.get(re.sub(r"[\s_-]", "", heading).lower())


def read_cells(fields: Sequence[str], cells: Sequence[str]) -> dict[str, Any]:
    """One row as an entry: text as it stands without the blanks about it, flags as truth values where they are such.

    An empty cell takes a value away: it is None. Cells that are missing at the end of a row are empty.
    """
    padded = (*cells, *("" for _ in range(len(fields) - len(cells))))
    return {field: _value(field, _plain(cell.strip())) for field, cell in zip(fields, padded, strict=False)}


def write_persons(persons: Iterable[Person], separator: str = ",") -> Iterator[str]:
    """CSV, row by row, with headings: a line end is `\\r\\n` (RFC 4180)."""
    yield _line(COLUMNS, separator)
    for person in persons:
        yield _line([_cell(getattr(person, column)) for column in COLUMNS], separator)


def _value(field: str, text: str) -> Any:
    if field in FLAGS:
        word = text.lower()
        return True if word in _YES else None if word in _NO else text
    if field == "addresses":
        return [address for address in _BETWEEN_ADDRESSES.split(text) if address] or None
    return text or None


def _plain(text: str) -> str:
    """Without the apostrophe that keeps a spreadsheet from taking it for a formula."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text[1:]) else text


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = "; ".join(value) if isinstance(value, tuple) else "" if value is None else str(value)
    return f"'{text}" if _FORMULA.match(text) else text


def _line(cells: Iterable[str], separator: str) -> str:
    line = io.StringIO()
    csv.writer(line, delimiter=separator).writerow(cells)
    return line.getvalue()
