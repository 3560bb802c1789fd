"""Who changed accounts, roles and sessions, when and why. In the desk's database: a topic has more readers."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select

from desk.tables import access_changes

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class By:
    """Who changes something, when, and the Change Reason where one was given."""

    who: str
    at: datetime
    reason: str = ""


@dataclass(frozen=True, slots=True)
class AccessChange:
    """`subject` is the name of the account or role; `before` and `after` its fields, never a password or token."""

    id: int
    at: datetime
    who: str
    reason: str
    action: str
    subject: str
    before: Document | None
    after: Document | None


def record(
    connection: Connection,
    by: By,
    action: str,
    subject: str,
    *,
    before: Document | None = None,
    after: Document | None = None,
) -> None:
    """In the transaction of the change itself: there is none without the other."""
    connection.execute(
        insert(access_changes).values(
            at=by.at, who=by.who, reason=by.reason, action=action, subject=subject, before=before, after=after
        )
    )


def list_changes(connection: Connection, *, before_id: int | None = None, limit: int = 50) -> list[AccessChange]:
    """The newest first; `before_id`: only those that are older than this one."""
    query = select(access_changes).order_by(access_changes.c.id.desc()).limit(limit)
    if before_id is not None:
        query = query.where(access_changes.c.id < before_id)
    return [AccessChange(**row) for row in connection.execute(query).mappings()]
