"""Accounts and roles: what they add up to, who may not be locked out, what the history keeps."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.access.account_changes import add_account, change_account, link_subject, set_password, unlink_subject
from console.access.accounts import Account, account_of_subject, find_account, list_accounts
from console.access.credentials import hash_password
from console.access.history import list_changes
from console.access.rights import Right, identity
from console.access.roles import add_role, change_role, delete_role, load_roles
from console.access.sessions import SessionTimes, account_of_link, make_link, use_link
from console.errors import UserError
from desk.errors import ConflictError
from tests.console.access.conftest import HERE, PASSWORD, House

ISSUER = "https://id.example.test"


def disable(house: House, account: Account) -> Account:
    roles = [id_ for id_, _ in account.roles]
    return house.write(
        lambda c: change_account(
            c, house.by, account.id, account.version, name=account.name, address="", role_ids=roles, disabled=True
        )
    )


@given(st.lists(st.tuples(st.sets(st.sampled_from(list(Right))), st.none() | st.sets(st.sampled_from("abc")))))
def test_an_account_may_what_its_roles_may(granted: list[tuple[set[Right], set[str] | None]]) -> None:
    found = identity("1", "ann", granted)
    assert found.rights == {right for rights, _ in granted for right in rights}
    for right, bound in ((Right.READ_CALLS, found.partitions), (Right.HELD_MAIL, found.mail_partitions)):
        roles = [within for rights, within in granted if right in rights]
        for partition in "abc":
            may = any(within is None or partition in within for within in roles)
            assert may == (bound is None or partition in bound)
        assert found.may_for_all(right) == (None in roles)


def test_a_right_that_this_release_does_not_know_opens_nothing() -> None:
    assert identity("1", "ann", [(["everything", "persons"], None)]).rights == {Right.PERSONS}


def test_names_are_compared_as_people_read_them(house: House) -> None:
    house.account("Ann Weber")
    for name in ("ann weber", " ANN WEBER ", "\uff21nn weber"):
        with pytest.raises(UserError, match="already"):
            house.account(name)


@pytest.mark.parametrize("name", ["", "  ", "a" * 101, "a\nb", "a\u202eb", "a\0b"])
def test_what_is_no_name_is_refused(quick_house: House, name: str) -> None:
    with pytest.raises(UserError):
        quick_house.write(lambda c: add_account(c, quick_house.by, name, "", []))
    with pytest.raises(UserError):
        quick_house.write(lambda c: add_role(c, quick_house.by, name, [], None))


def test_what_is_no_address_is_refused(quick_house: House) -> None:
    with pytest.raises(UserError, match="address"):
        quick_house.write(lambda c: add_account(c, quick_house.by, "ann", "ann at home", []))


def test_pages_of_accounts_hold_each_once_by_name(house: House) -> None:
    names = [f"ann {number:02}" for number in range(7)]
    for name in reversed(names):
        house.account(name, password=None)
    pages = [house.read(lambda c: list_accounts(c, limit=3))]
    while last := pages[-1][-1:]:
        pages.append(house.read(partial(list_accounts, after=(last[0].key, last[0].id), limit=3)))
    assert [one.name for page in pages for one in page] == names


def test_the_second_of_two_changes_of_the_same_account_is_told(house: House) -> None:
    house.administrator()
    ann = house.account("ann")
    disable(house, ann)
    with pytest.raises(ConflictError):
        disable(house, ann)


def test_a_role_that_somebody_has_is_not_deleted(house: House) -> None:
    house.administrator()
    house.account("ann")
    role = next(one for one in house.read(load_roles) if one.name == "role of ann")
    with pytest.raises(UserError, match="in use by ann"):
        house.write(lambda c: delete_role(c, house.by, role.id))
    spare = house.write(lambda c: add_role(c, house.by, "spare", [Right.PERSONS], None))
    house.write(lambda c: delete_role(c, house.by, spare.id))
    assert "spare" not in {one.name for one in house.read(load_roles)}


def _disables(house: House, root: Account) -> None:
    disable(house, root)


def _takes_its_roles(house: House, root: Account) -> None:
    house.write(
        lambda c: change_account(
            c, house.by, root.id, root.version, name="root", address="", role_ids=[], disabled=False
        )
    )


def _takes_the_right(house: House, root: Account) -> None:
    (role,) = house.read(load_roles)
    house.write(
        lambda c: change_role(c, house.by, role.id, role.version, name="x", rights=[Right.PERSONS], partitions=None)
    )


@pytest.mark.parametrize("change", [_disables, _takes_its_roles, _takes_the_right])
def test_somebody_can_always_manage_users_and_roles(house: House, change: Callable[[House, Account], None]) -> None:
    root = house.administrator()
    with pytest.raises(UserError, match="nobody could manage"):
        change(house, root)
    assert house.again(root) == root


def test_two_administrators_cannot_disable_each_other(house: House) -> None:
    both = [house.administrator("one"), house.administrator("two")]
    together = Barrier(2)

    def try_it(account: Account) -> bool:
        together.wait(10)
        try:
            disable(house, account)
        except (UserError, ConflictError):
            return False
        return True

    with ThreadPoolExecutor(2) as threads:
        assert sorted(threads.map(try_it, both)) == [False, True]


def test_a_link_is_good_once_and_for_a_day(house: House) -> None:
    ann = house.account("ann", password=None)
    token = house.write(lambda c: make_link(c, house.by, ann.id))
    assert len(token) == 43
    for _ in range(2):
        assert house.read(lambda c: account_of_link(c, token, house.clock())) == ann.id  # looking does not use it
    assert house.write(lambda c: use_link(c, token, house.clock())) == ann.id
    assert house.write(lambda c: use_link(c, token, house.clock())) is None
    late = house.write(lambda c: make_link(c, house.by, ann.id))
    house.clock.pass_(hours=24)
    assert house.write(lambda c: use_link(c, late, house.clock())) is None


def test_of_two_who_use_a_link_at_once_one_gets_in(house: House) -> None:
    ann = house.account("ann", password=None)
    token = house.write(lambda c: make_link(c, house.by, ann.id))
    with ThreadPoolExecutor(4) as threads:
        began = list(threads.map(lambda _: house.access.sign_in_by_link(token, HERE), range(4)))
    assert sum(one is not None for one in began) == 1


def test_a_new_link_a_new_password_and_disabling_end_the_links_before(house: House) -> None:
    house.administrator()
    ann = house.account("ann")

    def is_good(token: str) -> bool:
        return house.read(lambda c: account_of_link(c, token, house.clock())) is not None

    first = house.write(lambda c: make_link(c, house.by, ann.id))
    second = house.write(lambda c: make_link(c, house.by, ann.id))
    assert (is_good(first), is_good(second)) == (False, True)
    house.write(lambda c: set_password(c, house.by, ann, hash_password(PASSWORD), keep_session=None))
    assert not is_good(second)
    third = house.write(lambda c: make_link(c, house.by, ann.id))
    disable(house, house.again(ann))
    assert not is_good(third) and house.access.sign_in_by_link(third, HERE) is None


def test_a_login_of_a_provider_is_linked_with_one_account(house: House) -> None:
    ann, ben = house.account("ann"), house.account("ben")
    house.write(lambda c: link_subject(c, house.by, ann, ISSUER, "s1"))
    with pytest.raises(UserError, match="another account"):
        house.write(lambda c: link_subject(c, house.by, ben, ISSUER, "s1"))
    house.write(lambda c: link_subject(c, house.by, ben, "https://other.example.test", "s1"))
    found = house.read(lambda c: account_of_subject(c, ISSUER, "s1"))
    assert found and found.id == ann.id
    began = house.access.sign_in_by_oidc(ann.id, HERE)
    assert began
    house.write(lambda c: unlink_subject(c, house.by, found))
    assert house.read(lambda c: account_of_subject(c, ISSUER, "s1")) is None
    ended = house.access.look_up(began.token)
    assert ended and ended.identity is None


def test_the_history_says_who_when_why_and_what_and_holds_no_secret(house: House) -> None:
    house.administrator()
    ann = house.account("ann", Right.PERSONS)
    token = house.write(lambda c: make_link(c, house.by, ann.id))
    disable(house, ann)
    changes = house.read(lambda c: list_changes(c, limit=100))
    newest = changes[0]
    assert (newest.action, newest.subject, newest.who, newest.reason) == ("account-changed", "ann", "tester", "because")
    assert newest.at == house.clock() and newest.before and newest.after
    assert (newest.before["disabled"], newest.after["disabled"]) == (False, True)
    assert newest.before["roles"] == ["role of ann"]
    assert [one.action for one in changes] == [
        *("account-changed", "link-made", "password-set", "account-added", "role-added"),
        *("password-set", "account-added", "role-added"),
    ]
    assert token not in str(changes) and "argon2" not in str(changes)
    older = house.read(lambda c: list_changes(c, before_id=changes[1].id, limit=2))
    assert older == changes[2:4]


def test_what_fails_leaves_no_history(house: House) -> None:
    root = house.administrator()
    before = house.read(lambda c: list_changes(c, limit=100))
    with pytest.raises(UserError):
        disable(house, root)
    assert house.read(lambda c: list_changes(c, limit=100)) == before
    assert house.read(lambda c: find_account(c, "unknown")) is None and SessionTimes().idle
