"""`/live` as a page hears it, over HTTP: a state that changes on a real broker, rights, the end of a session."""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from console.access.rights import Identity, Right
from console.config import ConsoleConfig
from console.live import pages as module
from console.live.hub import Hub
from console.views.views import Views
from deploy.local.ports import wait_until
from runtime.kafka.producer import Publisher
from runtime.kafka.topic_setup import create_topics
from tests.console.live.window import SECONDS, application, served, services
from tests.console.views.following import started, status
from tests.console.web.signed_in import ADMINISTRATOR

READER = Identity("2", "Rita", frozenset((Right.READ_CALLS,)))


@contextmanager
def stream(address: str, last: str = "") -> Iterator["Iterator[str]"]:
    """The lines of the stream, once it is open."""
    headers = {"Last-Event-ID": last} if last else {}
    with httpx.stream("GET", f"{address}/live", headers=headers, timeout=SECONDS) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        lines = response.iter_lines()
        yield lines


def event(lines: Iterator[str]) -> dict[str, str]:
    """The next event that has a name."""
    found: dict[str, str] = {}
    for line in lines:
        if line:
            name, _, value = line.partition(": ")
            found[name] = value
        elif "event" in found:
            return found
        else:
            found = {}
    raise AssertionError("the stream has ended")


@pytest.mark.broker
def test_the_change_of_a_servers_state_reaches_an_open_page(config: ConsoleConfig, publisher: Publisher) -> None:
    create_topics(config)
    hub = Hub()
    views = Views(config, hub.changed)
    with started(views):
        assert views.wait_ready(SECONDS)
        with served(application(services(live=hub, views=views))) as address, stream(address) as lines:
            assert event(lines)["event"] == "freshness"  # of before it was opened
            publisher.publish([status("it", "unreachable")])
            assert event(lines)["event"] == "servers"
            found = views.current.status("incoming", "it")
            assert found is not None and found.state == "unreachable"


def test_a_page_that_comes_back_hears_only_what_changed_meanwhile() -> None:
    hub = Hub()
    with served(application(services(live=hub))) as address:
        hub.changed(["servers"])
        with stream(address) as lines:
            first = event(lines)
        hub.changed(["jobs"])
        with stream(address, first["id"]) as lines:
            assert (first["event"], event(lines)["event"]) == ("servers", "jobs")


def test_a_stream_that_breaks_between_two_changes_of_one_moment_loses_neither() -> None:
    hub = Hub()
    with served(application(services(live=hub))) as address:
        hub.changed(["jobs", "servers"])
        with stream(address) as lines:
            first = event(lines)
        hub.changed(["traffic"])
        heard: set[str] = set()
        with stream(address, first.get("id", "")) as lines:
            while "traffic" not in heard:
                heard.add(event(lines)["event"])
    assert heard | {first["event"]} == {"jobs", "servers", "traffic"}


def test_nobody_hears_of_what_their_rights_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LIFE_SECONDS", 0.5)
    hub = Hub()
    hub.changed(module.NAMES)
    with served(application(services(live=hub), READER)) as address, stream(address) as lines:
        assert not [line for line in lines if line.startswith("event")]
    with served(application(services(live=hub), ADMINISTRATOR)) as address, stream(address) as lines:
        heard = {line.removeprefix("event: ") for line in lines if line.startswith("event")}
    assert heard == set(module.NAMES)


def test_a_stream_ends_by_itself_so_that_session_and_rights_are_looked_at_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "LIFE_SECONDS", 0.5)
    hub = Hub()
    with served(application(services(live=hub))) as address:
        with stream(address) as lines:
            assert list(lines)  # ends
        assert hub.clients == 0


def test_whoever_is_not_signed_in_is_told_to_ask_no_more() -> None:
    hub = Hub()
    hub.changed(module.NAMES)
    with served(application(services(live=hub), None)) as address, stream(address) as lines:
        text = list(lines)

    assert [line for line in text if line.startswith("event")] == ["event: signed-out"]
    assert hub.clients == 0


def test_a_page_that_is_closed_leaves_nothing_behind() -> None:
    hub = Hub()
    with served(application(services(live=hub))) as address:
        with stream(address) as lines:
            hub.changed(["servers"])
            assert event(lines)["event"] == "servers"
            assert hub.clients == 1
        hub.changed(["servers"])
        assert wait_until(lambda: hub.clients == 0, SECONDS)
