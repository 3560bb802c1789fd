"""Accounts on both databases, and a clock that the test sets."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import pytest
from argon2 import PasswordHasher
from argon2.profiles import CHEAPEST
from sqlalchemy import Connection, Engine

from console.access import credentials
from console.access.access import Access
from console.access.account_changes import add_account, add_administrator, set_password
from console.access.accounts import Account, find_account
from console.access.credentials import hash_password
from console.access.history import By
from console.access.rights import Right
from console.access.roles import add_role
from console.access.sessions import Client
from desk.engine import open_desk, read_transaction, write_transaction

PASSWORD = "correct horse battery"
HERE = Client("192.0.2.7", "Browser 1.0")

T = TypeVar("T")


@dataclass
class Clock:
    now: datetime = field(default_factory=lambda: datetime(2026, 11, 29, 12, 0, tzinfo=UTC))

    def __call__(self) -> datetime:
        return self.now

    def pass_(self, **duration: float) -> None:
        self.now += timedelta(**duration)


@dataclass
class House:
    """Accounts of one desk, and short ways to make and read them."""

    engine: Engine
    access: Access
    clock: Clock

    @property
    def by(self) -> By:
        return By("tester", self.clock(), "because")

    def read(self, look: Callable[[Connection], T]) -> T:
        with read_transaction(self.engine) as connection:
            return look(connection)

    def write(self, change: Callable[[Connection], T]) -> T:
        with write_transaction(self.engine) as connection:
            return change(connection)

    def administrator(self, name: str = "root", password: str = PASSWORD) -> Account:
        return self._with_password(
            self.write(lambda connection: add_administrator(connection, self.by, name, "")), password
        )

    def account(
        self,
        name: str,
        *rights: Right,
        partitions: tuple[str, ...] | None = None,
        password: str | None = PASSWORD,
        must_change: bool = True,
    ) -> Account:
        """With a role of its own that has these rights."""

        def add(connection: Connection) -> Account:
            role = add_role(connection, self.by, f"role of {name}", rights, partitions)
            return add_account(connection, self.by, name, "", [role.id], must_change=must_change)

        account = self.write(add)
        return account if password is None else self._with_password(account, password)

    def again(self, account: Account) -> Account:
        found = self.read(lambda connection: find_account(connection, account.id))
        assert found
        return found

    def _with_password(self, account: Account, password: str) -> Account:
        hashed = hash_password(password)
        self.write(lambda connection: set_password(connection, self.by, account, hashed, keep_session=None))
        return self.again(account)


TODAYS = credentials._HASHER


@pytest.fixture(autouse=True)
def cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Argon2 with the least work: what it costs is the point of one test, and the time of all others."""
    yield from _hashing(monkeypatch, PasswordHasher.from_parameters(CHEAPEST))


@pytest.fixture
def todays_hashes(cheap_hashes: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As the product makes them."""
    yield from _hashing(monkeypatch, TODAYS)


def _hashing(monkeypatch: pytest.MonkeyPatch, hasher: PasswordHasher) -> Iterator[None]:
    monkeypatch.setattr(credentials, "_HASHER", hasher)
    credentials._decoy.cache_clear()
    yield
    credentials._decoy.cache_clear()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def house(desk_url: str, clock: Clock) -> Iterator[House]:
    engine = open_desk(desk_url)
    yield House(engine, Access(engine, now=clock), clock)
    engine.dispose()


@pytest.fixture
def quick_house(tmp_path_factory: pytest.TempPathFactory, clock: Clock) -> Iterator[House]:
    """On SQLite alone, for what no database decides."""
    from tests.desks import new_desk

    engine = open_desk(new_desk(tmp_path_factory.mktemp("desk") / "desk.db"))
    yield House(engine, Access(engine, now=clock), clock)
    engine.dispose()
