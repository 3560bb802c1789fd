"""Failed notifications in Chromium, where they are sent again: what axe-core, html-validate and the keyboard find."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import Engine

from console.desk import item_pages
from console.notifications import pages as delivery_pages
from console.notifications.send_again import again_id
from console.web import home
from deploy.local.checkers.npm_checkers import html_faults
from tests.console.web.serving import served
from tests.console.web.signed_in import window
from tests.console.web.test_desk_pages import F, MailTopics, blobs, desk, engine, failed, sending_services
from tests.desk.rows import add_attempt
from tests.window.looking import faults_in_every_look, keyboard_faults

__all__ = ["blobs", "desk", "engine", "failed"]  # fixtures
pytestmark = [pytest.mark.npm, pytest.mark.timeout(300)]


@pytest.fixture
def desk_url(tmp_path: Path) -> str:
    from tests.desks import new_desk

    return new_desk(tmp_path / "desk.db")


@pytest.fixture
def page(desk: Engine, failed: MailTopics, chromium: Browser) -> Iterator[Page]:
    add_attempt(desk, again_id(("n1", "ann@example.test")), "sent", reference="C-000001")
    app = window(sending_services(desk, failed, []), subjects=(home, item_pages, delivery_pages))
    with served(app) as url, closing(chromium.new_context(base_url=url, reduced_motion="reduce")) as context:
        context.set_default_timeout(60_000)
        yield context.new_page()


def test_where_they_are_sent_again_nothing_is_at_fault(page: Page, tmp_path: Path) -> None:
    found: list[str] = []
    for path in ("/deliveries", "/deliveries?state=failed", f"/deliveries/{F}", "/deliveries/n3"):
        response = page.goto(path, wait_until="networkidle")
        assert response is not None
        source = tmp_path / "page.html"
        source.write_text(response.text())
        found += [f"{path} {fault}" for fault in faults_in_every_look(page)]
        found += [f"{path} [keyboard]: {fault}" for fault in keyboard_faults(page)]
        found += [f"{path} [html]: {one['message']}" for one in html_faults([source])]
    assert not found, "\n".join(sorted(set(found)))


def test_one_is_chosen_and_sent_again(page: Page) -> None:
    page.goto("/deliveries?state=failed")
    page.locator(f'input[value^="{F}/"]').check()
    page.get_by_role("button", name="Send again").click()
    expect(page.get_by_text("1 notification is being sent again.")).to_be_visible()
