"""Signing in by a password: who gets in, who does not, and what is told to whoever tries."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from argon2 import PasswordHasher
from argon2.profiles import CHEAPEST
from sqlalchemy import select, update

from console.access import credentials
from console.access.access import Access, Began, NotSignedIn
from console.access.account_changes import change_account
from console.access.credentials import hash_password, verify
from console.access.rights import Right
from console.access.sessions import Client
from desk.tables import accounts, sessions, sign_in_attempts
from tests.console.access.conftest import HERE, PASSWORD, House


def test_the_password_lets_in_and_no_other_does(house: House) -> None:
    house.account("Ann", Right.PERSONS)
    began = house.access.sign_in("  ann ", PASSWORD, HERE)
    assert isinstance(began, Began)
    found = house.access.look_up(began.token)
    assert found and found.identity and (found.identity.name, set(found.identity.rights)) == ("Ann", {Right.PERSONS})
    assert (found.session.client_address, found.session.signed_in_by) == (HERE.address, "password")
    for wrong in ("", PASSWORD[:-1], f"{PASSWORD} ", PASSWORD.upper()):
        assert house.access.sign_in("ann", wrong, HERE) == NotSignedIn()


def test_the_same_letters_are_the_same_password_whatever_keyboard_wrote_them(quick_house: House) -> None:
    quick_house.account("ann", password="caf\u00e9 au lait, s'il")
    assert isinstance(quick_house.access.sign_in("ann", "cafe\u0301 au lait, s'il", HERE), Began)


def test_all_that_is_wrong_is_told_alike(house: House) -> None:
    house.administrator()
    house.account("no password", password=None)
    disabled = house.account("disabled")
    house.write(
        lambda connection: change_account(
            connection, house.by, disabled.id, disabled.version, name="disabled", address="", role_ids=[], disabled=True
        )
    )
    told = {
        house.access.sign_in(name, password, HERE)
        for name, password in (
            ("nobody", PASSWORD),
            ("no password", PASSWORD),
            ("disabled", PASSWORD),
            ("root", "something else"),
            ("root\0", PASSWORD),
            ("root", "\ud800"),
            ("\ud800", PASSWORD),
            ("n" * 100_000, "p" * 100_000),
        )
    }
    assert told == {NotSignedIn()}


def test_an_unknown_name_takes_as_much_work_as_a_known_one(
    todays_hashes: None, quick_house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counted, not timed: each attempt verifies one argon2id hash with the same parameters."""
    quick_house.account("ann")
    quick_house.account("no password", password=None)
    verified: list[str] = []
    real = PasswordHasher.verify

    def counted(self: PasswordHasher, stored: str, password: str) -> bool:
        verified.append(stored.rpartition("$")[0].rpartition("$")[0])  # algorithm, version, parameters
        return real(self, stored, password)

    monkeypatch.setattr(PasswordHasher, "verify", counted)
    for name in ("ann", "nobody", "no password"):
        assert quick_house.access.sign_in(name, "wrong", HERE) == NotSignedIn()
    assert verified == ["$argon2id$v=19$m=19456,t=2,p=1"] * 3


def test_a_hash_with_older_parameters_is_made_anew_when_its_owner_signs_in(
    todays_hashes: None, quick_house: House
) -> None:
    ann = quick_house.account("ann")
    old = PasswordHasher.from_parameters(CHEAPEST).hash(PASSWORD)
    quick_house.write(lambda connection: connection.execute(update(accounts).values(password=old)))
    assert quick_house.access.sign_in("ann", "wrong", HERE) == NotSignedIn()
    assert quick_house.again(ann).password == old
    assert isinstance(quick_house.access.sign_in("ann", PASSWORD, HERE), Began)
    renewed = quick_house.again(ann).password
    assert renewed and renewed.startswith("$argon2id$v=19$m=19456,t=2,p=1$") and verify(renewed, PASSWORD)


def test_an_account_is_locked_after_ten_failures_whatever_the_address_and_a_restart_changes_nothing(
    house: House,
) -> None:
    house.account("ann")
    house.account("ben")
    for number in range(10):
        assert house.access.sign_in("Ann", "wrong", Client(f"192.0.2.{number}")) == NotSignedIn()
    restarted = Access(house.engine, now=house.clock)
    told = restarted.sign_in("ann", PASSWORD, Client("198.51.100.1"))
    assert told == NotSignedIn(house.clock().timestamp() + 15 * 60)
    assert isinstance(restarted.sign_in("ben", PASSWORD, HERE), Began)
    house.clock.pass_(minutes=16)
    assert isinstance(restarted.sign_in("ann", PASSWORD, HERE), Began)


def test_a_name_without_an_account_is_locked_as_well(quick_house: House) -> None:
    told = [quick_house.access.sign_in("nobody", "wrong", HERE) for _ in range(11)]
    assert [one == NotSignedIn() for one in told] == [True] * 10 + [False]


def test_success_forgets_the_failures_of_the_account(quick_house: House) -> None:
    quick_house.account("ann")
    for _ in range(3):
        for _ in range(9):
            assert quick_house.access.sign_in("ann", "wrong", HERE) == NotSignedIn()
        assert isinstance(quick_house.access.sign_in("ann", PASSWORD, HERE), Began)


def test_an_address_is_locked_after_a_hundred_failures_whatever_the_names(quick_house: House) -> None:
    quick_house.account("ann")
    network = [f"2001:db8::{number:x}" for number in range(100)]  # one client's, of which it has 2**64
    for number, address in enumerate(network):
        assert quick_house.access.sign_in(f"name {number}", "wrong", Client(address)) == NotSignedIn()
    locked = quick_house.access.sign_in("ann", PASSWORD, Client("2001:db8::ffff"))
    assert isinstance(locked, NotSignedIn) and locked.wait_until > 0
    assert isinstance(quick_house.access.sign_in("ann", PASSWORD, Client("2001:db8:0:1::1")), Began)


def test_attempts_at_the_same_moment_are_all_counted(house: House) -> None:
    house.account("ann")
    with ThreadPoolExecutor(8) as threads:
        told = list(threads.map(lambda _: house.access.sign_in("ann", "wrong", HERE), range(16)))
    assert sum(one == NotSignedIn() for one in told) == 10


def test_what_was_typed_as_name_or_password_is_stored_nowhere(quick_house: House) -> None:
    quick_house.access.sign_in("my secret password", "another secret", HERE)
    (row,) = quick_house.read(lambda connection: connection.execute(select(sign_in_attempts)).all()[:1])
    assert "secret" not in str(row)


def test_the_database_holds_no_token_and_no_password(quick_house: House) -> None:
    quick_house.account("ann")
    began = quick_house.access.sign_in("ann", PASSWORD, HERE)
    assert isinstance(began, Began)
    held = quick_house.read(
        lambda connection: [str(row) for table in (accounts, sessions) for row in connection.execute(select(table))]
    )
    assert len(held) == 2 and began.token not in "".join(held) and PASSWORD not in "".join(held)


@pytest.mark.parametrize(
    ("password", "told"),
    [
        ("short", "at least 12"),
        ("p" * 1001, "at most 1000"),
        ("aaaaaaaaaaaa", "different characters"),
        (" twelve letters", "blank"),
        ("twelve letters ", "blank"),
        ("Ann@Example.test", "known to others"),
        ("correct horse battery", ""),
        ("ずっと秘密にしておく言葉", ""),
    ],
)
def test_what_a_new_password_has_to_be_like(password: str, told: str) -> None:
    faults = list(credentials.faults(password, "ann", "ann@example.test"))
    assert (told in " ".join(faults)) if told else not faults


def test_a_hash_is_salted() -> None:
    assert hash_password(PASSWORD) != hash_password(PASSWORD)
