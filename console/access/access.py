"""The way into the window: signing in, looking up who asks, signing out. Its state is the desk's."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Engine

from console.access.account_changes import renew_hash, set_password
from console.access.accounts import Account, account_named, find_account
from console.access.attempts import Attempts
from console.access.credentials import hash_password, is_outdated, verify
from console.access.history import By
from console.access.oidc import OidcClient
from console.access.sessions import (
    DEFAULT_TIMES,
    Client,
    SessionTimes,
    SignedIn,
    begin_session,
    end_session,
    look_up,
    needs_touch,
    touch,
    use_link,
)
from desk.engine import read_transaction, write_transaction
from runtime.telemetry.logs import get_logger

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Began:
    """A session began: its token goes to the browser, and nowhere else."""

    token: str


@dataclass(frozen=True, slots=True)
class NotSignedIn:
    """`wait_until`, in seconds since 1970, where it was tried too often; 0 where name or password are wrong."""

    wait_until: float = 0


class Access:
    """May be used by many threads. Its methods raise `OutageError` where the database is unavailable."""

    def __init__(
        self,
        engine: Engine,
        times: SessionTimes = DEFAULT_TIMES,
        oidc: OidcClient | None = None,
        oidc_role: str | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.engine = engine
        self.times = times
        self.oidc = oidc
        self.oidc_role = oidc_role  # name of the role for new accounts; None: no account is created
        self.now = now
        self._attempts = Attempts(engine, now)

    def sign_in(self, name: str, password: str, client: Client) -> Began | NotSignedIn:
        """By a password. What is wrong is not told, nor does it take another time: not which accounts there are."""
        account = self.prove(name, password, client)
        if isinstance(account, NotSignedIn):
            return account
        renewed = hash_password(password) if is_outdated(account.password or "") else None
        with write_transaction(self.engine) as connection:
            if renewed:
                renew_hash(connection, account, renewed)
            token = begin_session(connection, account.id, "password", client, self.now(), self.times)
        return self._began(token, account.id, "password", client)

    def prove(self, name: str, password: str, client: Client) -> Account | NotSignedIn:
        """Whose password it is; each attempt is counted."""
        wait_until = self._attempts.wait_until(name, client.address)
        if wait_until:
            log.warning("too many login attempts", client=client.address)
            return NotSignedIn(wait_until)
        with read_transaction(self.engine) as connection:
            account = account_named(connection, name)
        is_right = verify(account.password if account else None, password)
        if account is None or account.disabled or not is_right:
            self._attempts.failed(client.address)
            log.info("a sign-in was refused", client=client.address)
            return NotSignedIn()
        self._attempts.succeeded(name)
        return account

    def sign_in_by_link(self, link: str, client: Client, new_password: str | None = None) -> Began | None:
        """By a one-time link, which is used up by that. None where it is good no longer."""
        hashed = None if new_password is None else hash_password(new_password)
        now = self.now()
        with write_transaction(self.engine) as connection:
            account_id = use_link(connection, link, now)
            account = find_account(connection, account_id) if account_id else None
            if account_id is None or account is None:
                return None
            if hashed:
                set_password(connection, By(account.name, now), account, hashed, keep_session=None)
            token = begin_session(connection, account_id, "link", client, now, self.times)
        return self._began(token, account_id, "link", client)

    def sign_in_by_oidc(self, account_id: str, client: Client) -> Began | None:
        """As an account whose link with an OIDC provider's login was just proved. None where it is disabled."""
        with write_transaction(self.engine) as connection:
            account = find_account(connection, account_id)
            if account is None or account.disabled:
                return None
            token = begin_session(connection, account_id, "oidc", client, self.now(), self.times)
        return self._began(token, account_id, "oidc", client)

    def look_up(self, token: str, *, is_use: bool = True) -> SignedIn | None:
        """Who sends this token, as of now. `is_use`: somebody does something, so that the session continues."""
        now = self.now()
        with read_transaction(self.engine) as connection:
            found = look_up(connection, token, now, self.times)
        if is_use and found and found.identity and needs_touch(found.session, now):
            with write_transaction(self.engine) as connection:
                touch(connection, found.session, now)
        return found

    def sign_out(self, token: str) -> None:
        """Ends the token's session, if it has one."""
        with write_transaction(self.engine) as connection:
            found = look_up(connection, token, self.now(), self.times)
            if found:
                end_session(connection, found.session.account_id, found.session.id, self.now())

    def _began(self, token: str, account_id: str, how: str, client: Client) -> Began:
        log.info("a session was started", account=account_id, by=how, client=client.address)
        return Began(token)
