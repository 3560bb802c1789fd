"""The shell and everything that pages are made of, in Chromium: under its policy, by keyboard, in every look."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from playwright.sync_api import Browser, Dialog, Page, expect

from console.web import home
from tests.console.web import gallery
from tests.console.web.serving import served
from tests.console.web.signed_in import window

pytestmark = pytest.mark.timeout(300)

LOOKS: tuple[dict[str, Any], ...] = (
    {"color_scheme": "light", "viewport": {"width": 1280, "height": 800}},
    {"color_scheme": "dark", "viewport": {"width": 360, "height": 740}},
    {"forced_colors": "active", "viewport": {"width": 768, "height": 800}},
)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with served(window(subjects=(home, gallery))) as address:
        yield address


@pytest.fixture
def page(chromium: Browser, address: str) -> Iterator[Page]:
    with closing(chromium.new_context(base_url=address, locale="de-DE", timezone_id="Asia/Kolkata")) as context:
        yield context.new_page()


@pytest.mark.parametrize("look", LOOKS, ids=("light", "dark-narrow", "forced-colours"))
@pytest.mark.parametrize("query", ["errors=1", "long=1"])
def test_hostile_and_long_words_run_nothing_and_widen_nothing(
    chromium: Browser, address: str, look: dict[str, Any], query: str
) -> None:
    with closing(chromium.new_context(base_url=address, **look)) as context:
        page, told = context.new_page(), list[str]()
        page.on("console", lambda message: told.append(message.text))
        page.on("pageerror", lambda error: told.append(str(error)))
        page.on("dialog", lambda dialog: told.append(dialog.message))
        page.goto(f"/gallery?{query}")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert told == []


def test_the_policy_stops_a_script_that_got_into_a_page_all_the_same(page: Page) -> None:
    page.goto("/gallery")
    ran = page.evaluate(
        """() => {
            const script = document.createElement("script");
            try { script.textContent = "window.ran = true"; document.body.append(script); } catch {}
            try { document.body.insertAdjacentHTML("beforeend", "<img src=x onerror='window.ran = true'>"); } catch {}
            return window.ran ?? false;
        }"""
    )
    assert ran is False


def test_what_is_wrong_has_the_focus_and_leads_to_its_field(page: Page) -> None:
    page.goto("/gallery?errors=1")
    expect(page.locator(".error-summary")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#f-text")).to_be_focused()


def test_what_was_typed_is_not_lost_unasked(page: Page) -> None:
    asked: list[str] = []

    def stay(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    page.on("dialog", stay)
    page.goto("/gallery")
    page.locator("#f-text").fill("typed")
    with page.expect_event("dialog"):
        page.locator(".explorer a").first.click()
    expect(page.locator("#f-text")).to_have_value("typed")
    assert asked == ["beforeunload"]
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".message.success").first).to_be_visible()
    assert asked == ["beforeunload"]


def test_menu_and_explorer_are_used_by_keyboard(page: Page) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto("/gallery")
    expect(page.locator(".explorer")).to_be_hidden()
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="System Administration")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("link", name="System Administration")).to_be_hidden()
    expect(page.locator(".menu > summary").first).to_be_focused()
    page.get_by_role("button", name="Explorer").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".explorer").get_by_role("link", name="Gallery")).to_be_visible()


def test_times_and_numbers_are_the_readers(page: Page) -> None:
    page.goto("/gallery")
    expect(page.locator("time").first).to_have_text("29.11.2026, 18:35:09")
    expect(page.locator("time").first).to_have_attribute("title", "29 Nov 2026, 13:05:09 UTC")
    expect(page.locator("data.number").first).to_have_text("1.234.567")


def test_without_javascript_times_are_in_utc(chromium: Browser, address: str) -> None:
    with closing(chromium.new_context(base_url=address, java_script_enabled=False)) as context:
        page = context.new_page()
        page.goto("/gallery")
        expect(page.locator("time").first).to_have_text("29 Nov 2026, 13:05:09 UTC")
        page.get_by_role("button", name="Save").click()
        expect(page.locator(".message.success").first).to_be_visible()
