"""The glossary is in order."""

import re
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


def test_there_are_four_tables_of_words_and_one_of_what_to_write() -> None:
    assert len(_with_head("word", "means")) == 4
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
