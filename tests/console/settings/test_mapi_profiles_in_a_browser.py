"""The form of a MAPI profile in Chromium: it shows what goes with the chosen transport and log-in, in every look."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from deploy.local.checkers.npm_checkers import html_faults
from desk.engine import open_desk
from tests.console.settings.desk_window import MemoryServices
from tests.console.settings.test_kind_pages import SETTINGS
from tests.console.settings.window_of_settings import window_of
from tests.console.web.serving import served
from tests.desks import new_desk
from tests.window.looking import faults_in_every_look

pytestmark = [pytest.mark.browser, pytest.mark.npm, pytest.mark.timeout(300)]

GRAPH = {
    "Directory (tenant)": True,
    "Client secret": True,
    "Address of Exchange Web Services": False,
    "Password": False,
}
EWS = {"Directory (tenant)": False, "Client secret": False, "Address of Exchange Web Services": True, "Password": True}
EWS_OAUTH = {**GRAPH, "Address of Exchange Web Services": True}


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    services = MemoryServices(open_desk(new_desk(tmp_path / "desk.db")), SETTINGS)
    with served(window_of(services)) as address:
        yield f"{address}/settings"


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    with closing(chromium.new_context(reduced_motion="reduce")) as context:
        yield context.new_page()


def shows(page: Page, fields: dict[str, bool]) -> None:
    for label, is_there in fields.items():
        expect(page.get_by_label(label, exact=False).first).to_be_visible(visible=is_there)


def test_the_fields_follow_the_transport_and_the_log_in(page: Page, address: str) -> None:
    page.goto(f"{address}/add-mapi-profile")
    shows(page, GRAPH)
    page.get_by_label("Transport").select_option("ews")
    shows(page, EWS)
    page.get_by_label("Authentication Method").select_option("oauth2")
    shows(page, EWS_OAUTH)
    page.get_by_label("Transport").select_option("graph")
    shows(page, GRAPH)


def test_no_look_of_a_profile_has_a_fault(page: Page, address: str, tmp_path: Path) -> None:
    found: list[str] = []
    sources: list[Path] = []
    for path in ("mapi-profiles", "mapi-profiles/exchange", "mapi-profiles/exchange/update", "add-mapi-profile"):
        response = page.goto(f"{address}/{path}")
        assert response is not None
        sources.append(tmp_path / f"{len(sources)}.html")
        sources[-1].write_text(response.text())
        found += [f"{path}: {fault}" for fault in faults_in_every_look(page)]
    found += [f"{fault['page']}:{fault['line']}: {fault['rule']}: {fault['message']}" for fault in html_faults(sources)]
    assert not found
