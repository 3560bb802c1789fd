"""Faust's consumer as we use it: it reads committed records only, polls within bounds, and hands records on cheaply."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from weakref import WeakSet

from runtime.kafka.library import TopicPartition
from runtime.kafka.poll_limits import MAX_POLLED_BYTES
from runtime.processing.faust_library import (
    AIOKafkaConsumerThread,
    Consumer,
    ConsumerStoppedError,
    Service,
    Transport,
    WorkerThread,
)

THREAD_SECONDS = 5.0
HELD_SECONDS = 0.2  # until it is checked again whether more may be polled, where nothing is acknowledged
FETCH_SECONDS = 5.0  # how long the broker holds a fetch open while nothing comes; the first record ends it
LOOK_SECONDS = FETCH_SECONDS  # how often aiokafka looks for something to fetch that no event told it of; its own is 0.2
COMMIT_AGAIN_SECONDS = 10.0  # until what was acknowledged during a commit of a rebalance is committed as well
FRESH_SECONDS = FETCH_SECONDS + 1.0  # after it a fetch is overdue


@dataclass(frozen=True, slots=True)
class Place:
    """How far a partition is read: the offset of the record that is read next, and the one after the last record.

    The latter is as the last fetch found it; None where that is too long ago to be true.
    """

    position: int | None
    end: int | None


class Worker(WorkerThread):
    """A thread that is not waited for without end: with a broker that does not respond it does not end."""

    def __init__(self, service: Any) -> None:
        super().__init__(service)
        self.daemon = True

    def stop(self) -> None:
        self.is_stopped.wait(THREAD_SECONDS)


class ReadCommittedThread(AIOKafkaConsumerThread):
    """Sees no record of an open or aborted transaction. Faust has that only together with transactions of its own."""

    Worker = Worker

    def _create_worker_consumer(self, transport: Any) -> Any:
        """What is set here is taken when the consumer starts."""
        consumer = super()._create_worker_consumer(transport)
        consumer._isolation_level = "read_committed"
        consumer._fetch_max_wait_ms = int(FETCH_SECONDS * 1000)
        consumer._consumer_timeout = LOOK_SECONDS
        return consumer

    def stay_in_group(self) -> None:
        """Counts as a poll.

        After a thousand seconds without one aiokafka leaves the group, and joins it again only once it is polled, which
        Faust does only once it has partitions: it would stand still for ever.
        """
        self._ensure_consumer()._subscription._last_fetch_ended = time.monotonic()

    async def seek_to_committed(self) -> Mapping[Any, int]:
        """What is committed of each partition: there it goes on, or at the beginning where nothing is committed yet."""
        committed: Mapping[Any, int] = await self.call_thread(self._seek_to_committed)
        return committed

    async def _seek_to_committed(self) -> Mapping[Any, int]:
        """aiokafka 0.14.0 leaves a partition of which nothing is committed where it is: behind what it has fetched.

        What Faust dropped of that, since a rebalance came, was never read.
        """
        consumer = self._ensure_consumer()
        committed: Mapping[Any, int] = await consumer.seek_to_committed()
        if new := [partition for partition, offset in committed.items() if not offset or offset < 0]:
            await consumer.seek_to_beginning(*new)
        return committed

    async def _keepalive2(self) -> None:
        """Nothing: it wakes both threads every second, to log where one does not respond."""

    async def places(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, Place]:
        """Where it is in each, in one call of the thread."""
        found: dict[TopicPartition, Place] = await self.call_thread(self._places, partitions)
        return found

    async def _places(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, Place]:
        consumer = self._ensure_consumer()
        oldest_ms = (time.time() - FRESH_SECONDS) * 1000
        places = {}
        for partition in partitions:
            position = await consumer.position(partition)
            fresh = (consumer.last_poll_timestamp(partition) or 0) >= oldest_ms
            places[partition] = Place(position, consumer.last_stable_offset(partition) if fresh else None)
        return places


class ReadCommittedConsumer(Consumer):
    """Polls for more only while fewer bytes than a poll's, and fewer records than two, wait to be processed.

    So Faust's queues never fill, and no partition is set aside for it.
    """

    _thread: ReadCommittedThread

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self._held: WeakSet[Any] = WeakSet()
        self._most_bytes_held = 0  # as last counted, and whatever has come since; some of it may be done
        self._acknowledged = asyncio.Event()
        self._room = asyncio.Event()

    async def getmany(self, timeout: float) -> AsyncIterator[Any]:
        if self._holds_enough():
            self._thread.stay_in_group()
            self._room.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._room.wait(), HELD_SECONDS)
            return
        async for partition, message in super().getmany(timeout):
            self._held.add(message)
            self._most_bytes_held += len(message.value or b"")
            yield partition, message

    def _holds_enough(self) -> bool:
        most_records = 2 * self.app.conf.broker_max_poll_records
        if len(self._held) < most_records and self._most_bytes_held < MAX_POLLED_BYTES:
            return False
        sizes = [len(message.value or b"") for message in self._held if not message.acked]
        self._most_bytes_held = sum(sizes)
        return len(sizes) >= most_records or self._most_bytes_held >= MAX_POLLED_BYTES

    async def _drain_messages(self, fetcher: Any) -> None:
        """As Faust's own, which begins two tasks for each message: more than half of what its main thread needed."""
        try:
            while not (self.should_stop or fetcher.should_stop):
                async for partition, message in self.getmany(FETCH_SECONDS):
                    await self._deliver(partition, message)
        except (asyncio.CancelledError, ConsumerStoppedError):
            if not self.app.should_stop:
                raise

    async def _deliver(self, partition: Any, message: Any) -> None:
        """To the agent's queue, unless it was delivered before. During a rebalance it waits, and comes to nothing."""
        read = self._read_offset[partition]
        if read is not None and message.offset < read:
            return
        if read and message.offset > read + 1:
            await self._add_gap(partition, read + 1, message.offset)
        await self.callback(message)
        if message.generation_id == self.app.consumer_generation_id:
            self._read_offset[partition] = message.offset

    def highwater(self, _tp: Any) -> int:
        """Not looked up: Faust asks at each message, for its monitor, where nobody reads it."""
        return 0

    def ack(self, message: Any) -> bool:
        acknowledged: bool = super().ack(message)
        self._acknowledged.set()
        self._room.set()
        return acknowledged

    @Service.task
    async def _commit_handler(self) -> None:
        """As Faust's own, which wakes every second, whether or not there is something to commit."""
        while not self.should_stop:
            await self.wait(self._acknowledged.wait(), timeout=COMMIT_AGAIN_SECONDS)
            self._acknowledged.clear()
            await self.sleep(self.commit_interval)
            await self.commit()

    @Service.task
    async def _commit_livelock_detector(self) -> None:
        """Nothing: it looks at each partition every few seconds, to log what `_watch_lag` measures."""

    async def places(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, Place]:
        return await self._thread.places(partitions)

    def _new_consumer_thread(self) -> ReadCommittedThread:
        return ReadCommittedThread(self, loop=self.loop, beacon=self.beacon)


class ReadCommittedTransport(Transport):
    Consumer = ReadCommittedConsumer
