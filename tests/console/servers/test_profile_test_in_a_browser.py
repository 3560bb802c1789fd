"""Test of a MAPI profile in Chromium: in a tab of its own, so that the form stays with the secret typed into it."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Dialog, Page, expect

from deploy.local.checkers.npm_checkers import html_faults
from tests.console.servers.administration import CANARY, SUBJECTS, Administration
from tests.console.servers.test_profile_testing import ADD, SAVED, STORED, fine
from tests.console.servers.test_testing import refused
from tests.console.web.serving import served
from tests.console.web.signed_in import window
from tests.window.looking import faults_in_every_look, keyboard_faults

pytestmark = [pytest.mark.browser, pytest.mark.npm, pytest.mark.timeout(300)]

PROBE = "/email-settings/servers/outgoing/it-outgoing/probe"


@pytest.fixture
def page(administration: Administration, chromium: Browser) -> Iterator[Page]:
    administration.put("mapi-profile/exchange", STORED)
    with (
        served(window(administration.services, subjects=SUBJECTS)) as address,
        closing(chromium.new_context(base_url=address, reduced_motion="reduce")) as context,
    ):
        yield context.new_page()


def press_test(page: Page) -> Page:
    with page.context.expect_page() as opened:
        page.get_by_role("button", name="Test in a new tab").click()
    return opened.value


def test_the_form_stays_as_it_was_typed_and_is_not_left_unasked(page: Page, administration: Administration) -> None:
    administration.answer = refused
    page.goto(ADD)
    for field, text in (("id", "own"), ("tenant", "desk.example"), ("client_id", "app"), ("client_secret", CANARY)):
        page.fill(f"#f-{field}", text)
    page.locator("#f-transport").select_option("graph")
    expect(press_test(page).locator("#test-status")).to_contain_text("check username and password")
    expect(page.locator("#f-client_secret")).to_have_value(CANARY)

    asked: list[str] = []

    def stay(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    page.on("dialog", stay)
    page.get_by_role("link", name="Cancel").click(no_wait_after=True)
    expect(page.locator("#f-client_secret")).to_have_value(CANARY)
    assert asked == ["beforeunload"]
    page.remove_listener("dialog", stay)

    administration.answer = fine
    expect(press_test(page).locator("#test-status")).to_contain_text("The test passed")
    page.get_by_role("button", name="Save", exact=True).last.click()
    page.wait_for_url("**/settings/mapi-profiles/own")
    saved = administration.setting("mapi-profile/own")
    assert administration.revealed(saved.client_secret) == CANARY


def test_no_look_of_a_test_or_of_a_probe_has_a_fault(
    page: Page, administration: Administration, tmp_path: Path
) -> None:
    administration.answer = refused
    found: list[str] = []
    sources: list[Path] = []
    for name in ("saved", "answered", "mailbox wrong", "shown", "probe"):
        looked_at = show(page, name)
        sources.append(tmp_path / f"{name}.html")
        sources[-1].write_text(looked_at.request.get(looked_at.url).text())
        found += [f"{name} {fault}" for fault in faults_in_every_look(looked_at)]
        if name != "mailbox wrong":  # the error summary has the focus: the Tab key begins behind it
            found += [f"{name} [keyboard]: {fault}" for fault in keyboard_faults(looked_at)]
    assert not found, "\n".join(found)
    assert not html_faults(sources)


def show(page: Page, name: str) -> Page:
    """A page in the state of this name."""
    if name == "shown":
        page.goto("/settings/mapi-profiles/exchange/update")
        shown = press_test(page)
        expect(shown.locator("#test-status")).to_contain_text("check username and password")
        return shown
    page.goto(PROBE if name == "probe" else SAVED)
    if name in ("answered", "mailbox wrong"):
        page.get_by_label("Mailbox").fill("it@desk.example" if name == "answered" else "a b")
        page.get_by_role("button", name="OK").click()
        expect(page.locator("main")).to_contain_text("check username" if name == "answered" else "There is a problem")
    return page
