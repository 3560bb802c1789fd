"""`column` is one of a list given when the statement runs: one parameter, so that the statement stays the same one.

SQLAlchemy's `in_` makes a new text with a parameter a value each time, which neither it nor the driver can prepare.
"""

import json
from typing import Any

from sqlalchemy import ARRAY, BigInteger, Boolean, Column, Dialect, Text, TypeDecorator, bindparam
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeEngine


class _Keys(TypeDecorator[list[Any]]):
    """An array on PostgreSQL, a JSON array on SQLite."""

    impl = Text
    cache_ok = True

    def __init__(self, numbers: bool) -> None:
        super().__init__()
        self.numbers = numbers

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(ARRAY(BigInteger() if self.numbers else Text()))
        return dialect.type_descriptor(Text())

    def process_bind_param(self, value: list[Any] | None, dialect: Dialect) -> Any:
        return value if dialect.name == "postgresql" else json.dumps(value)


class any_of(FunctionElement[bool]):  # noqa: N801 - it reads as a function
    """`among(table.c.column)`; run the statement with `{"keys": [...]}`, or with another name for a second list."""

    inherit_cache = True
    type = Boolean()

    def __init__(self, column: Column[Any], name: str = "keys") -> None:
        numbers = column.type.python_type is int
        super().__init__(column, bindparam(name, type_=_Keys(numbers)))


@compiles(any_of, "postgresql")
def _postgresql(element: any_of, compiler: SQLCompiler, **options: Any) -> str:
    column, keys = (compiler.process(clause, **options) for clause in element.clauses)
    return f"{column} = ANY ({keys})"


@compiles(any_of, "sqlite")
def _sqlite(element: any_of, compiler: SQLCompiler, **options: Any) -> str:
    column, keys = (compiler.process(clause, **options) for clause in element.clauses)
    return f"{column} IN (SELECT value FROM json_each({keys}))"
