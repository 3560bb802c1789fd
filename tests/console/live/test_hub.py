"""The hub tells each client what changed since it last heard, once, whatever thread it comes from; nothing piles up."""

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any

import pytest

from console.live import hub as module
from console.live.hub import Client, Hub, TooManyClientsError

SECONDS = 20.0
NAMES = ("servers", "jobs")


def run(body: "Coroutine[Any, Any, None]") -> None:
    asyncio.run(asyncio.wait_for(body, SECONDS))


async def names(client: Client) -> list[str]:
    return (await client.news(SECONDS))[0]


def test_a_change_in_another_thread_wakes_a_client_that_waits() -> None:
    async def body() -> None:
        hub = Hub()
        with hub.client("ann", NAMES) as client:
            waiting = asyncio.create_task(client.news(SECONDS))
            await asyncio.sleep(0)  # it waits now
            await asyncio.to_thread(hub.changed, ["servers"])
            assert (await waiting)[0] == ["servers"]

    run(body())


def test_many_changes_are_told_once_and_only_by_names_that_are_listened_for() -> None:
    async def body() -> None:
        hub = Hub()
        with hub.client("ann", ("servers",)) as client:
            for _ in range(1_000):
                hub.changed(["servers", "jobs"])
            assert await names(client) == ["servers"]
            assert (await client.news(0))[0] == []

    run(body())


def test_whoever_comes_back_is_told_what_changed_meanwhile_and_a_stranger_everything() -> None:
    async def body() -> None:
        hub = Hub()
        with hub.client("ann", NAMES) as client:
            hub.changed(["servers"])
            _, last = await client.news(SECONDS)
        hub.changed(["jobs"])
        with hub.client("ann", NAMES, last) as client:
            assert await names(client) == ["jobs"]
        for unknown in ("", "another-7", f"{last}x", "-", f"{last.partition('-')[0]}-{'9' * 400}"):
            with hub.client("ann", NAMES, unknown) as client:
                assert sorted(await names(client)) == ["jobs", "servers"]

    run(body())


def test_no_change_is_lost_while_threads_tell_of_many() -> None:
    async def body() -> None:
        hub = Hub()

        def change_all() -> None:
            for number in range(200):
                hub.changed([f"n{number}"])

        with hub.client("ann", [f"n{number}" for number in range(200)]) as client:
            thread = threading.Thread(target=change_all)
            thread.start()
            seen: set[str] = set()
            while len(seen) < 200:
                seen.update(await names(client))
            thread.join()

    run(body())


def test_clients_are_bounded_and_leave_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_CLIENTS_EACH", 1)
    monkeypatch.setattr(module, "MAX_CLIENTS", 2)

    async def body() -> None:
        hub = Hub()
        with hub.client("ann", NAMES):
            with pytest.raises(TooManyClientsError), hub.client("ann", NAMES):
                pass
            with hub.client("bob", NAMES), pytest.raises(TooManyClientsError), hub.client("cid", NAMES):
                pass
            assert hub.clients == 1
        assert hub.clients == 0
        hub.changed(["servers"])

    run(body())


def test_a_client_whose_loop_has_gone_stops_nobody() -> None:
    hub = Hub()
    left = []

    async def body() -> None:
        left.append(hub.client("ann", NAMES))
        left[0].__enter__()

    run(body())
    hub.changed(["servers"])  # its loop is closed
    left[0].__exit__(None, None, None)
    assert hub.clients == 0
