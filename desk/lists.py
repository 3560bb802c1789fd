"""What every list out of the desk is built of: a page beside a row, and words that are looked for."""

import string
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, or_, tuple_

MAX_WORDS = 6  # of a search: each costs a look at every row
_ASCII_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


def cut(
    query: Select[Any],
    columns: Sequence[ColumnElement[Any]],
    place: Sequence[Any] | None,
    limit: int,
    *,
    descending: bool = False,
    backwards: bool = False,
) -> Select[Any]:
    """At most `limit` rows that come behind the one with these values (None: the first), in the order of the columns.

    `backwards`: those before it, in the reverse order. Together the columns are unique, and never null.
    """
    down = descending != backwards
    query = query.order_by(*(column.desc() if down else column.asc() for column in columns)).limit(limit)
    if place is None:
        return query
    row, last = tuple_(*columns), tuple_(*place, types=[column.type for column in columns])
    return query.where(row < last if down else row > last)


def words(text: str) -> list[str]:
    """The words that are looked for."""
    return text.split()[:MAX_WORDS]


def holds(lowered: ColumnElement[str], word: str) -> ColumnElement[bool]:
    """The word stands somewhere in what is in lower case already, as the database makes it."""
    return or_(*(lowered.contains(spelling, autoescape=True) for spelling in _spellings(word)))


def _spellings(word: str) -> tuple[str, ...]:
    """What a word may be in a database's lower case: SQLite, and PostgreSQL under locale C, fold ASCII alone."""
    variants = (word,) if word.isascii() else (word, word.lower(), word.upper(), word.title())
    return tuple(dict.fromkeys(variant.translate(_ASCII_LOWER) for variant in variants))
