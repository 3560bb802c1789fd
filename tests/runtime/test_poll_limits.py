"""What one poll gives, under a lowered limit: by both clients' own fetchers, each of a packed batch of its own."""

import asyncio
from collections import defaultdict
from types import SimpleNamespace
from typing import Any, cast
from weakref import WeakSet

import pytest
from aiokafka.consumer import fetcher
from aiokafka.consumer.subscription_state import SubscriptionState
from aiokafka.errors import CorruptRecordException
from aiokafka.structs import TopicPartition
from kafka.consumer.fetcher import Fetcher
from kafka.record import MemoryRecords, MemoryRecordsBuilder

from runtime.kafka import poll_limits as polled_bytes
from runtime.kafka.poll_limits import limit_aiokafka_polls, limit_kafka_python_polls
from runtime.kafka.unreadable_records import fix_aiokafka_records
from runtime.processing.faust_consumer import ReadCommittedConsumer, ReadCommittedThread

PARTITION = TopicPartition("t", 0)
LZ4 = 3


@pytest.fixture(autouse=True)
def low_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(polled_bytes, "MAX_POLLED_BYTES", 100)


def _packed(*sizes: int) -> bytes:
    builder = MemoryRecordsBuilder(magic=2, compression_type=LZ4, batch_size=1 << 20)
    for size in sizes:
        builder.append(timestamp=0, key=b"k", value=b"a" * size, headers=[])
    builder.close()
    return bytes(builder.buffer())


def _sizes(records: Any) -> list[int]:
    return [len(record.value) for record in records]


def test_kafka_python_takes_so_much_and_the_rest_with_the_next_poll() -> None:
    limit_kafka_python_polls()
    part = Fetcher.PartitionRecords(0, PARTITION, MemoryRecords(_packed(40, 40, 40, 40, 500, 40)))
    assert [_sizes(part.take(200)) for _ in range(3)] == [[40, 40, 40], [40, 500], [40]]
    assert not part


def test_kafka_python_takes_no_more_than_it_is_asked_for() -> None:
    limit_kafka_python_polls()
    part = Fetcher.PartitionRecords(0, PARTITION, MemoryRecords(_packed(1, 2, 3)))
    assert [_sizes(part.take(2)), _sizes(part.take(None))] == [[1, 2], [3]]


def test_kafka_python_gives_what_it_has_before_it_raises() -> None:
    limit_kafka_python_polls()
    damaged = bytearray(_packed(1) + _packed(2))
    damaged[-1] ^= 1
    part = Fetcher.PartitionRecords(0, PARTITION, MemoryRecords(bytes(damaged)))
    assert _sizes(part.take(200)) == [1]
    with pytest.raises(Exception, match="crc"):
        part.take(200)


@pytest.mark.parametrize("before", [[], [1]])
def test_kafka_python_gives_up_what_it_cannot_read_so_that_it_is_fetched_anew(before: list[int]) -> None:
    limit_kafka_python_polls()
    damaged = bytearray(b"".join(_packed(size) for size in [*before, 2]))
    damaged[-1] ^= 1
    part = Fetcher.PartitionRecords(0, PARTITION, MemoryRecords(bytes(damaged)))
    taken = _sizes(part.take(200)) if before else []
    with pytest.raises(Exception, match="crc"):
        part.take(200)
    assert taken == before
    assert part.next_fetch_offset == len(before)
    assert not part  # else a poll goes on asking it


def test_kafka_python_ends_a_poll_that_has_enough() -> None:
    limit_kafka_python_polls()
    part = Fetcher.PartitionRecords(0, PARTITION, MemoryRecords(_packed(1)))
    drained = defaultdict(list, {PARTITION: [SimpleNamespace(value=b"a" * 100)]})
    assert Fetcher._append(None, drained, part, 7, True) == 7
    assert _sizes(part.take(200)) == [1]


def _fetched(data: bytes) -> tuple[fetcher.FetchResult, SimpleNamespace]:
    """What aiokafka has fetched of the partition, and its place there."""
    fix_aiokafka_records()
    limit_aiokafka_polls()
    records = fetcher.PartitionRecords(PARTITION, fetcher.MemoryRecords(data), [], 0, None, None, True, 0)
    state = SimpleNamespace(paused=False, position=0)
    state.consumed_to = lambda position: setattr(state, "position", position)
    assignment = SimpleNamespace(active=True, state_value=lambda _tp: state)
    return fetcher.FetchResult(PARTITION, assignment=assignment, partition_records=records, backoff=0), state


def test_aiokafka_gives_so_much_and_the_rest_with_the_next_poll() -> None:
    result, _ = _fetched(_packed(40, 40, 40, 40, 500, 40))
    subscriptions = SimpleNamespace(reassignment_in_progress=False)
    polls = SimpleNamespace(_subscriptions=subscriptions, _records={PARTITION: result}, _notify=lambda _: None)
    polls._wait_consume_future = None

    async def poll() -> list[int]:
        drained = await fetcher.Fetcher.fetched_records(polls, None, max_records=200)
        return _sizes(drained.get(PARTITION, ()))

    assert [asyncio.run(poll()) for _ in range(4)] == [[40, 40, 40], [40, 500], [40], []]
    assert polls._records == {}


def test_aiokafka_takes_no_more_than_it_is_asked_for() -> None:
    result, state = _fetched(_packed(1, 2, 3))
    asyncio.run(_new_poll())
    assert [(_sizes(result.getall(2)), state.position), (_sizes(result.getall(None)), state.position)] == [
        ([1, 2], 2),
        ([3], 3),
    ]
    assert not result.has_more()


def test_aiokafka_loses_nothing_that_stands_before_what_it_cannot_read() -> None:
    """It raises, and gives none of them: so none of them counts as consumed, and they are fetched anew."""
    damaged = bytearray(_packed(1, 2) + _packed(3))
    damaged[-1] ^= 1
    result, state = _fetched(bytes(damaged))
    asyncio.run(_new_poll())
    with pytest.raises(CorruptRecordException):
        result.getall(200)
    assert state.position == 0


async def _new_poll() -> None:
    """Of no partition: only what a poll may give begins anew."""
    nothing = SimpleNamespace(reassignment_in_progress=False)
    await fetcher.Fetcher.fetched_records(SimpleNamespace(_subscriptions=nothing, _records={}), None)


class Message:
    def __init__(self, size: int) -> None:
        self.value = b"a" * size
        self.acked = False


@pytest.mark.parametrize(("max_bytes", "max_records"), [(100, 200), (10_000, 0.5)])
def test_faust_is_given_nothing_more_while_much_waits_to_be_handled(
    max_bytes: int, max_records: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runtime.processing.faust_consumer.MAX_POLLED_BYTES", max_bytes)
    monkeypatch.setattr("runtime.processing.faust_consumer.HELD_SECONDS", 0)
    large = Message(150)

    async def polled(_consumer: Any, _timeout: float) -> Any:
        yield PARTITION, large

    monkeypatch.setattr(ReadCommittedConsumer.__mro__[1], "getmany", polled)
    consumer = ReadCommittedConsumer.__new__(ReadCommittedConsumer)
    consumer._held, consumer._room, consumer._thread = (
        WeakSet(),
        asyncio.Event(),
        _thread_of(SubscriptionState(SimpleNamespace())),
    )
    consumer._most_bytes_held = 0
    consumer.app = cast(Any, SimpleNamespace(conf=SimpleNamespace(broker_max_poll_records=max_records)))

    async def poll() -> int:
        return len([message async for _, message in consumer.getmany(0)])

    assert [asyncio.run(poll()), asyncio.run(poll())] == [1, 0]
    large.acked = True
    assert asyncio.run(poll()) == 1


def test_faust_is_given_more_as_soon_as_what_it_holds_is_handled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runtime.processing.faust_consumer.HELD_SECONDS", 60.0)
    monkeypatch.setattr(ReadCommittedConsumer, "_holds_enough", lambda _consumer: True)
    monkeypatch.setattr(ReadCommittedConsumer.__mro__[1], "ack", lambda _consumer, _message: True)
    consumer = ReadCommittedConsumer.__new__(ReadCommittedConsumer)
    consumer._acknowledged, consumer._room = asyncio.Event(), asyncio.Event()
    consumer._thread = _thread_of(SubscriptionState(SimpleNamespace()))

    async def wait_and_handle() -> None:
        waiting = asyncio.create_task(anext(consumer.getmany(0), None))
        await asyncio.sleep(0)
        assert not waiting.done()
        consumer.ack(Message(1))
        async with asyncio.timeout(5):
            await waiting

    asyncio.run(wait_and_handle())


def test_faust_stays_in_its_group_while_it_is_given_nothing_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """aiokafka leaves it after a thousand seconds without a poll, and Faust never comes back."""
    monkeypatch.setattr("runtime.processing.faust_consumer.HELD_SECONDS", 0)
    monkeypatch.setattr(ReadCommittedConsumer, "_holds_enough", lambda _consumer: True)
    subscription = SubscriptionState(SimpleNamespace())
    subscription._last_fetch_ended = -1e9
    consumer = ReadCommittedConsumer.__new__(ReadCommittedConsumer)
    consumer._room, consumer._thread = asyncio.Event(), _thread_of(subscription)

    async def wait() -> None:
        assert await anext(consumer.getmany(0), None) is None

    asyncio.run(wait())
    assert subscription.fetcher_idle_time < 1000


def _thread_of(subscription: SubscriptionState) -> ReadCommittedThread:
    thread = ReadCommittedThread.__new__(ReadCommittedThread)
    thread._consumer = SimpleNamespace(_subscription=subscription)
    return thread
