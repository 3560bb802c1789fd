"""How often somebody may try to sign in: counted by account and by address in the desk, so no restart forgets it.

`limits` counts; the table is its storage, since it has none of its own for a database that we have anyway.
"""

import ipaddress
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cached_property

from limits import RateLimitItem, RateLimitItemPerMinute
from limits.storage import Storage
from limits.strategies import FixedWindowRateLimiter
from sqlalchemy import Engine, bindparam, delete, select, text

from console.access.credentials import digest
from console.access.roles import key_of
from desk.engine import read_transaction, write_transaction
from desk.tables import TIME
from desk.tables import sign_in_attempts as table

PER_ACCOUNT = RateLimitItemPerMinute(10, 15)
PER_ADDRESS = RateLimitItemPerMinute(100, 15)  # many people may share one
_NETWORK_OF_ONE = 64  # bits: an IPv6 client has as many addresses as it likes within these

# Both databases have the statement; it is atomic, so that attempts at the same moment are all counted.
_COUNT = text(
    "INSERT INTO sign_in_attempts (key, attempts, expires_at) VALUES (:key, :amount, :expires_at) "
    "ON CONFLICT (key) DO UPDATE SET "
    "attempts = CASE WHEN sign_in_attempts.expires_at > :now THEN sign_in_attempts.attempts ELSE 0 END + :amount, "
    "expires_at = CASE WHEN sign_in_attempts.expires_at > :now THEN sign_in_attempts.expires_at ELSE :expires_at END "
    "RETURNING attempts"
).bindparams(bindparam("now", type_=TIME), bindparam("expires_at", type_=TIME))


class Attempts:
    """Who has tried too often. Names are counted whether there is such an account or not."""

    def __init__(self, engine: Engine, now: Callable[[], datetime]) -> None:
        self._limiter = FixedWindowRateLimiter(_DeskStorage(engine, now))

    def wait_until(self, name: str, address: str) -> float:
        """0 where a try is permitted, which is counted for the account; else seconds since 1970."""
        if not self._limiter.test(PER_ADDRESS, *_address(address)):
            return self._reset(PER_ADDRESS, _address(address))
        if not self._limiter.hit(PER_ACCOUNT, *_account(name)):
            return self._reset(PER_ACCOUNT, _account(name))
        return 0

    def failed(self, address: str) -> None:
        self._limiter.hit(PER_ADDRESS, *_address(address))

    def succeeded(self, name: str) -> None:
        """Its failures are forgotten; those of the address are not, or one account would open it for guesses."""
        self._limiter.clear(PER_ACCOUNT, *_account(name))

    def _reset(self, limit: RateLimitItem, key: tuple[str, str]) -> float:
        return self._limiter.get_window_stats(limit, *key).reset_time


class _DeskStorage(Storage):
    """What `limits` asks of a storage of fixed windows."""

    STORAGE_SCHEME = None

    def __init__(self, engine: Engine, now: Callable[[], datetime]) -> None:
        super().__init__()
        self._engine = engine
        self._now = now

    @cached_property
    def base_exceptions(self) -> type[Exception]:
        return Exception

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        now = self._now()
        values = {"key": key, "amount": amount, "now": now, "expires_at": now + timedelta(seconds=expiry)}
        with write_transaction(self._engine) as connection:
            connection.execute(delete(table).where(table.c.expires_at <= now, table.c.key != key))
            counted: int = connection.execute(_COUNT, values).scalar_one()
        return counted

    def get(self, key: str) -> int:
        with read_transaction(self._engine) as connection:
            query = select(table.c.attempts).where(table.c.key == key, table.c.expires_at > self._now())
            return connection.scalar(query) or 0

    def get_expiry(self, key: str) -> float:
        with read_transaction(self._engine) as connection:
            expires_at = connection.scalar(select(table.c.expires_at).where(table.c.key == key))
        return (expires_at or self._now()).timestamp()

    def check(self) -> bool:
        return True

    def reset(self) -> None:
        with write_transaction(self._engine) as connection:
            connection.execute(delete(table))

    def clear(self, key: str) -> None:
        with write_transaction(self._engine) as connection:
            connection.execute(delete(table).where(table.c.key == key))


def _account(name: str) -> tuple[str, str]:
    return "account", digest(key_of(name))


def _address(address: str) -> tuple[str, str]:
    try:
        given = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:  # a socket of Unix, or a test
        return "address", digest(address)
    if isinstance(given, ipaddress.IPv6Address) and given.ipv4_mapped is None:
        return "address", digest(str(ipaddress.ip_network((given, _NETWORK_OF_ONE), strict=False)))
    return "address", digest(str(getattr(given, "ipv4_mapped", None) or given))
