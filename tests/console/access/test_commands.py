"""`mailcall admin`: the first administrator, and the way back in."""

import json
import re
from datetime import UTC, datetime

import pytest

from console.access.access import Access
from console.access.account_changes import set_password
from console.access.accounts import account_named
from console.access.credentials import hash_password
from console.access.history import By, list_changes
from console.access.rights import Right
from console.access.sessions import Client
from desk.engine import open_desk, read_transaction, write_transaction
from tests.console.access.conftest import PASSWORD
from tests.console.conftest import Mailcall

HERE = Client("192.0.2.7")


def link_of(text: str) -> str:
    found = re.search(r"(?m)^https://desk\.example\.test/mail/sign-in/link/(\S{43})$", text)
    assert found, text
    return found[1]


def test_from_the_first_administrator_to_the_way_back_in(
    mailcall: Mailcall, desk_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAILCALL_WINDOW_URL", "https://desk.example.test/mail/")
    engine = open_desk(desk_url)
    access = Access(engine)

    def admin(*arguments: str) -> str:
        ran = mailcall("--desk-url", desk_url, "admin", *arguments)
        assert ran.code == 0, ran.err
        return ran.out

    assert "`mailcall admin create NAME`" in admin("list")
    first = link_of(admin("create", "Ann", "--address", "ann@example.test", "--who", "ops"))
    began = access.sign_in_by_link(first, HERE)
    assert began
    found = access.look_up(began.token)
    assert found and found.identity and found.must_change
    assert (found.identity.rights, found.identity.partitions) == (frozenset(Right), None)
    again = mailcall("--desk-url", desk_url, "admin", "create", "ann")
    assert again.code == 2 and "already" in again.err
    (listed,) = json.loads(admin("list", "--json"))
    assert (listed["name"], listed["roles"], listed["password"]) == ("Ann", ["Administrator"], False)

    link_of(admin("create", "Ben"))
    admin("end-sessions", "ANN")
    ended = access.look_up(began.token)
    assert ended and ended.identity is None
    link = link_of(admin("link", "ann", "--change-reason", "lost it"))
    admin("disable", "ann")
    assert access.sign_in_by_link(link, HERE) is None
    refused = mailcall("--desk-url", desk_url, "admin", "link", "ann")
    assert refused.code == 2 and "disabled" in refused.err
    last = mailcall("--desk-url", desk_url, "admin", "disable", "ben")
    assert last.code == 2 and "nobody could manage" in last.err
    with write_transaction(engine) as connection:
        ann = account_named(connection, "ann")
        assert ann
        set_password(connection, By("x", datetime.now(UTC)), ann, hash_password(PASSWORD), keep_session=None)
    admin("enable", "ann")
    assert hasattr(access.sign_in("ann", PASSWORD, HERE), "token")
    unknown = mailcall("--desk-url", desk_url, "admin", "disable", "nobody")
    assert unknown.code == 2 and "`mailcall admin list`" in unknown.err
    with read_transaction(engine) as connection:
        changes = list_changes(connection, limit=100)
    assert {"ops"} <= {one.who for one in changes} and "lost it" in {one.reason for one in changes}
    assert link not in str(changes)
    engine.dispose()
