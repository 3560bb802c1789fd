"""Rights by object: what belongs to a partition that no role of theirs sees is, for an account, not there."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import Engine
from starlette.testclient import TestClient

from console.access.rights import Identity, Right
from console.web.page import Page
from console.web.routes import routes_of
from desk.engine import open_desk
from tests.console.web.people import named, views_of
from tests.console.web.signed_in import browser, window
from tests.desk.rows import add_attempt, add_item, add_person
from tests.desks import new_desk

IT, HR = Identity("1", "ann", frozenset(Right), frozenset({"it"})), "C-000002"
# Pages about one item, by the table of routes: whoever adds one has it looked at here.
OF_AN_ITEM = [page for page in routes_of().pages if "{reference}" in page.path]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Engine]:
    engine = open_desk(new_desk(tmp_path / "desk.db"))
    add_person(engine, "ben", "Ben", "Ortiz", "ben@example.test")
    add_item(engine, 1, user_id="ben", partition="it", subject="printer of IT")
    add_item(engine, 2, user_id="ben", partition="hr", subject="salary of Ben")
    for number in (1, 2):
        add_attempt(
            engine, f"n{number}", outcome="failed", reference=f"C-00000{number}", recipient=f"to{number}@example.test"
        )
    yield engine
    engine.dispose()


def services_of(desk: Engine) -> SimpleNamespace:
    return SimpleNamespace(engine=desk, views=views_of(*named()))


@pytest.mark.parametrize("page", OF_AN_ITEM, ids=lambda page: page.name)
def test_another_partitions_item_is_answered_like_one_that_is_not_there(page: Page, desk: Engine) -> None:
    client = browser(window(services_of(desk), IT))
    theirs, nobodys = (_ask(client, page, reference) for reference in (HR, "C-000099"))
    assert (theirs.status_code, nobodys.status_code) == (404, 404)
    assert _main(theirs, HR) == _main(nobodys, "C-000099")


def test_own_items_are_there_and_lists_hold_no_others(desk: Engine) -> None:
    client = browser(window(services_of(desk), IT))
    assert "printer of IT" in client.get("/items/C-000001").text
    for query in ("", "?partition=hr", "?q=salary"):
        assert "of Ben" not in client.get(f"/items{query}").text
    assert "printer of IT" in client.get("/items").text
    deliveries = client.get("/deliveries").text
    assert "to1@example.test" in deliveries and "to2@example.test" not in deliveries


def test_whoever_reads_all_partitions_sees_both(desk: Engine) -> None:
    client = browser(window(services_of(desk), Identity("1", "ann", frozenset(Right))))
    assert client.get(f"/items/{HR}").status_code == 200
    assert "to2@example.test" in client.get("/deliveries").text


def test_whoever_has_no_partition_sees_none(desk: Engine) -> None:
    client = browser(window(services_of(desk), Identity("1", "ann", frozenset(Right), frozenset())))
    assert client.get("/items/C-000001").status_code == 404
    assert "printer" not in client.get("/items").text


def _ask(client: TestClient, page: Page, reference: str) -> Any:
    path = page.path.replace("{reference}", reference).replace("{mail_id}", "m").replace("{number:int}", "0")
    return client.post(path, data={"action": "close"}) if "POST" in page.methods else client.get(path)


def _main(answer: Any, reference: str) -> str:
    text: str = answer.text
    return text.partition("<main")[2].partition("</main>")[0].replace(reference, "")
