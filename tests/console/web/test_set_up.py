"""After each save on the way to the first call the next page leads on; afterwards it does not."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine
from starlette.middleware import Middleware
from starlette.testclient import TestClient

from console.access.rights import Identity, Right
from console.persons import pages as person_pages
from console.servers import pages as server_pages
from console.settings import email_options_page, kind_pages
from console.web import home
from console.web.app import build_app
from console.web.home import next_step
from console.web.routes import routes_of
from desk.engine import open_desk
from desk.migrate import upgrade
from schemas.settings import IncomingServer, OutgoingServer
from tests.console.settings.desk_window import MemoryServices, read_from_memory
from tests.console.settings.test_kind_pages import form_of
from tests.console.web.signed_in import ADMINISTRATOR, HOST, SignedIn, browser
from tests.console.web.test_first_run import ALL, OPTIONS, PARTITION, TEMPLATE
from tests.console.web.test_home import put_call
from tests.desk.rows import add_person

PATH = "/settings/partitions/it"


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    read_from_memory(monkeypatch)
    made = open_desk(f"sqlite:///{tmp_path / 'desk.db'}")
    upgrade(made)
    yield made
    made.dispose()


def client_of(services: MemoryServices, identity: Identity = ADMINISTRATOR) -> TestClient:
    subjects = (home, server_pages, email_options_page, kind_pages, person_pages)
    signed_in = Middleware(SignedIn, identity=identity)
    app = build_app(services, (HOST,), routes=routes_of(subjects), middleware=[signed_in], next_step=next_step)
    return browser(app)


def saved(client: TestClient) -> str:
    """The page after a partition was saved."""
    assert client.post(f"{PATH}/update", data=form_of(client.get(f"{PATH}/update").text)).status_code == 303
    text: str = client.get(PATH).text
    return text


NEXT = '<p class="next">Next: '


def test_each_save_leads_to_the_step_that_comes_next(engine: Engine) -> None:
    services = MemoryServices(engine, (PARTITION,))
    client = client_of(services)
    assert NEXT not in client.get(PATH).text
    assert f'{NEXT}<a href="/persons/add?flag=analyst">Add an Analyst</a>' in saved(client)
    add_person(engine, "ida", "Ida", "Ingram", "ida@desk.test", is_user=False, is_analyst=True)
    expected = (
        ((PARTITION,), "/settings/add-call-template", "Add a Call Template"),
        ((PARTITION, TEMPLATE), "/email-settings/add/outgoing", "Add an outgoing email server"),
        ((PARTITION, TEMPLATE, _one(OutgoingServer)), "/settings/email-options", "Add an outgoing email server"),
        ((PARTITION, TEMPLATE, _one(OutgoingServer), OPTIONS), "/email-settings/add/incoming", "Add an incoming"),
        (ALL, "/email-settings/servers/outgoing/out", "Test both"),
    )
    for settings, href, title in expected:
        assert f'{NEXT}<a href="{href}">{title}' in saved(client_of(MemoryServices(engine, settings))), title


def test_nobody_is_led_on_after_the_first_call_or_where_they_may_not(engine: Engine) -> None:
    services = MemoryServices(engine, ALL)
    assert NEXT in saved(client_of(services))
    add_person(engine, "ursula", "Ursula", "Usher", "ursula@desk.test")
    put_call(engine, 1)
    assert NEXT not in saved(client_of(services))
    only_calls = replace(ADMINISTRATOR, rights=frozenset({Right.READ_CALLS}))
    assert client_of(services, only_calls).get("/").status_code == 200


def _one(model: type[OutgoingServer] | type[IncomingServer]) -> OutgoingServer | IncomingServer:
    return next(one for one in ALL if isinstance(one, model))
