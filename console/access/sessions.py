"""Sessions: who is signed in where, until when; and the one-time links that begin one without a password.

Both are the server's: the browser has a random token and no more.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, insert, select, update

from console.access.credentials import digest, new_token
from console.access.history import By, record
from console.access.rights import Identity, identity
from desk.tables import account_roles, accounts, kept_input, roles, sign_in_links
from desk.tables import sessions as table

_SEEN_EVERY = timedelta(minutes=1)  # no request more writes that the session is in use
KNOWN_AFTER_END = timedelta(days=1)
_MOST_PROGRAM = 200  # characters of a browser's description of itself


@dataclass(frozen=True, slots=True)
class SessionTimes:
    """A session ends when it was idle for `idle`, and `whole` after its beginning in any case."""

    idle: timedelta = timedelta(hours=1)
    whole: timedelta = timedelta(hours=12)


DEFAULT_TIMES = SessionTimes()


@dataclass(frozen=True, slots=True)
class Session:
    """`signed_in_by`: "password", "link" or "oidc"; `client_program` is what the browser says of itself."""

    id: str
    account_id: str
    signed_in_by: str
    client_address: str
    client_program: str
    begun_at: datetime
    seen_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Client:
    """Where a request comes from, as far as the connection and the browser say."""

    address: str
    program: str = ""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """What a token stands for. `identity` is None where the session has ended: then only its account is known."""

    session: Session
    identity: Identity | None
    must_change: bool


def begin_session(
    connection: Connection, account_id: str, signed_in_by: str, client: Client, now: datetime, times: SessionTimes
) -> str:
    """The token of a new session, for the browser alone."""
    purge(connection, now)
    token = new_token()
    connection.execute(
        insert(table).values(
            id=new_token()[:16],
            token_digest=digest(token),
            account_id=account_id,
            signed_in_by=signed_in_by,
            client_address=client.address,
            client_program=_shown(client.program),
            begun_at=now,
            seen_at=now,
            expires_at=now + times.whole,
        )
    )
    connection.execute(update(accounts).where(accounts.c.id == account_id).values(signed_in_at=now))
    return token


def look_up(connection: Connection, token: str, now: datetime, times: SessionTimes) -> SignedIn | None:
    """Account and roles are read again with each request, so that a change holds at once."""
    query = (
        select(table, accounts.c.name, accounts.c.disabled, accounts.c.must_change, roles.c.rights, roles.c.partitions)
        .join(accounts, accounts.c.id == table.c.account_id)
        .outerjoin(account_roles, account_roles.c.account_id == accounts.c.id)
        .outerjoin(roles, roles.c.id == account_roles.c.role_id)
        .where(table.c.token_digest == digest(token))
    )
    rows = connection.execute(query).all()
    if not rows:
        return None
    row = rows[0]
    is_live = row.ended_at is None and not row.disabled and now < row.expires_at and now < row.seen_at + times.idle
    granted = [(role.rights, role.partitions) for role in rows if role.rights is not None]
    found = identity(row.account_id, row.name, granted) if is_live else None
    return SignedIn(_session(row._mapping), found, row.must_change)


def needs_touch(session: Session, now: datetime) -> bool:
    return now >= session.seen_at + _SEEN_EVERY


def touch(connection: Connection, session: Session, now: datetime) -> None:
    """It was used now."""
    connection.execute(update(table).where(table.c.id == session.id, table.c.seen_at < now).values(seen_at=now))


def live_sessions(connection: Connection, account_id: str, now: datetime, times: SessionTimes) -> list[Session]:
    """The one that was used last first."""
    query = select(table).where(
        table.c.account_id == account_id,
        table.c.ended_at.is_(None),
        table.c.expires_at > now,
        table.c.seen_at > now - times.idle,
    )
    return [_session(row) for row in connection.execute(query.order_by(table.c.seen_at.desc())).mappings()]


def end_session(connection: Connection, account_id: str, id_: str, now: datetime) -> bool:
    """Whether the account had such a session, and it had not ended."""
    ending = update(table).where(table.c.account_id == account_id, table.c.id == id_, table.c.ended_at.is_(None))
    return connection.execute(ending.values(ended_at=now)).rowcount == 1


def end_sessions(
    connection: Connection, account_id: str, now: datetime, *, but: str | None = None, begun_by: str | None = None
) -> int:
    """How many of the account's sessions it ended. `but` names one that continues."""
    ending = update(table).where(table.c.account_id == account_id, table.c.ended_at.is_(None))
    if but is not None:
        ending = ending.where(table.c.id != but)
    if begun_by is not None:
        ending = ending.where(table.c.signed_in_by == begun_by)
    return connection.execute(ending.values(ended_at=now)).rowcount


def purge(connection: Connection, now: datetime) -> None:
    """Forget what ended long ago. For a while its account is known, so that input can be kept for it."""
    connection.execute(delete(table).where(table.c.expires_at < now - KNOWN_AFTER_END))
    connection.execute(delete(sign_in_links).where(sign_in_links.c.expires_at < now - KNOWN_AFTER_END))
    connection.execute(delete(kept_input).where(kept_input.c.expires_at < now))


def _session(row: Any) -> Session:
    return Session(**{name: row[name] for name in Session.__slots__})


def _shown(program: str) -> str:
    return "".join(letter for letter in program[:_MOST_PROGRAM] if letter.isprintable())


LINK_LIFETIME = timedelta(hours=24)
LINK_PATH = "/sign-in/link/"


def make_link(connection: Connection, by: By, account_id: str, lifetime: timedelta = LINK_LIFETIME) -> str:
    """The token of a new link; those that the account had before are good no longer."""
    end_links(connection, account_id)
    token = new_token()
    expires_at = by.at + lifetime
    connection.execute(
        insert(sign_in_links).values(token_digest=digest(token), account_id=account_id, expires_at=expires_at)
    )
    name = connection.scalar(select(accounts.c.name).where(accounts.c.id == account_id))
    record(connection, by, "link-made", name or account_id)
    return token


def link_path(token: str) -> str:
    """Within the window."""
    return LINK_PATH + token


def account_of_link(connection: Connection, token: str, now: datetime) -> str | None:
    """Whose it is, while it is good. Looking does not use it: mail programs open links to look behind them."""
    query = (
        select(sign_in_links.c.account_id).join(accounts).where(*_is_good(token, now), accounts.c.disabled.is_(False))
    )
    account: str | None = connection.scalar(query)
    return account


def use_link(connection: Connection, token: str, now: datetime) -> str | None:
    """Whose it was, once: of two at the same moment one is told None."""
    account = account_of_link(connection, token, now)
    used = connection.execute(update(sign_in_links).where(*_is_good(token, now)).values(used_at=now)).rowcount
    return account if used else None


def end_links(connection: Connection, account_id: str) -> None:
    connection.execute(delete(sign_in_links).where(sign_in_links.c.account_id == account_id))


def _is_good(token: str, now: datetime) -> tuple[ColumnElement[bool], ...]:
    return (
        sign_in_links.c.token_digest == digest(token),
        sign_in_links.c.used_at.is_(None),
        sign_in_links.c.expires_at > now,
    )
