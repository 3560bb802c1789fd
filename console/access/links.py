"""One-time links: the first sign-in of an account, and the way back for whoever lost a password."""

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, delete, insert, select, update

from console.access.history import By, record
from console.access.tokens import digest, new_token
from desk.tables import accounts
from desk.tables import sign_in_links as table

LIFETIME = timedelta(hours=24)
PATH = "/sign-in/link/"


def make_link(connection: Connection, by: By, account_id: str, lifetime: timedelta = LIFETIME) -> str:
    """The token of a new link; those that the account had before are good no longer."""
    end_links(connection, account_id)
    token = new_token()
    expires_at = by.at + lifetime
    connection.execute(insert(table).values(token_digest=digest(token), account_id=account_id, expires_at=expires_at))
    name = connection.scalar(select(accounts.c.name).where(accounts.c.id == account_id))
    record(connection, by, "link-made", name or account_id)
    return token


def link_path(token: str) -> str:
    """Within the window."""
    return PATH + token


def account_of_link(connection: Connection, token: str, now: datetime) -> str | None:
    """Whose it is, while it is good. Looking does not use it: mail programs open links to look behind them."""
    query = select(table.c.account_id).join(accounts).where(*_is_good(token, now), accounts.c.disabled.is_(False))
    account: str | None = connection.scalar(query)
    return account


def use_link(connection: Connection, token: str, now: datetime) -> str | None:
    """Whose it was, once: of two at the same moment one is told None."""
    account = account_of_link(connection, token, now)
    used = connection.execute(update(table).where(*_is_good(token, now)).values(used_at=now)).rowcount
    return account if used else None


def end_links(connection: Connection, account_id: str) -> None:
    connection.execute(delete(table).where(table.c.account_id == account_id))


def _is_good(token: str, now: datetime) -> tuple[ColumnElement[bool], ...]:
    return (table.c.token_digest == digest(token), table.c.used_at.is_(None), table.c.expires_at > now)
