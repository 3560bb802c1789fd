"""aiokafka's next fetch: asked for once what the last one brought has gone on to those who wait for it.

aiokafka 0.14.0 makes the next request before it gives up its thread, and so Python's lock: a message that comes alone
waits for that for 0.4 ms. Under load the broker has that much more to give, while the last records are processed.
"""

from functools import cache
from typing import Any

LATER_SECONDS = 0.002


@cache
def fetch_a_little_later() -> None:
    """Once a process."""
    from aiokafka.consumer.fetcher import Fetcher

    notify = Fetcher._notify

    def notify_later(fetcher: Any, future: Any) -> None:
        """`_wait_consume_future` is done once records have been taken: then the fetcher has a look what to ask for."""
        if future is not None and future is fetcher._wait_consume_future:
            fetcher._loop.call_later(LATER_SECONDS, notify, fetcher, future)
        else:
            notify(fetcher, future)

    Fetcher._notify = notify_later
