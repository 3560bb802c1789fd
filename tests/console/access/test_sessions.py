"""Sessions end by themselves, by their owner and by an administrator; what is changed holds at once."""

from sqlalchemy import func, select, update

from console.access.access import Began
from console.access.account_changes import change_account, set_password
from console.access.credentials import hash_password
from console.access.rights import Right
from console.access.roles import change_role, load_roles
from console.access.sessions import Client, end_session, end_sessions, live_sessions, purge
from desk.tables import accounts, sessions
from tests.console.access.conftest import HERE, PASSWORD, House


def begin(house: House, name: str = "ann") -> str:
    began = house.access.sign_in(name, PASSWORD, HERE)
    assert isinstance(began, Began)
    return began.token


def is_live(house: House, token: str) -> bool:
    found = house.access.look_up(token)
    return found is not None and found.identity is not None


def test_tokens_are_long_and_never_the_same(quick_house: House) -> None:
    quick_house.account("ann")
    tokens = {begin(quick_house) for _ in range(5)}
    assert len(tokens) == 5 and all(len(token) == 43 for token in tokens)
    assert quick_house.access.look_up(tokens.pop()[:-1] + "x") is None
    assert quick_house.access.look_up("") is None


def test_one_that_is_not_used_for_an_hour_has_ended(house: House) -> None:
    house.account("ann")
    token = begin(house)
    for _ in range(3):
        house.clock.pass_(minutes=59)
        assert is_live(house, token)
    house.clock.pass_(minutes=60)
    assert not is_live(house, token)


def test_one_that_is_used_all_day_ends_after_twelve_hours(house: House) -> None:
    house.account("ann")
    token = begin(house)
    for _ in range(23):
        house.clock.pass_(minutes=30)
        assert is_live(house, token)
    house.clock.pass_(minutes=30)
    assert not is_live(house, token)


def test_a_disabled_account_has_none_whoever_disabled_it(house: House) -> None:
    ann = house.account("ann")
    token = begin(house)
    by_hand = update(accounts).where(accounts.c.id == ann.id).values(disabled=True)  # ends no session by itself
    house.write(lambda connection: connection.execute(by_hand))
    assert not is_live(house, token)


def test_signing_out_ends_it(house: House) -> None:
    house.account("ann")
    token, other = begin(house), begin(house)
    house.access.sign_out(token)
    house.access.sign_out("unknown")
    assert (is_live(house, token), is_live(house, other)) == (False, True)


def test_its_owner_sees_them_all_and_ends_one(house: House) -> None:
    ann, ben = house.account("ann"), house.account("ben")
    token = begin(house)
    house.clock.pass_(minutes=5)
    house.access.sign_in("ann", PASSWORD, Client("2001:db8::1", "Other\nBrowser" + "x" * 500))
    listed = house.read(lambda connection: live_sessions(connection, ann.id, house.clock(), house.access.times))
    assert [one.client_address for one in listed] == ["2001:db8::1", HERE.address]
    assert listed[0].client_program == ("OtherBrowser" + "x" * 500)[:199]
    mine = listed[1].id
    assert not house.write(lambda connection: end_session(connection, ben.id, mine, house.clock()))
    assert is_live(house, token)
    assert house.write(lambda connection: end_session(connection, ann.id, mine, house.clock()))
    assert not is_live(house, token)
    assert len(house.read(lambda c: live_sessions(c, ann.id, house.clock(), house.access.times))) == 1


def test_all_of_an_account_are_ended_but_nobody_elses(house: House) -> None:
    ann = house.account("ann")
    house.account("ben")
    tokens, other = [begin(house), begin(house)], begin(house, "ben")
    assert house.write(lambda connection: end_sessions(connection, ann.id, house.clock())) == 2
    assert [is_live(house, token) for token in (*tokens, other)] == [False, False, True]


def test_a_disabled_account_is_out_at_once_and_stays_out_when_it_is_enabled_again(house: House) -> None:
    house.administrator()
    ann = house.account("ann")
    token = begin(house)

    def disable(disabled: bool) -> None:
        now = house.again(ann)
        house.write(
            lambda connection: change_account(
                connection, house.by, ann.id, now.version, name="ann", address="", role_ids=[], disabled=disabled
            )
        )

    disable(True)
    assert not is_live(house, token)
    disable(False)
    assert not is_live(house, token)
    assert is_live(house, begin(house))


def test_a_changed_role_holds_with_the_next_request(house: House) -> None:
    house.administrator()
    house.account("ann", Right.READ_CALLS, Right.HELD_MAIL, partitions=("it", "hr"))
    token = begin(house)
    role = next(one for one in house.read(load_roles) if one.name == "role of ann")
    house.write(
        lambda connection: change_role(
            connection, house.by, role.id, role.version, name="less", rights=[Right.READ_CALLS], partitions=["hr"]
        )
    )
    found = house.access.look_up(token)
    assert found and found.identity
    assert found.identity.rights == {Right.READ_CALLS} and found.identity.partitions == frozenset({"hr"})


def test_a_new_password_ends_the_other_sessions_only(house: House) -> None:
    ann = house.account("ann")
    token, other = begin(house), begin(house)
    mine = house.access.look_up(token)
    assert mine
    hashed = hash_password("another good password")
    house.write(lambda c: set_password(c, house.by, ann, hashed, keep_session=mine.session.id))
    assert (is_live(house, token), is_live(house, other)) == (True, False)


def test_what_ended_long_ago_is_forgotten(quick_house: House) -> None:
    quick_house.account("ann")
    token = begin(quick_house)
    quick_house.clock.pass_(hours=13)
    quick_house.write(lambda connection: purge(connection, quick_house.clock()))
    assert quick_house.access.look_up(token) is not None  # whose it was is still known
    quick_house.clock.pass_(hours=24)
    quick_house.write(lambda connection: purge(connection, quick_house.clock()))
    assert quick_house.read(lambda c: c.scalar(select(func.count()).select_from(sessions))) == 0
