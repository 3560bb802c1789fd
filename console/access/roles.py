"""Roles: what their accounts may do, and whose calls they may read."""

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from console.access.credentials import new_token
from console.access.history import By, record
from console.access.rights import Right, known_rights
from console.errors import UserError
from desk.errors import ConflictError
from desk.tables import account_roles, accounts
from desk.tables import roles as table

ADMINISTRATOR = "Administrator"  # the role with every right, made with the first account
MAX_NAME = 100


@dataclass(frozen=True, slots=True)
class Role:
    """`partitions` bounds READ_CALLS and HELD_MAIL; None stands for all. `version` grows with each change."""

    id: str
    name: str
    rights: frozenset[Right]
    partitions: frozenset[str] | None
    version: int

    def document(self) -> dict[str, Any]:
        """As the history shows it."""
        partitions = None if self.partitions is None else sorted(self.partitions)
        return {"name": self.name, "rights": sorted(self.rights), "partitions": partitions}


def key_of(name: str) -> str:
    """How names of accounts and roles are compared."""
    return unicodedata.normalize("NFKC", name).casefold().strip()


def checked_name(name: str, what: str) -> str:
    """Without blanks about it. Raises `UserError`."""
    name = unicodedata.normalize("NFC", name).strip()
    if not name:
        raise UserError(f"{what} needs a name", "enter one", place="name")
    if len(name) > MAX_NAME:
        raise UserError(f"the name of {what} has {len(name)} characters", f"use at most {MAX_NAME}", place="name")
    if not name.isprintable():
        raise UserError(f"the name of {what} holds characters that cannot be seen", "leave them out", place="name")
    return name


def load_roles(connection: Connection) -> list[Role]:
    """All of them, by name: there are few."""
    return [_role(row) for row in connection.execute(select(table).order_by(table.c.key))]


def find_role(connection: Connection, id_: str) -> Role | None:
    row = connection.execute(select(table).where(table.c.id == id_)).one_or_none()
    return None if row is None else _role(row)


def accounts_by_role(connection: Connection) -> Mapping[str, int]:
    """How many accounts have each role, by its id; none has a role that is left out."""
    query = select(account_roles.c.role_id, func.count()).group_by(account_roles.c.role_id)
    return {row[0]: row[1] for row in connection.execute(query)}


def add_role(
    connection: Connection, by: By, name: str, rights: Iterable[Right], partitions: Iterable[str] | None
) -> Role:
    """Raises `UserError` where the name is taken or is none."""
    lock_access(connection)
    role = Role(new_token()[:16], checked_name(name, "a role"), frozenset(rights), _frozen(partitions), 1)
    _check_free(connection, role)
    connection.execute(insert(table).values(id=role.id, **_columns(role)))
    record(connection, by, "role-added", role.name, after=role.document())
    return role


def change_role(
    connection: Connection,
    by: By,
    id_: str,
    version: int | None,
    *,
    name: str,
    rights: Iterable[Right],
    partitions: Iterable[str] | None,
) -> Role:
    """Its accounts have the new rights with their next request.

    Raises `UserError` where it is gone, the name is taken, or nobody could manage users and roles any more;
    `ConflictError` where it is no longer what was looked at.
    """
    lock_access(connection)
    before = _found(find_role(connection, id_))
    check_version(before.version, version)
    role = Role(id_, checked_name(name, "a role"), frozenset(rights), _frozen(partitions), before.version + 1)
    _check_free(connection, role)
    connection.execute(update(table).where(table.c.id == id_).values(**_columns(role)))
    check_administered(connection)
    record(connection, by, "role-changed", role.name, before=before.document(), after=role.document())
    return role


def delete_role(connection: Connection, by: By, id_: str) -> None:
    """Raises `UserError` where it is gone, or accounts have it."""
    lock_access(connection)
    role = _found(find_role(connection, id_))
    having = select(accounts.c.name).join(account_roles).where(account_roles.c.role_id == id_).order_by(accounts.c.key)
    names = list(connection.scalars(having.limit(4)))
    if names:
        shown = ", ".join(names[:3]) + (" and others" if len(names) > 3 else "")
        raise UserError(f"the role {role.name} is in use by {shown}", "take it from them first")
    connection.execute(delete(table).where(table.c.id == id_))
    record(connection, by, "role-deleted", role.name, before=role.document())


def lock_access(connection: Connection) -> None:
    """Changes of access come one after the other: two administrators could disable each other. SQLite's always do."""
    connection.execute(select(table.c.id).with_for_update())


def check_administered(connection: Connection) -> None:
    """Raises `UserError` where no enabled account could manage users and roles any more."""
    managing = [role.id for role in load_roles(connection) if Right.USERS_AND_ROLES in role.rights]
    query = (
        select(accounts.c.id)
        .join(account_roles)
        .where(accounts.c.disabled.is_(False), account_roles.c.role_id.in_(managing))
    )
    if connection.execute(query.limit(1)).first() is None:
        raise UserError(
            "nobody could manage users and roles any more", "give another account a role with this right first"
        )


def check_version(now: int, looked_at: int | None) -> None:
    """Raises `ConflictError` where somebody else changed it in between."""
    if now != looked_at:
        raise ConflictError("it was changed by somebody else in the meantime")


def _found(role: Role | None) -> Role:
    if role is None:
        raise UserError("there is no such role any more", "go back to the list")
    return role


def _check_free(connection: Connection, role: Role) -> None:
    taken = select(table.c.name).where(table.c.key == key_of(role.name), table.c.id != role.id)
    if connection.execute(taken).first() is not None:
        raise UserError(f"there is a role {role.name!r} already", "choose another name", place="name")


def _frozen(partitions: Iterable[str] | None) -> frozenset[str] | None:
    return None if partitions is None else frozenset(partitions)


def _columns(role: Role) -> dict[str, Any]:
    return {"key": key_of(role.name), "version": role.version, **role.document()}


def _role(row: Row[Any]) -> Role:
    return Role(row.id, row.name, known_rights(row.rights), _frozen(row.partitions), row.version)
