"""Accounts of the window: who they are, how they sign in, which roles they have."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, and_, delete, insert, or_, select, update

from console.access.history import By, record
from console.access.links import end_links
from console.access.oidc import Login
from console.access.rights import Right
from console.access.roles import (
    ADMINISTRATOR,
    MAX_NAME,
    add_role,
    check_administered,
    check_version,
    checked_name,
    key_of,
    load_roles,
    lock_access,
)
from console.access.sessions import end_sessions
from console.access.tokens import new_token
from console.errors import UserError
from desk.tables import account_roles, roles
from desk.tables import accounts as table
from schemas.addresses import check_address


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


def add_account(
    connection: Connection, by: By, name: str, address: str, role_ids: Collection[str], *, must_change: bool = True
) -> Account:
    """Without a password: its first sign-in is by a link, or by OIDC. Raises `UserError`."""
    lock_access(connection)
    name = checked_name(name, "an account")
    if account_named(connection, name):
        raise UserError(f"there is an account {name!r} already", "choose another name", place="name")
    id_ = new_token()[:16]
    values = {"name": name, "key": key_of(name), "address": _checked_address(address), "must_change": must_change}
    connection.execute(insert(table).values(id=id_, disabled=False, created_at=by.at, version=1, **values))
    _give_roles(connection, id_, role_ids)
    account = needed(connection, id_)
    record(connection, by, "account-added", account.name, after=account.document())
    return account


def add_administrator(connection: Connection, by: By, name: str, address: str, *, must_change: bool = True) -> Account:
    """With the role Administrator, which is made with every right where it is missing. Raises `UserError`."""
    lock_access(connection)
    found = next((role for role in load_roles(connection) if key_of(role.name) == key_of(ADMINISTRATOR)), None)
    role = found or add_role(connection, by, ADMINISTRATOR, Right, None)
    return add_account(connection, by, name, address, [role.id], must_change=must_change)


def change_account(
    connection: Connection,
    by: By,
    id_: str,
    version: int | None,
    *,
    name: str,
    address: str,
    role_ids: Collection[str],
    disabled: bool,
) -> Account:
    """What is changed holds with the account's next request; the sessions of one that is disabled end at once.

    Raises `UserError` where it is gone, the name is taken, or nobody could manage users and roles any more;
    `ConflictError` where it is no longer what was looked at.
    """
    lock_access(connection)
    before = needed(connection, id_)
    check_version(before.version, version)
    name = checked_name(name, "an account")
    other = account_named(connection, name)
    if other and other.id != id_:
        raise UserError(f"there is an account {name!r} already", "choose another name", place="name")
    values = {"name": name, "key": key_of(name), "address": _checked_address(address), "disabled": disabled}
    connection.execute(update(table).where(table.c.id == id_).values(version=before.version + 1, **values))
    _give_roles(connection, id_, role_ids)
    check_administered(connection)
    if disabled:
        end_sessions(connection, id_, by.at)
        end_links(connection, id_)
    after = needed(connection, id_)
    record(connection, by, "account-changed", after.name, before=before.document(), after=after.document())
    return after


def set_disabled(connection: Connection, by: By, account: Account, disabled: bool) -> Account:
    """All else of the account stays. Raises as `change_account` does."""
    return change_account(
        connection,
        by,
        account.id,
        account.version,
        name=account.name,
        address=account.address,
        role_ids=[id_ for id_, _ in account.roles],
        disabled=disabled,
    )


def end_all_sessions(connection: Connection, by: By, account: Account) -> int:
    """It is signed out everywhere; how many sessions that ended."""
    ended = end_sessions(connection, account.id, by.at)
    record(connection, by, "sessions-ended", account.name, after={"sessions": ended})
    return ended


def set_password(connection: Connection, by: By, account: Account, hashed: str, *, keep_session: str | None) -> None:
    """All other sessions of the account end, and its links: whoever knew the old one is out."""
    connection.execute(update(table).where(table.c.id == account.id).values(password=hashed, must_change=False))
    end_sessions(connection, account.id, by.at, but=keep_session)
    end_links(connection, account.id)
    record(connection, by, "password-set", account.name)


def renew_hash(connection: Connection, account: Account, hashed: str) -> None:
    """The same password with the parameters of today, unless another one was set in between."""
    connection.execute(
        update(table).where(table.c.id == account.id, table.c.password == account.password).values(password=hashed)
    )


def add_new_login(connection: Connection, by: By, login: Login, role_name: str | None) -> Account:
    """An account for whoever was proved for the first time, with that role. Raises `UserError`.

    Never one that exists: a name or an address of the provider's does not say that somebody is the same person.
    """
    role = next((one for one in load_roles(connection) if role_name and key_of(one.name) == key_of(role_name)), None)
    if role is None:
        raise UserError("this login is linked with no account", "sign in otherwise, and link it on your account's page")
    if account_named(connection, login.name):
        raise UserError(
            f"there is an account {login.name!r} already, which is not linked with this login",
            "if it is yours, sign in otherwise, and link it on your account's page",
        )
    try:
        address = check_address(login.address)
    except ValueError:
        address = ""
    account = add_account(connection, by, login.name, address, [role.id], must_change=False)
    _set_subject(connection, account.id, login.issuer, login.subject)
    return needed(connection, account.id)


def link_subject(connection: Connection, by: By, account: Account, issuer: str, subject: str) -> None:
    """From now on whoever this is at the OIDC provider signs in as this account. Raises `UserError`."""
    lock_access(connection)
    other = account_of_subject(connection, issuer, subject)
    if other and other.id != account.id:
        raise UserError("this login of the provider is linked with another account", "unlink it there first")
    _set_subject(connection, account.id, issuer, subject)
    if account.password is None:  # whoever was invited has a way in from here on
        connection.execute(update(table).where(table.c.id == account.id).values(must_change=False))
    record(connection, by, "oidc-linked", account.name, after={"issuer": issuer, "subject": subject})


def unlink_subject(connection: Connection, by: By, account: Account) -> None:
    """Whoever it was signs in as this account no longer, and its sessions that began so end."""
    _set_subject(connection, account.id, None, None)
    end_sessions(connection, account.id, by.at, begun_by="oidc")
    before = {"issuer": account.oidc_issuer, "subject": account.oidc_subject}
    record(connection, by, "oidc-unlinked", account.name, before=before)


def needed(connection: Connection, id_: str) -> Account:
    """Raises `UserError` where it is gone."""
    account = find_account(connection, id_)
    if account is None:
        raise UserError("there is no such account", "go back to the list")
    return account


def _set_subject(connection: Connection, id_: str, issuer: str | None, subject: str | None) -> None:
    values = {"oidc_issuer": issuer, "oidc_subject": subject}
    connection.execute(update(table).where(table.c.id == id_).values(values))


def _give_roles(connection: Connection, id_: str, role_ids: Collection[str]) -> None:
    wanted = set(role_ids)
    if wanted - set(connection.scalars(select(roles.c.id).where(roles.c.id.in_(wanted)))):
        raise UserError("one of the roles does not exist any more", "choose the roles again", place="roles")
    connection.execute(delete(account_roles).where(account_roles.c.account_id == id_))
    if wanted:
        connection.execute(insert(account_roles), [{"account_id": id_, "role_id": role} for role in sorted(wanted)])


def _checked_address(address: str) -> str:
    if not address.strip():
        return ""
    try:
        return check_address(address.strip())
    except ValueError as error:
        text = f"the address cannot be one: {error}"
        raise UserError(text, "enter it as name@example.org, or leave it out", place="address") from None


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
