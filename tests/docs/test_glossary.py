"""The glossary is in order, and its list of names that will change shrinks as they are changed."""

import re
import tokenize
from collections import Counter
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[2]
GLOSSARY = ROOT / "docs" / "glossary.md"
_TABLE = re.compile(r"^\|(?P<head>.*)\|\n\|[-|]+\|\n(?P<rows>(?:\|.*\|\n)+)", re.MULTILINE)
_CODE = re.compile(r"`([^`]+)`")


class Table(NamedTuple):
    head: tuple[str, ...]
    rows: list[tuple[str, ...]]


def _cells(line: str) -> tuple[str, ...]:
    return tuple(cell.strip() for cell in line.strip().strip("|").split("|"))


@cache
def _tables() -> list[Table]:
    found = _TABLE.finditer(GLOSSARY.read_text(encoding="utf-8"))
    return [Table(_cells(one["head"]), [_cells(line) for line in one["rows"].splitlines()]) for one in found]


def _with_head(*head: str) -> list[Table]:
    return [table for table in _tables() if table.head == head]


def _sort_key(row: tuple[str, ...]) -> tuple[str, ...]:
    """Upper and lower case are the same; the marks of code, and of a private name, are no letters."""
    return (row[0].lower().strip("`").lstrip("_"), *row[2:])


def _old_names() -> list[tuple[str, str]]:
    """(name of today, file or package that has it), as the glossary lists them."""
    (table,) = _with_head("today", "say instead", "where")
    return [(_CODE.findall(today)[0], place) for today, _, where in table.rows for place in _CODE.findall(where)]


@cache
def _names_in(place: Path) -> frozenset[str]:
    """The module's or package's own name, and every name in its code; prose does not count."""
    if not place.exists():
        return frozenset()
    if place.is_dir():
        return frozenset({place.name})
    with tokenize.open(place) as file:
        return frozenset(
            {place.stem, *(one.string for one in tokenize.generate_tokens(file.readline) if one.type == tokenize.NAME)}
        )


def test_there_are_four_tables_of_words_and_two_of_what_to_change() -> None:
    assert len(_with_head("word", "means")) == 4
    assert len(_with_head("today", "say instead", "where")) == 1
    assert len(_with_head("instead of", "write")) == 1


@pytest.mark.parametrize("table", _tables(), ids=lambda table: f"{table.head[0]}-{table.rows[0][0]}")
def test_every_table_is_sorted(table: Table) -> None:
    assert table.rows == sorted(table.rows, key=_sort_key)


@pytest.mark.parametrize("table", _tables(), ids=lambda table: f"{table.head[0]}-{table.rows[0][0]}")
def test_every_cell_is_filled(table: Table) -> None:
    assert [row for row in table.rows if len(row) != len(table.head) or not all(row)] == []


def test_no_word_is_explained_twice() -> None:
    words = Counter(row[0].lower() for table in _with_head("word", "means") for row in table.rows)
    assert [word for word, times in words.items() if times > 1] == []


def test_no_name_is_listed_twice_for_one_place() -> None:
    assert [name for name, times in Counter(_old_names()).items() if times > 1] == []


@pytest.mark.parametrize(("name", "place"), _old_names(), ids=lambda value: value)
def test_every_name_that_will_change_is_still_there(name: str, place: str) -> None:
    """Renamed? Then take it off the list."""
    assert name in _names_in(ROOT / place)
