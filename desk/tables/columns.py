"""The column types of the desk's tables, on PostgreSQL and SQLite. Strings are text of any length; times are UTC."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Column, DateTime, Dialect, Integer, MetaData, String, Text, TypeDecorator
from sqlalchemy.dialects.postgresql import JSONB


class SqliteTime(TypeDecorator[datetime]):
    """SQLite has no time with a zone: ISO 8601 in UTC, which sorts as text."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:
        del dialect
        return None if value is None else value.astimezone(UTC).isoformat(timespec="microseconds")

    def process_result_value(self, value: str | None, dialect: Dialect) -> datetime | None:
        del dialect
        return None if value is None else datetime.fromisoformat(value)


TIME = DateTime(timezone=True).with_variant(SqliteTime(), "sqlite")
DOCUMENT = JSON().with_variant(JSONB(), "postgresql")
NUMBER = BigInteger().with_variant(Integer(), "sqlite")  # SQLite numbers rows automatically only under the name INTEGER

metadata = MetaData(
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "fk": "%(table_name)s_%(column_0_name)s_fkey",
        "ix": "%(table_name)s_%(column_0_name)s_idx",
    }
)


def text_column(name: str, *args: Any) -> Column[str]:
    return Column(name, Text, *args, nullable=False)
