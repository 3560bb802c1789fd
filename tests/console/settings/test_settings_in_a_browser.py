"""The pages of settings in Chromium: the matrix by keyboard, with a script and without; previews; narrow screens."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Dialog, Page, Route, expect

from desk.engine import open_desk
from schemas.settings import Partition
from tests.console.settings.desk_window import MemoryServices
from tests.console.settings.test_kind_pages import SETTINGS
from tests.console.settings.window_of_settings import window_of
from tests.console.web.serving import served
from tests.desks import new_desk

pytestmark = pytest.mark.timeout(180)

LOUD = "<script>parent.document.title = 'run'; document.title = 'run'</script><b>{{ subject }}</b>"
LONG = "W" * 900
WIDE = Partition(
    id="wide",
    name=LONG,
    impacts=tuple(f"{LONG[:60]} {number}" for number in range(6)),
    urgencies=tuple(f"Urgency {number}" for number in range(8)),
    priorities=("P1",),
    priority_matrix={f"{LONG[:60]} {row}": {f"Urgency {column}": "P1" for column in range(8)} for row in range(6)},
)
PATHS = (
    "partitions", "partitions/it", "partitions/wide", "partitions/wide/update", "partitions/it/delete",
    "call-templates", "call-templates/it-call/update", "message-templates/logged", "message-templates/logged/update",
    "notification-rules", "notification-rules/closed/update", "groups/printers", "add-partition", "add-group",
)  # fmt: skip


@pytest.fixture
def services(tmp_path: Path) -> MemoryServices:
    return MemoryServices(open_desk(new_desk(tmp_path / "desk.db")), (*SETTINGS, WIDE))


@pytest.fixture
def address(services: MemoryServices) -> Iterator[str]:
    with served(window_of(services)) as address:
        yield f"{address}/settings"


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    page = chromium.new_page()
    yield page
    page.close()


def _focused(page: Page) -> str:
    return str(page.evaluate("document.activeElement.getAttribute('aria-label') ?? document.activeElement.name"))


def test_the_matrix_is_filled_by_keyboard_alone(page: Page, address: str, services: MemoryServices) -> None:
    page.goto(f"{address}/partitions/it/update")
    page.focus("select[name='matrix.cell.0.0']")
    walked = []
    for key in ("ArrowRight", "ArrowDown", "ArrowLeft", "ArrowUp", "ArrowUp", "ArrowLeft"):
        page.keyboard.press(key)
        walked.append(_focused(page).removeprefix("Priority for "))
    assert walked == [
        "Impact High, Urgency Later",
        "Impact Low, Urgency Later",
        "Impact Low, Urgency Now",
        *["Impact High, Urgency Now"] * 3,  # at the edge it stays
    ]
    page.keyboard.press("ArrowDown")
    page.keyboard.type("P1")  # Low, Now
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Space")  # opens the list, in which arrows choose
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    assert _focused(page) == "Priority for Impact Low, Urgency Later"
    page.focus("[name=change_reason]")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    stored = services.stored("partition/it")
    assert isinstance(stored, Partition)
    assert stored.priority_matrix == {"High": {"Now": "P1", "Later": "P2"}, "Low": {"Now": "P1", "Later": "P1"}}


def test_without_a_script_the_cells_are_plain_selects(
    chromium: Browser, address: str, services: MemoryServices
) -> None:
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{address}/partitions/it/update")
    assert not page.is_visible("text=Arrow keys move")
    page.fill("[name=impacts]", "High\nLow\nNone")
    with page.expect_navigation():
        page.click("text=Update the grid >> nth=-1")
    page.select_option("[name='matrix.fill']", "P2")
    with page.expect_navigation():
        page.click("button:text-is('Fill')")
    page.click("button.primary:text-is('Save')")
    page.wait_for_url("**/partitions/it")
    stored = services.stored("partition/it")
    assert isinstance(stored, Partition)
    assert stored.priority_matrix["None"] == {"Now": "P2", "Later": "P2"}
    context.close()


def test_a_hostile_template_does_nothing_in_its_preview(page: Page, address: str) -> None:
    asked: list[str] = []

    def refuse(route: Route) -> None:
        asked.append(route.request.url)
        route.abort()

    page.route("**://elsewhere.example/**", refuse)
    page.goto(f"{address}/message-templates/logged/update")
    page.fill("[name=html]", LOUD + "<img src=https://elsewhere.example/x.png>")
    page.click("text=Check and preview")
    frame = page.frame_locator("iframe")
    expect(frame.locator("b")).to_have_text("Printer: stripes")
    assert "run" not in page.title()
    assert asked == []  # the policy stops it before it leaves the browser


@pytest.mark.parametrize("width", [360, 1200])
def test_no_page_is_wider_than_its_window(chromium: Browser, address: str, width: int) -> None:
    page = chromium.new_page(viewport={"width": width, "height": 800})
    wide = []
    for path in PATHS:
        page.goto(f"{address}/{path}")
        if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            wide.append(path)
    assert wide == []
    page.close()


def test_what_is_typed_and_not_saved_is_not_lost_unasked(page: Page, address: str) -> None:
    asked: list[str] = []

    def leave(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.accept()

    page.on("dialog", leave)
    page.goto(f"{address}/partitions/it/update")
    page.select_option("[name='matrix.cell.0.0']", "P2")
    page.click("text=Cancel")
    page.wait_for_url("**/partitions/it")
    assert asked == ["beforeunload"]


def test_impacts_and_urgencies_follow_the_partition_that_is_chosen(page: Page, address: str) -> None:
    page.goto(f"{address}/add-call-template")
    page.locator("#f-id").fill("typed")
    page.locator("#f-partition").select_option("it")
    expect(page.locator("#f-impact option")).to_have_text(["Choose one", "High", "Low"])
    page.locator("#f-impact").select_option("High")
    page.locator("#f-partition").focus()
    page.locator("#f-partition").select_option("wide")
    expect(page.locator("#f-urgency option")).to_have_count(9)
    expect(page.locator("#f-impact")).not_to_have_value("Low")
    expect(page.locator("#f-id")).to_have_value("typed")
    expect(page.locator("#f-partition")).to_be_focused()
