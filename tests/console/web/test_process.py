"""`python -m console`: where it listens, what it believes of proxies, how it says how it is, how it ends."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from console.access.account_changes import add_administrator
from console.access.history import By
from console.access.sessions import link_path, make_link
from console.web.config import WindowConfig
from desk.engine import open_desk, write_transaction
from desk.migrate import upgrade
from runtime.config import ENV_PREFIX
from tests.ports import CLOSED_PORT

ROOT = Path(__file__).resolve().parents[3]
NEW_PASSWORD = dict.fromkeys(("new.secret", "again.secret"), "several words make one")
SAME = {"Sec-Fetch-Site": "same-origin"}


class Window:
    """A running process, and what it has logged so far."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        assert process.stderr is not None
        self.process = process
        self.lines = process.stderr

    def logged(self, event: str) -> dict[str, str]:
        """The next line of its log with this event."""
        for line in self.lines:
            entry: dict[str, str] = json.loads(line)
            if entry["event"] == event:
                return entry
        raise AssertionError(f"it ended without {event!r}")


@contextmanager
def running(directory: Path, **settings: str) -> Iterator[Window]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(ENV_PREFIX)}
    own = {
        "DESK_URL": f"sqlite:///{directory / 'desk.db'}",
        "BLOB_URL": (directory / "blobs").as_uri(),
        "KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{CLOSED_PORT}",
        "WINDOW_PORT": "0",
        **settings,
    }
    environment |= {f"{ENV_PREFIX}{name}": value for name, value in own.items()}
    command = (sys.executable, "-m", "console")
    with subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield Window(process)
        finally:
            process.kill()


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    engine = open_desk(f"sqlite:///{tmp_path / 'desk.db'}")
    upgrade(engine)
    engine.dispose()
    return tmp_path


def sign_in_link(directory: Path) -> str:
    engine = open_desk(f"sqlite:///{directory / 'desk.db'}")
    try:
        from datetime import UTC, datetime

        by = By("a test", datetime.now(UTC))
        with write_transaction(engine) as connection:
            return link_path(make_link(connection, by, add_administrator(connection, by, "ann", "").id))
    finally:
        engine.dispose()


def test_it_serves_says_how_it_is_and_ends_in_order(directory: Path) -> None:
    with running(directory) as window:
        health = window.logged("health is served")["address"]
        address = window.logged("the window is served")["address"]
        assert httpx.get(f"{address}/sign-in").status_code == 200
        assert httpx.get(f"{health}/livez").status_code == 200
        waiting = httpx.get(f"{health}/readyz")
        assert waiting.status_code == 503 and "views" in waiting.json()["waiting_for"]  # there is no broker
        assert (
            'mailcall_window_page_seconds_count{page="access.sign-in",status="2xx"} 1.0'
            in httpx.get(f"{health}/metrics").text
        )
        window.process.send_signal(signal.SIGTERM)
        assert window.logged("done") and window.process.wait(60) == 0


def test_without_a_broker_pages_say_so_and_accounts_work(directory: Path) -> None:
    with running(directory) as window, httpx.Client(headers=SAME, timeout=60) as browser:
        address = window.logged("the window is served")["address"]
        link = address + sign_in_link(directory)
        assert browser.get(link).status_code == 200
        answer = browser.post(link, data=NEW_PASSWORD)
        assert answer.status_code == 303, answer.text
        assert "System Administration" in browser.get(f"{address}/").text
        away = browser.get(f"{address}/settings/email-options")
        assert away.status_code == 503 and "MAILCALL_KAFKA_BOOTSTRAP_SERVERS" in away.text
        assert browser.get(f"{address}/access/users").status_code == 200


def test_it_ends_although_a_page_is_open(directory: Path) -> None:
    with running(directory) as window, httpx.Client(headers=SAME, timeout=60) as browser:
        address = window.logged("the window is served")["address"]
        link = address + sign_in_link(directory)
        browser.post(link, data=NEW_PASSWORD)
        with browser.stream("GET", f"{address}/live") as stream:
            assert stream.status_code == 200 and next(stream.iter_text())
            window.process.send_signal(signal.SIGTERM)
            assert window.process.wait(60) == 0


def test_a_port_that_is_taken_is_told(directory: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        with running(directory, WINDOW_PORT=port) as window:
            _, told = window.process.communicate(timeout=60)
            assert window.process.returncode == 2
            assert f"127.0.0.1:{port} cannot be listened on" in told and "name another port" in told


@pytest.mark.parametrize(("proxies", "client"), [("", "127.0.0.1"), ("127.0.0.1", "198.51.100.9")])
def test_only_a_proxy_that_is_named_says_where_somebody_comes_from(directory: Path, proxies: str, client: str) -> None:
    settings = {"WINDOW_URL": "https://desk.example/mail", "WINDOW_PROXIES": proxies}
    forged = {"Host": "desk.example", "X-Forwarded-For": "198.51.100.9", "X-Forwarded-Proto": "http", **SAME}
    with running(directory, **settings) as window:
        address = window.logged("the window is served")["address"]
        for path in ("/mail/sign-in", "/sign-in"):  # the proxy takes the base path away, or does not
            form = httpx.get(address + path, headers=forged)
            assert 'action="/mail/sign-in"' in form.text and 'href="/mail/static/' in form.text
            assert form.headers["Strict-Transport-Security"]
        wrong = {"name": "ann", "password.secret": "wrong", "next": "/"}
        httpx.post(f"{address}/mail/sign-in", headers=forged, data=wrong)
        assert window.logged("a sign-in was refused")["client"] == client


def test_no_header_says_who_somebody_is(directory: Path) -> None:
    names = ("X-Remote-User", "Remote-User", "X-Forwarded-User", "X-Auth-Request-User", "Authorization", "X-Email")
    with running(directory, WINDOW_PROXIES="127.0.0.1") as window:
        sign_in_link(directory)
        address = window.logged("the window is served")["address"]
        answer = httpx.get(f"{address}/", headers=dict.fromkeys(names, "ann"))
        assert answer.status_code == 303 and "/sign-in" in answer.headers["Location"]


@pytest.mark.parametrize(
    ("url", "hosts", "base_path", "known"),
    [
        ("http://localhost:8080", "", "", "localhost"),
        ("https://desk.example/mail/", "", "/mail", "desk.example"),
        ("https://desk.example:8443", "a.example, b.example", "", "b.example"),
        ("http://[2001:db8::1]:8080", "", "", "[2001:db8::1]"),
    ],
)
def test_names_and_base_path_are_those_that_people_use(url: str, hosts: str, base_path: str, known: str) -> None:
    config = WindowConfig(window_url=url, window_hosts=hosts)
    assert config.base_path == base_path and known in config.hosts and "127.0.0.1" in config.hosts
    assert "" not in config.hosts
