"""Email Settings in Chromium: what changes by itself, what is kept by itself, no look of a page with a fault."""

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Response, expect

from deploy.local.checkers.npm_checkers import html_faults
from tests.console.servers.administration import AT, CANARY, SUBJECTS, Administration
from tests.console.servers.test_testing import refused
from tests.console.web.serving import served
from tests.console.web.signed_in import window
from tests.window.looking import faults_in_every_look, keyboard_faults

pytestmark = [pytest.mark.npm, pytest.mark.timeout(300)]

HOME = "/email-settings"
UPDATE = f"{HOME}/servers/incoming/hr-mailbox/update"
WRONG = "details with errors"
STATE = "#state-incoming-hr_2d_mailbox"


@pytest.fixture
def page(administration: Administration, chromium: Browser) -> Iterator[Page]:
    """Somebody looks at the window of an installation in which not all is well."""
    administration.tell(
        "hr-mailbox", "authentication-refused", since=AT - timedelta(days=3), last_error="refused: check username"
    )
    administration.spoil("incoming-server/tomorrow")
    with (
        served(window(administration.services, subjects=SUBJECTS)) as address,
        closing(chromium.new_context(base_url=address, reduced_motion="reduce")) as context,
    ):
        yield context.new_page()


def test_a_change_of_state_is_shown_without_being_asked_for(page: Page, administration: Administration) -> None:
    page.goto(HOME)
    page.check("input[value='incoming/hr-mailbox']")
    expect(page.locator(STATE)).to_contain_text("Log-in refused")
    administration.tell("hr-mailbox", "connected", last_success=AT)
    expect(page.locator(STATE)).to_contain_text("Connected")
    assert page.is_checked("input[value='incoming/hr-mailbox']")  # the rest of the page stays


def test_what_is_typed_is_kept_without_being_sent(page: Page, administration: Administration) -> None:
    page.goto(UPDATE)
    page.fill("#f-password", CANARY)
    with page.expect_response(lambda answer: answer.status == 204):
        page.fill("#f-name", "Kept by itself")
        page.locator("#f-host").focus()
    again = page.context.new_page()
    again.goto(HOME)
    expect(again.locator("main")).to_contain_text("Kept by itself")
    assert CANARY not in again.content()
    again.goto(UPDATE)
    again.focus("#f-name")
    again.keyboard.press("Enter")  # is Save, not Find
    again.wait_for_url("**/review")
    expect(again.locator("main")).to_contain_text("Kept by itself")


def test_no_look_has_a_fault(page: Page, administration: Administration, tmp_path: Path) -> None:
    administration.answer = refused
    found: list[str] = []
    sources: dict[Path, str] = {}
    answers: list[Response] = []
    page.on("response", lambda one: answers.append(one) if one.request.is_navigation_request() else None)
    for name in states(page):
        source = tmp_path / f"{len(sources)}.html"
        source.write_text(answers[-1].text())
        sources[source] = name
        found += [f"{name} {fault}" for fault in faults_in_every_look(page)]
        if name != WRONG:  # the error summary has the focus: the Tab key begins behind it
            found += [f"{name} [keyboard]: {fault}" for fault in keyboard_faults(page)]
    assert not found, "\n".join(found)
    assert not [(sources[Path(one["page"])], one) for one in html_faults(list(sources))]


def states(page: Page) -> Iterator[str]:
    """The pages that a procedure goes through, with what is typed in each."""
    for path in ("", "/add/incoming", "/servers/incoming/hr-mailbox", "/servers/incoming/tomorrow", "/new/smtp"):
        page.goto(HOME + path)
        yield path
    for id_ in ("outgoing/it-outgoing", "incoming/hr-mailbox"):
        page.goto(f"{HOME}/servers/{id_}/delete")
        yield f"delete {id_}"
    page.goto(UPDATE)
    page.fill("#f-port", "70000")
    page.fill("#f-default_logging_analyst", "desk.example")
    page.get_by_role("button", name="Save", exact=True).last.click()
    expect(page.locator(".error-summary")).to_be_visible()
    yield WRONG
    page.fill("#f-port", "")
    page.fill("#f-default_logging_analyst", "henry")
    page.fill("#f-name", "N" * 900)
    page.fill("#f-password", f"{CANARY} ")
    page.get_by_role("button", name="Test", exact=True).click()
    page.get_by_role("button", name="OK").click()
    expect(page.locator("#test-status")).to_contain_text("The test failed")
    yield "test"
    page.get_by_role("link", name="Review and save").click()
    expect(page.locator("h1")).to_contain_text("Review")
    yield "review"
    page.goto(f"{HOME}/add/outgoing")
    expect(page.locator("h1")).to_contain_text("Close these details first")
    yield "close first"
