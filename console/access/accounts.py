"""Accounts of the window: who they are, how they sign in, which roles they have."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, and_, or_, select

from console.access.roles import (
    MAX_NAME,
    key_of,
)
from console.errors import UserError
from desk.tables import account_roles, roles
from desk.tables import accounts as table


@dataclass(frozen=True, slots=True)
class Account:
    """`key` orders accounts by name. `password` is argon2id's, or None; `roles` holds (id, name) pairs by name."""

    id: str
    name: str
    key: str
    address: str
    password: str | None = field(repr=False)
    must_change: bool
    disabled: bool
    oidc_issuer: str | None
    oidc_subject: str | None
    created_at: datetime
    signed_in_at: datetime | None
    version: int
    roles: tuple[tuple[str, str], ...] = ()

    def document(self) -> dict[str, Any]:
        """As the history shows it."""
        return {
            "name": self.name,
            "address": self.address,
            "roles": [name for _, name in self.roles],
            "disabled": self.disabled,
        }


def find_account(connection: Connection, id_: str) -> Account | None:
    return _one(connection, select(table).where(table.c.id == id_))


def account_named(connection: Connection, name: str) -> Account | None:
    """None for what can be no name, too: a database takes not every character that a browser may send."""
    if not name.strip().isprintable() or len(name) > MAX_NAME:
        return None
    return _one(connection, select(table).where(table.c.key == key_of(name)))


def account_of_subject(connection: Connection, issuer: str, subject: str) -> Account | None:
    """The account that somebody of an OIDC provider was linked with. An e-mail address never finds one."""
    return _one(connection, select(table).where(table.c.oidc_issuer == issuer, table.c.oidc_subject == subject))


def list_accounts(connection: Connection, *, after: tuple[str, str] | None = None, limit: int = 50) -> list[Account]:
    """By name. `after`: key and id of the last one that was shown."""
    query = select(table).order_by(table.c.key, table.c.id).limit(limit)
    if after is not None:
        key, id_ = after
        query = query.where(or_(table.c.key > key, and_(table.c.key == key, table.c.id > id_)))
    return _accounts(connection, query)


def all_accounts(connection: Connection) -> Iterator[Account]:
    """By name, however many there are."""
    page = list_accounts(connection)
    while page:
        yield from page
        page = list_accounts(connection, after=(page[-1].key, page[-1].id))


def needed(connection: Connection, id_: str) -> Account:
    """Raises `UserError` where it is gone."""
    account = find_account(connection, id_)
    if account is None:
        raise UserError("there is no such account", "go back to the list")
    return account


def _one(connection: Connection, query: Select[Any]) -> Account | None:
    return next(iter(_accounts(connection, query)), None)


def _accounts(connection: Connection, query: Select[Any]) -> list[Account]:
    rows = connection.execute(query).all()
    having = account_roles.c.account_id.in_([row.id for row in rows])
    granted: dict[str, list[tuple[str, str]]] = {}
    pairs = select(account_roles.c.account_id, roles.c.id, roles.c.name).join(roles).where(having).order_by(roles.c.key)
    for account_id, role_id, name in connection.execute(pairs):
        granted.setdefault(account_id, []).append((role_id, name))
    return [_account(row, tuple(granted.get(row.id, ()))) for row in rows]


def _account(row: Row[Any], roles_: tuple[tuple[str, str], ...]) -> Account:
    return Account(**row._mapping, roles=roles_)
