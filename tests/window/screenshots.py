"""`make screenshots`: the pictures of the window in README and docs/, of the demo's desk, light and dark."""

import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from playwright.sync_api import Page

from deploy.local.servers.broker import choose_broker
from deploy.local.servers.database import Database
from tests.window.installation import Installation, installation

PICTURES = Path(__file__).resolve().parents[2] / "docs/pictures/window"
SIZE = {"width": 1280, "height": 860}


def _first_link(listed_at: str, within: str) -> Callable[[Page], None]:
    def go(page: Page) -> None:
        page.goto(listed_at)
        page.locator(within).first.click()
        page.locator("h1").wait_for()

    return go


def _at(path: str) -> Callable[[Page], None]:
    def go(page: Page) -> None:
        page.goto(path)

    return go


SHOWN: Mapping[str, Callable[[Page], None]] = {
    "email-settings": _at("/email-settings"),
    "way-of-a-mail": _first_link("/mails", "main table a"),
    "health": _at("/operations/health"),
}


def take(made: Installation, directory: Path) -> None:
    """One picture of each page in each theme, as PNG."""
    made.desk.wait_for_answers(made.desk.send(6))
    for theme in ("light", "dark"):
        page = made.administrator(viewport=SIZE, color_scheme=theme, timezone_id="UTC", locale="en-GB")
        for name, go in SHOWN.items():
            go(page)
            page.screenshot(path=directory / f"{name}-{theme}.png")


def main() -> int:
    PICTURES.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as directory,
        choose_broker() as broker,
        Database() as database,
        installation(Path(directory), broker.bootstrap_servers, database) as made,
    ):
        take(made, PICTURES)
    return 0


if __name__ == "__main__":
    sys.exit(main())
