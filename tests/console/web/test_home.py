"""The first page: the path of a new installation, then how everything is; only what somebody may see."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import Engine, Table, Text, insert, text

from console.access.rights import Identity, Right
from console.health.sampler import Traffic
from console.settings.partitions import FIRST_PARTITION
from console.views.snapshot import ViewSnapshot
from console.views.views import Freshness
from desk.engine import open_desk
from desk.migrate import upgrade
from desk.tables import items, mail_index, persons
from schemas.settings import IncomingServer
from schemas.snapshot import SettingsSnapshot
from tests.console.web.signed_in import browser, window


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = open_desk(f"sqlite:///{tmp_path / 'desk.db'}")
    upgrade(made)
    yield made
    made.dispose()


AT = datetime(2026, 11, 29, tzinfo=UTC)
INCOMING = IncomingServer(id="it", protocol="imap", call_template="it", default_logging_analyst="ida")


def put(engine: Engine, table: Table, **given: Any) -> None:
    """A row; texts that are not given are empty."""
    texts = {one.name: "" for one in table.c if isinstance(one.type, Text) and not one.nullable}
    with engine.begin() as connection:
        connection.execute(insert(table).values({**texts, **given}))


def put_call(engine: Engine, number: int) -> None:
    put(
        engine,
        items,
        id=number,
        kind="call",
        user_id="ursula",
        fields={},
        settings_versions={},
        opened_at=AT,
        version=1,
    )


def services(engine: Engine, *, ready: bool = True) -> SimpleNamespace:
    views = SimpleNamespace(current=ViewSnapshot(), freshness=Freshness(ready, None))
    return SimpleNamespace(engine=engine, views=views, sampler=SimpleNamespace(current=Traffic()))


def test_an_empty_installation_is_shown_the_way(engine: Engine) -> None:
    page = browser(window(services(engine))).get("/").text
    assert page.count('<li class="next">') == 1 and page.count('<li class="later">') == 6
    assert 'href="/settings/add-partition"' in page
    assert "Seven short steps" in page


def test_the_step_to_an_analyst_leads_to_a_form_for_one(engine: Engine) -> None:
    known = services(engine)
    known.views.current = ViewSnapshot(settings=SettingsSnapshot({"partition/desk": FIRST_PARTITION}))
    assert 'href="/persons/add?flag=analyst"' in browser(window(known)).get("/").text


def test_the_first_call_is_told_and_the_second_is_not(engine: Engine) -> None:
    known = services(engine)
    put(engine, persons, id="ursula", version=1, is_user=True, is_analyst=False, disabled=False)
    put_call(engine, 1)
    assert "The first call is there" not in browser(window(known)).get("/").text, "steps are shown, nothing is set up"
    known.views.current = ViewSnapshot(settings=SettingsSnapshot({"incoming-server/it": INCOMING}))
    page = browser(window(known)).get("/").text
    assert "The first call is there" in page and 'href="/items/C-000001"' in page
    put_call(engine, 2)
    assert "The first call is there" not in browser(window(known)).get("/").text


def test_mail_in_quarantine_is_told_where_somebody_may_release_it(engine: Engine) -> None:
    put(engine, mail_index, mail_id="a" * 32, received=AT, outcome="quarantined")
    told = "quarantine</a>: 1 mail."
    assert told in browser(window(services(engine))).get("/").text
    assert told in browser(window(services(engine), Identity("2", "Bob", frozenset({Right.HELD_MAIL})))).get("/").text
    assert (
        told not in browser(window(services(engine), Identity("2", "Bob", frozenset({Right.READ_CALLS})))).get("/").text
    )


def test_nothing_is_offered_before_it_is_known_what_there_is(engine: Engine) -> None:
    assert 'class="steps"' not in browser(window(services(engine, ready=False))).get("/").text


def test_while_the_database_is_away_the_page_is_there(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE persons RENAME TO others"))
    assert browser(window(services(engine))).get("/").status_code == 200


def test_who_may_set_up_nothing_sees_nothing_of_it(engine: Engine) -> None:
    client = browser(window(services(engine), Identity("2", "Bob", frozenset())))
    for path in ("/", "/home/part"):
        page = client.get(path).text
        assert 'class="steps"' not in page and "broker" not in page
    assert "Nothing here is open to you yet" in client.get("/").text
