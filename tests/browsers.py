"""Chromium, for the tests that look at pages: one for all tests of a file, and patience on a machine that is busy."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser

PATIENCE_MS = 30_000  # of every `expect`; an action and a navigation have as much by Playwright itself


@contextmanager
def open_chromium() -> "Iterator[Browser]":
    """Raises `NotAvailableError`."""
    from playwright.sync_api import expect, sync_playwright

    from deploy.local.packages.debian import find_browser

    expect.set_options(timeout=PATIENCE_MS)
    with (
        sync_playwright() as playwright,
        closing(playwright.chromium.launch(executable_path=find_browser(), args=["--no-sandbox"])) as browser,
    ):
        yield browser


@pytest.fixture(scope="module")  # not longer: while Playwright runs, no test can have an event loop of its own
def chromium() -> "Iterator[Browser]":
    with open_chromium() as browser:
        yield browser
