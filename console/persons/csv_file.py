"""A CSV file of persons taken apart: encoding, separator, headings, rows; each fault with its line. Pure."""

import codecs
import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from console.errors import Problem, UserError
from console.persons.csv_format import COLUMNS, field_of, read_cells
from console.settings.entries import nearest
from console.settings.settings_file import MAX_PROBLEMS

MAX_BYTES = 10_000_000
MAX_ROWS = 50_000
MAX_CELL = 20_000  # characters
MAX_COLUMNS = 100
ENCODINGS = ("utf-8", "utf-16", "windows-1252", "iso-8859-15", "windows-1250", "windows-1251")
SEPARATORS: Mapping[str, str] = {"comma": ",", "semicolon": ";", "tab": "\t", "bar": "|"}
_MARKS = (  # a longer one first: UTF-32's begins with UTF-16's
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_FALLBACK = "windows-1252"  # what spreadsheets of the West write that do not write UTF-8


@dataclass(frozen=True, slots=True)
class CsvRow:
    """`line`: where the row begins, from 1. `entry`: by field."""

    line: int
    entry: dict[str, Any]


@dataclass(frozen=True, slots=True)
class CsvFile:
    """`encoding` and `separator` as they were given or found; `ignored`: headings that name no field."""

    name: str
    encoding: str
    separator: str
    fields: tuple[str, ...]
    ignored: tuple[str, ...]
    rows: tuple[CsvRow, ...]


def read_csv(name: str, data: bytes, encoding: str | None = None, separator: str | None = None) -> CsvFile:
    """The rows of a file. `encoding`: one of `ENCODINGS`, `separator`: a name of `SEPARATORS`; None: found out.

    Raises `UserError` for a file that cannot be read, or with every row that cannot.
    """
    if len(data) > MAX_BYTES:
        raise UserError(f"{name} is larger than {MAX_BYTES // 1_000_000} MB", "split it into several files")
    text, used = _decoded(name, data, encoding)
    mark = SEPARATORS[separator] if separator else _separator(text)
    lines = _Lines(name, text, mark)
    headings = next(lines, None)
    if headings is None or not any(cell.strip() for cell in headings[1]):
        raise UserError(f"{name} is empty", f"its first line names the columns: {', '.join(COLUMNS)}")
    fields = _fields(name, *headings)
    rows = tuple(_rows(name, lines, fields))
    if not rows:
        raise UserError(f"{name} has no rows", "each line behind the first is a person")
    named = tuple(field for field in fields if field)
    ignored = tuple(cell.strip() for cell, field in zip(headings[1], fields, strict=True) if not field and cell.strip())
    return CsvFile(name, used, mark, named, ignored, rows)


def _decoded(name: str, data: bytes, encoding: str | None) -> tuple[str, str]:
    """The text, and the encoding that it was read as."""
    marked = next((codec for mark, codec in _MARKS if data.startswith(mark)), None)
    asked = encoding or marked or "utf-8"
    # A mark says more than a choice does, and would stand in the first heading.
    for codec in (marked or asked,) if encoding or marked else (asked, _FALLBACK):
        try:
            return data.decode(codec), codec
        except UnicodeError:
            continue
    line = data[: _bad_byte(data, asked)].count(b"\n") + 1
    raise UserError(f"{name}:{line}: this is no text in {asked}", "choose the encoding that the file was saved in")


def _bad_byte(data: bytes, codec: str) -> int:
    try:
        data.decode(codec)
    except UnicodeDecodeError as error:
        return error.start
    return 0


def _separator(text: str) -> str:
    """The one that makes the most known headings of the first line."""
    first = re.split(r"[\r\n]", text[: MAX_COLUMNS * 100], maxsplit=1)[0]

    def known(separator: str) -> int:
        cells = next(csv.reader([first], delimiter=separator), [])
        return sum(field_of(cell) is not None for cell in cells)

    return max(SEPARATORS.values(), key=known)


class _Lines(Iterator[tuple[int, list[str]]]):
    """Each row that is not empty, with the line where it begins."""

    def __init__(self, name: str, text: str, separator: str) -> None:
        self._name = name
        self._reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)

    def __next__(self) -> tuple[int, list[str]]:
        cells: list[str] = []
        while not any(cell.strip() for cell in cells):
            line = self._reader.line_num + 1
            try:
                cells = next(self._reader)
            except csv.Error as error:
                remedy = 'put a cell that holds the separator, a quote or a line end in quotes, and write a quote as ""'
                raise UserError(f"{self._name}:{line}: this is no CSV: {error}", remedy) from None
        return line, cells


def _fields(name: str, line: int, headings: Sequence[str]) -> tuple[str | None, ...]:
    fields = tuple(field_of(heading) for heading in headings[:MAX_COLUMNS])
    if len(headings) > MAX_COLUMNS:
        raise UserError(
            f"{name}:{line}: there are more than {MAX_COLUMNS} columns", "leave those out that are not used"
        )
    twice = next((field for field in fields if field and fields.count(field) > 1), None)
    if twice:
        raise UserError(f"{name}:{line}: two columns are {twice}", "leave one of them out")
    if "id" not in fields and "addresses" not in fields:
        heading = next((heading.strip() for heading in headings if heading.strip()), "")
        raise UserError(
            f"{name}:{line}: no column tells who a row is about",
            f"name a column id, or addresses; the first heading is {heading[:80]!r}: {nearest(heading, COLUMNS)}",
        )
    return fields


def _rows(name: str, lines: _Lines, fields: Sequence[str | None]) -> Iterator[CsvRow]:
    problems: list[Problem] = []
    for count, (line, cells) in enumerate(lines, 1):
        if count > MAX_ROWS:
            raise UserError(f"{name} has more than {MAX_ROWS} rows", "split it into several files")
        problem = _row_problem(name, line, cells, fields)
        if problem:
            problems.append(problem)
            if len(problems) >= MAX_PROBLEMS:
                break
        elif not problems:
            known = [(field, cell) for field, cell in zip(fields, cells, strict=False) if field]
            missing = [(field, "") for field in fields[len(cells) :] if field]
            names, values = zip(*known, *missing, strict=True)
            yield CsvRow(line, read_cells(names, values))
    if problems:
        raise UserError.of(problems)


def _row_problem(name: str, line: int, cells: Sequence[str], fields: Sequence[str | None]) -> Problem | None:
    if any(cell.strip() for cell in cells[len(fields) :]):
        text = f"this row has {len(cells)} cells, and the first line has {len(fields)}"
        return Problem(text, "put a cell that holds the separator in quotes", file=name, line=line)
    long = next((index for index, cell in enumerate(cells) if len(cell) > MAX_CELL), None)
    if long is not None:
        return Problem(f"this cell is longer than {MAX_CELL} characters", "shorten it", fields[long] or "", name, line)
    return None
