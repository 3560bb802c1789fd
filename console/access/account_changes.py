"""Changes of accounts: added, changed, disabled, linked with a login; each is noted in the history of access."""

from collections.abc import Collection

from sqlalchemy import Connection, delete, insert, select, update

from console.access.accounts import Account, account_named, account_of_subject, needed
from console.access.credentials import new_token
from console.access.history import By, record
from console.access.oidc import Login
from console.access.rights import Right
from console.access.roles import (
    ADMINISTRATOR,
    add_role,
    check_administered,
    check_version,
    checked_name,
    key_of,
    load_roles,
    lock_access,
)
from console.access.sessions import end_links, end_sessions
from console.errors import UserError
from desk.tables import account_roles, roles
from desk.tables import accounts as table
from schemas.addresses import check_address


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
    """All other sessions of the account end, and its links: anybody who knew the old one is out."""
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
    """An account for a login that was proved for the first time, with that role. Raises `UserError`.

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
    """From now on this login at the OIDC provider signs in as this account. Raises `UserError`."""
    lock_access(connection)
    other = account_of_subject(connection, issuer, subject)
    if other and other.id != account.id:
        raise UserError("this login of the provider is linked with another account", "unlink it there first")
    _set_subject(connection, account.id, issuer, subject)
    if account.password is None:  # an invited person has a way in from here on
        connection.execute(update(table).where(table.c.id == account.id).values(must_change=False))
    record(connection, by, "oidc-linked", account.name, after={"issuer": issuer, "subject": subject})


def unlink_subject(connection: Connection, by: By, account: Account) -> None:
    """That login no longer signs in as this account, and the sessions that it began end."""
    _set_subject(connection, account.id, None, None)
    end_sessions(connection, account.id, by.at, begun_by="oidc")
    before = {"issuer": account.oidc_issuer, "subject": account.oidc_subject}
    record(connection, by, "oidc-unlinked", account.name, before=before)


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
