"""What the desk's queries are built of: one of a list of keys, a page of a list, and words that are searched for."""

import json
import string
from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    Dialect,
    Select,
    TypeDecorator,
    bindparam,
    or_,
    tuple_,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import NullType

MAX_WORDS = 6  # of a search: each costs a look at every row
_ASCII_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


class _Keys(TypeDecorator[list[Any]]):
    """One text: that of an array on PostgreSQL, since the driver takes a list apart one by one; JSON on SQLite."""

    impl = NullType  # with a type of its own the text would be cast to it, and then to an array for each row again
    cache_ok = True

    def process_bind_param(self, value: list[Any] | None, dialect: Dialect) -> str:
        return _array(value or ()) if dialect.name == "postgresql" else json.dumps(value)


def _array(keys: Sequence[Any]) -> str:
    """As PostgreSQL writes one (section 8.15.6 of its manual), with each element in quotes."""
    quoted = [str(key).replace("\\", "\\\\").replace('"', '\\"') for key in keys]
    return '{"' + '","'.join(quoted) + '"}' if quoted else "{}"


class any_of(FunctionElement[bool]):  # noqa: N801 - it reads as a function
    """`column` is one of a list given when the statement runs: one parameter, so that the statement stays the same one.

    SQLAlchemy's `in_` makes a new text with a parameter per value each time, which neither it nor the driver can
    prepare. Written `any_of(table.c.column)`; run the statement with
    `{"keys": [...]}`, or with another name for a second list."""

    inherit_cache = True
    type = Boolean()

    def __init__(self, column: Column[Any], name: str = "keys") -> None:
        super().__init__(column, bindparam(name, type_=_Keys()))


@compiles(any_of, "postgresql")
def _postgresql(element: any_of, compiler: SQLCompiler, **options: Any) -> str:
    column, keys = (compiler.process(clause, **options) for clause in element.clauses)
    type_ = "BIGINT" if next(iter(element.clauses)).type.python_type is int else "TEXT"
    return f"{column} = ANY ({keys}::{type_}[])"


@compiles(any_of, "sqlite")
def _sqlite(element: any_of, compiler: SQLCompiler, **options: Any) -> str:
    column, keys = (compiler.process(clause, **options) for clause in element.clauses)
    return f"{column} IN (SELECT value FROM json_each({keys}))"


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
