"""A consumer that has nothing to do waits for something to happen, rather than for the end of poll after poll.

kafka-python 3.0.12 has no `wakeup`, as Java's client has: a poll that is to notice a stop has to end every second, and
each one wakes the thread of the connections several times.
"""

import threading
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kafka import KafkaConsumer

REJOIN_CALLS = ("request_rejoin", "reset_generation", "coordinator_dead")  # after each the next poll has work to do


class QuietWaits:
    """Between two polls of one consumer. `wait` is for the thread that polls, `wake` for any."""

    def __init__(self, consumer: "KafkaConsumer", stop: threading.Event) -> None:
        """Wakes at `stop`, and when the group or its coordinator are lost or rebalance."""
        self._consumer = consumer
        self._net = consumer._net
        self._woken = False
        self._waiting: Any = None  # kafka-python's Future; as all of them, of the thread of the connections
        for name in REJOIN_CALLS:
            setattr(consumer._coordinator, name, partial(self._and_wake, getattr(consumer._coordinator, name)))
        threading.Thread(target=self._wake_at, args=(stop,), name="wake-at-stop", daemon=True).start()

    def wait(self, seconds: float) -> None:
        """Until a fetch is answered or `wake` was called since the last wait, that many seconds at most.

        Returns at once where a poll has more to do than to wait for the fetches that it has sent.
        """
        if self.nothing_to_do:
            self._net.run(self._until_something, seconds * 1000)

    def wake(self) -> None:
        """Ends the wait, or the next one. Nothing once the consumer is closed."""
        with suppress(RuntimeError):
            self._net.call_soon_threadsafe(self._wake)

    @property
    def nothing_to_do(self) -> bool:
        """Whether the next poll would only wait: for the fetches that each broker has, or for a partition to read."""
        consumer, coordinator, fetcher = self._consumer, self._consumer._coordinator, self._consumer._fetcher
        if coordinator.need_rejoin() or coordinator.coordinator_unknown():
            return False
        if not consumer._subscription.has_all_fetch_positions():
            return False
        leaders = {consumer._cluster.leader_for_partition(it) for it in consumer._subscription.fetchable_partitions()}
        asked: set[Any] = fetcher._nodes_with_pending_fetch_requests
        return leaders <= asked  # one that is not connected is tried again by a poll

    async def _until_something(self, milliseconds: float) -> None:
        from kafka.errors import KafkaTimeoutError
        from kafka.future import Future

        if self._woken:
            self._woken = False
            return
        self._waiting = waiting = Future()
        for fetch in self._consumer._fetcher._fetch_futures:
            fetch.add_both(partial(_end, waiting))
        with suppress(KafkaTimeoutError):
            await self._consumer._manager.wait_for(waiting, milliseconds)
        self._waiting = None

    def _wake(self) -> None:
        if self._waiting is None:
            self._woken = True
        else:
            _end(self._waiting)

    def _wake_at(self, stop: threading.Event) -> None:
        stop.wait()
        self.wake()

    def _and_wake(self, call: Any, *arguments: Any, **options: Any) -> Any:
        try:
            return call(*arguments, **options)
        finally:
            self.wake()


def _end(waiting: Any, _: object = None) -> None:
    if not waiting.is_done:
        waiting.success(None)
