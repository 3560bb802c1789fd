"""The database, or the broker, is away while a form is saved: process, PostgreSQL and Kafka are real.

Nothing is half saved, what was typed is kept and said to be, the answer comes within a bound, and the window goes on by
itself: the form that the page holds is sent again, and saves once.
"""

import os
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from html import unescape

import httpx
import psycopg
import pytest
from sqlalchemy import Engine, select

from console.access.account_changes import add_administrator
from console.access.history import By
from console.access.sessions import link_path, make_link
from console.config import ConsoleConfig
from console.settings.state import read_state
from console.topics.waiting import create
from deploy.local.ports import wait_until
from deploy.local.servers.broker import KafkaProcess
from deploy.local.servers.database import Database
from desk.engine import open_desk, read_transaction, write_transaction
from desk.migrate import upgrade
from desk.tables import access_changes, accounts
from schemas.settings import EmailOptions
from tests.console.web.test_process import NEW_PASSWORD, SAME, running
from tests.freezing import frozen

pytestmark = [pytest.mark.broker, pytest.mark.database, pytest.mark.timeout(300)]

BOUND_SECONDS = 60.0  # an answer comes within 15 s of the database, or 22 s of the broker; the rest is a slow machine
USER = {"name": "bob", "address": "bob@example.com", "change_reason": "for the <weekend>"}
_KEPT = re.compile(r'<textarea name="([^"]+)" hidden>\n(.*?)</textarea>', re.DOTALL)


@dataclass
class Installed:
    """A window with an administrator who is signed in, and what it stands on."""

    browser: httpx.Client
    database: Database
    broker: KafkaProcess
    engine: Engine
    config: ConsoleConfig
    health: str

    def names(self) -> list[str]:
        self.engine.dispose()  # of connections that an outage has broken
        with read_transaction(self.engine) as connection:
            return sorted(connection.scalars(select(accounts.c.name)))

    def recorded(self) -> int:
        self.engine.dispose()
        with read_transaction(self.engine) as connection:
            return len(connection.execute(select(access_changes)).all())

    def options(self) -> EmailOptions:
        return read_state(self.config).settings.email_options()

    def is_well(self) -> bool:
        return httpx.get(f"{self.health}/readyz", timeout=BOUND_SECONDS).status_code == 200


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[Database, KafkaProcess]]:
    """Of these tests alone: they are stopped and frozen."""
    with Database() as database, KafkaProcess() as broker:
        yield database, broker


@pytest.fixture(scope="module")
def installed(servers: tuple[Database, KafkaProcess], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installed]:
    (database, broker), directory = servers, tmp_path_factory.mktemp("outages")
    name = f"t{os.urandom(4).hex()}"
    with psycopg.connect(database.dsn(), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    engine = open_desk(database.url(name))
    upgrade(engine)
    by = By("a test", datetime.now(UTC))
    with write_transaction(engine) as connected:
        link = link_path(make_link(connected, by, add_administrator(connected, by, "ann", "").id))
    where = {"kafka_bootstrap_servers": broker.bootstrap_servers, "topic_prefix": name, "desk_url": database.url(name)}
    config = ConsoleConfig(**where, blob_url=(directory / "blobs").as_uri())
    create(config)
    with (
        running(directory, **{key.upper(): value for key, value in where.items()}) as window,
        httpx.Client(headers=SAME, timeout=BOUND_SECONDS) as browser,
    ):
        health = window.logged("health is served")["address"]
        browser.base_url = window.logged("the window is served")["address"]
        threading.Thread(target=lambda: [*window.lines], daemon=True).start()  # else its log fills the pipe
        assert browser.post(link, data=NEW_PASSWORD).status_code == 303
        made = Installed(browser, database, broker, engine, config, health)
        assert wait_until(made.is_well, BOUND_SECONDS)
        yield made
    engine.dispose()


@contextmanager
def stopped(server: Database | KafkaProcess) -> Iterator[None]:
    server.stop()
    try:
        yield
    finally:
        server.start()


@contextmanager
def frozen_in_mid_save(installed: Installed) -> Iterator[None]:
    """The database freezes when the account is written, and what is recorded of it is not yet."""
    with psycopg.connect(installed.database.dsn(installed.engine.url.database or "")) as locked:
        locked.execute("LOCK TABLE access_changes IN ACCESS EXCLUSIVE MODE")
        with frozen_when_waiting(installed, locked.info.backend_pid):
            yield


@contextmanager
def frozen_when_waiting(installed: Installed, locker: int) -> Iterator[None]:
    thawed = threading.Event()

    def freeze() -> None:
        with psycopg.connect(installed.database.dsn(), autocommit=True) as looking:
            query = "SELECT count(*) FROM pg_locks WHERE NOT granted"
            while not (found := looking.execute(query).fetchone()) or not found[0]:
                time.sleep(0.02)
        with frozen(installed.database.pid):
            thawed.wait()

    thread = threading.Thread(target=freeze)
    thread.start()
    try:
        yield
    finally:
        thawed.set()
        thread.join()


DATABASE: Mapping[str, Callable[[Installed], AbstractContextManager[None]]] = {
    "stopped": lambda installed: stopped(installed.database),
    "frozen in mid-save": frozen_in_mid_save,
}
BOTH: Mapping[str, Callable[[Installed], AbstractContextManager[None]]] = {
    "The database": lambda installed: stopped(installed.database),
    "The broker": lambda installed: frozen(installed.broker.pid),
}


def kept(page: str) -> dict[str, str]:
    """The form that a page of trouble holds."""
    return {unescape(name): unescape(value) for name, value in _KEPT.findall(page)}


@pytest.mark.parametrize("outage", DATABASE)
def test_an_account_is_saved_whole_or_not_at_all(installed: Installed, outage: str) -> None:
    names, recorded = installed.names(), installed.recorded()
    user = {**USER, "name": f"bob, {outage}"}
    with DATABASE[outage](installed):
        answer = installed.browser.post("/access/users/add", data=user)
        assert answer.status_code == 503, answer.text
        assert "<h1>The database is away</h1>" in answer.text and "What to do:" in answer.text
        assert "What you typed is kept here" in answer.text and kept(answer.text) == user
        assert "Traceback" not in answer.text
    assert wait_until(lambda: installed.browser.get("/access/users").status_code == 200, BOUND_SECONDS)
    assert (installed.names(), installed.recorded()) == (names, recorded)
    assert installed.browser.post("/access/users/add", data=kept(answer.text)).status_code == 200
    assert installed.names() == sorted([*names, user["name"]])
    assert wait_until(installed.is_well, BOUND_SECONDS)


@pytest.mark.parametrize("away", BOTH)
def test_settings_are_saved_whole_or_not_at_all(installed: Installed, away: str) -> None:
    path = "/settings/email-options"
    before = installed.options()
    hours = before.give_up_after_hours + 1
    shown = _form(installed.browser.get(path).text)
    form = {**shown, "give_up_after_hours": f"{hours:g}", "change_reason": "less waiting"}
    with BOTH[away](installed):
        answer = installed.browser.post(path, data=form)
        assert answer.status_code == 503, answer.text
        assert f"<h1>{away} is away</h1>" in answer.text and "What to do:" in answer.text
        assert kept(answer.text) == form
    if away == "The database":
        assert installed.options() == before
    again = kept(answer.text)
    # A broker that has just come back refuses to write for some seconds more.
    assert wait_until(lambda: installed.browser.post(path, data=again).status_code == 303, BOUND_SECONDS)
    assert installed.options() == before.model_copy(update={"give_up_after_hours": hours})


def _form(page: str) -> dict[str, str]:
    """The inputs and selects of a page as a browser would send them, as far as these tests need them."""
    inputs = re.findall(r'<input (?:class="short" )?type="(?:text|hidden)"[^>]* name="([^"]+)" value="([^"]*)"', page)
    return {name: unescape(value) for name, value in inputs}
