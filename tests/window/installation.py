"""A whole installation with its window, and people who look at it with Chromium."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page

from deploy.local.demo.settings import PASSWORD
from deploy.local.pipeline import PROCESSES, WINDOW
from deploy.local.servers.database import Database
from deploy.local.servers.mail_host import MailHost
from deploy.local.window import ADMINISTRATOR, first_administrator, sealing_keys
from tests.browsers import open_chromium
from tests.desks import new_database
from tests.e2e.running import HR, IT, RunningDesk, running_desk

PASSWORD_OF_ADMINISTRATOR = "correct horse battery staple"


@dataclass
class Installation:
    """The demo's desk with mails, or an empty one, and the address of its window."""

    desk: RunningDesk
    browser: Browser
    contexts: list[BrowserContext] = field(default_factory=list)
    _signed_in: Any = None

    @property
    def url(self) -> str:
        return self.desk.pipeline.window_url

    def link(self) -> str:
        """The one-time sign-in link of the first administrator, who is made by this."""
        return first_administrator(self.desk.engine, self.url)

    def person(self, **settings: Any) -> Page:
        """A page in a browser of its own, with nobody signed in. `settings` are Playwright's of a context."""
        context = self.browser.new_context(base_url=self.url, reduced_motion="reduce", **settings)
        self.contexts.append(context)
        return context.new_page()

    def close(self) -> None:
        for context in self.contexts:
            context.close()

    def administrator(self, **settings: Any) -> Page:
        """The same, with the first administrator signed in."""
        if self._signed_in is None:
            page = self.person()
            page.goto(self.link())
            choose_password(page)
            self._signed_in = page.context.storage_state()
        return self.person(storage_state=self._signed_in, **settings)


def choose_password(page: Page, name: str = ADMINISTRATOR, password: str = PASSWORD_OF_ADMINISTRATOR) -> None:
    """On the page that a sign-in link leads to."""
    for box in page.locator("input[type=password]").all():
        box.fill(password)
    page.get_by_role("button", name="Set the password and sign in").click()
    page.get_by_text(f"Signed in as {name}").wait_for()


@contextmanager
def installation(
    directory: Path, bootstrap_servers: str, database: Database, *, set_up: bool = True
) -> Iterator[Installation]:
    """With `set_up` the demo's settings and persons are there and its servers are read; else there is nothing."""
    with ExitStack() as stack:
        desk_url = stack.enter_context(new_database(database))
        accounts = dict.fromkeys((IT, HR), PASSWORD)
        mail_host = stack.enter_context(MailHost(accounts, directory / "mail-host"))
        desk = stack.enter_context(
            running_desk(
                directory / "desk",
                bootstrap_servers,
                desk_url,
                mail_host,
                set_up=set_up,
                processes=(*PROCESSES, WINDOW),
                environment=sealing_keys(directory),
            )
        )
        if not set_up:
            desk.pipeline.create_topics()
            desk.pipeline.wait_ready()
        made = Installation(desk, stack.enter_context(open_chromium()))
        stack.callback(made.close)
        yield made
