"""aiokafka's fetcher: those who wait for records are told at once; that some were taken, it learns a bit later."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

from aiokafka.consumer.fetcher import Fetcher

from runtime.kafka.next_fetches import fetch_a_little_later


def in_a_loop(check: Any) -> None:
    fetch_a_little_later()

    async def run() -> None:
        loop = asyncio.get_running_loop()
        fetcher = SimpleNamespace(_loop=loop, _wait_consume_future=loop.create_future())
        await check(cast(Any, Fetcher._notify), fetcher)

    asyncio.run(run())


def test_the_next_fetch_waits_until_others_have_had_their_turn() -> None:
    async def check(notify: Any, fetcher: Any) -> None:
        notify(fetcher, fetcher._wait_consume_future)
        notify(fetcher, fetcher._wait_consume_future)  # two partitions, whose records one poll has taken
        await asyncio.sleep(0)
        assert not fetcher._wait_consume_future.done()
        await asyncio.wait_for(fetcher._wait_consume_future, 10)

    in_a_loop(check)


def test_it_comes_to_nothing_where_the_fetcher_has_looked_meanwhile() -> None:
    async def check(notify: Any, fetcher: Any) -> None:
        notify(fetcher, fetcher._wait_consume_future)
        fetcher._wait_consume_future.cancel()
        following = fetcher._wait_consume_future = asyncio.get_running_loop().create_future()
        await asyncio.sleep(0.01)
        assert not following.done()

    in_a_loop(check)


def test_those_who_wait_for_records_are_told_at_once() -> None:
    async def check(notify: Any, fetcher: Any) -> None:
        waiter = asyncio.get_running_loop().create_future()
        notify(fetcher, waiter)
        notify(fetcher, None)
        assert waiter.done()

    in_a_loop(check)
