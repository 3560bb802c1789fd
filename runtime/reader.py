"""Reading topics whole, outside any consumer group: for the command line, cursors and reconciliation."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from runtime.clients import broker_errors, make_consumer, partition_counts, position
from runtime.config import ProcessConfig
from runtime.outcomes import OutageError
from schemas.reasons import Reason
from schemas.wire import Record

if TYPE_CHECKING:
    from kafka import KafkaConsumer, TopicPartition

TOPIC_REQUESTS = 3
QUIET_SECONDS = 30.0  # a broker that gives nothing of what it has for so long does not answer
OFFSETS_MS = 10_000


class TopicMissingError(Exception):
    """A topic does not exist at the broker. The text names it and says what to do."""


def read_to_end(config: ProcessConfig, topics: Sequence[str]) -> Iterator[Record]:
    """Every record that is on the topics (full names) now, each partition in order.

    Raises `TopicMissingError`, `OutageError` (BROKER_AWAY).
    """
    with _reading(config) as consumer:
        yield from _read(consumer, assign_whole(consumer, topics))


def read_between(
    config: ProcessConfig, topics: Sequence[str], since_ms: int, until_ms: int | None = None
) -> Iterator[Record]:
    """Every record of the topics (full names) with a timestamp from `since_ms` on and before `until_ms` (None: now).

    Milliseconds since 1970. Raises as `read_to_end`.
    """
    with _reading(config) as consumer:
        ends = assign_whole(consumer, topics)
        starts = consumer.offsets_for_times(dict.fromkeys(ends, since_ms), OFFSETS_MS)
        stops = {} if until_ms is None else consumer.offsets_for_times(dict.fromkeys(ends, until_ms), OFFSETS_MS)
        for tp, end in ends.items():
            consumer.seek(tp, starts[tp].offset if starts[tp] else end)
        ends |= {tp: stop.offset for tp, stop in stops.items() if stop}
        for record in _read(consumer, ends):
            if since_ms <= record.timestamp_ms and (until_ms is None or record.timestamp_ms < until_ms):
                yield record


def kept_since(config: ProcessConfig, topic: str) -> int | None:
    """Timestamp of the oldest record that the topic (full name) holds, milliseconds since 1970; None: it is empty.

    Raises as `read_to_end`.
    """
    with _reading(config) as consumer:
        oldest = consumer.offsets_for_times(dict.fromkeys(assign_whole(consumer, [topic]), 0), OFFSETS_MS)
        return min((found.timestamp for found in oldest.values() if found), default=None)


@contextmanager
def _reading(config: ProcessConfig) -> "Iterator[KafkaConsumer]":
    consumer = make_consumer(config, "reader", fetch_max_wait_ms=100, max_poll_records=2000)
    try:
        with broker_errors():
            yield consumer
    finally:
        consumer.close(autocommit=False)


def _read(consumer: "KafkaConsumer", ends: "Mapping[TopicPartition, int]") -> Iterator[Record]:
    moved, before = time.monotonic(), None
    while pending := unread(consumer, ends):
        if pending != before:
            moved, before = time.monotonic(), pending
        elif time.monotonic() - moved > QUIET_SECONDS:
            waiting = ", ".join(sorted(f"{tp.topic}/{tp.partition}" for tp in pending))
            raise OutageError(
                Reason.BROKER_AWAY, f"the Kafka broker gave nothing of {waiting} for {QUIET_SECONDS:.0f} s"
            )
        consumer.pause(*(consumer.assignment() - pending.keys()))
        for tp, records in consumer.poll(1000).items():
            yield from (to_record(record) for record in records if record.offset < ends[tp])
            moved = time.monotonic()  # whoever reads may take his time


def unread(consumer: "KafkaConsumer", ends: "Mapping[TopicPartition, int]") -> "dict[TopicPartition, int]":
    """The partitions that are not read up to these ends: how far they are."""
    positions = ((tp, end, position(consumer, tp) or 0) for tp, end in ends.items())
    return {tp: offset for tp, end, offset in positions if offset < end}


def assign_whole(consumer: "KafkaConsumer", topics: Sequence[str]) -> "dict[TopicPartition, int]":
    """Assigns every partition of the topics from its beginning; returns the ends as they are now."""
    from kafka import TopicPartition

    counts = _partition_counts(consumer, topics)
    partitions = [TopicPartition(topic, number) for topic in topics for number in range(counts[topic])]
    consumer.assign(partitions)
    consumer.seek_to_beginning(*partitions)
    ends: dict[TopicPartition, int] = consumer.end_offsets(partitions, timeout_ms=OFFSETS_MS)
    return ends


def _partition_counts(consumer: "KafkaConsumer", topics: Sequence[str]) -> dict[str, int]:
    """Asked more than once: a broker hears of a new topic a moment after the controller has made it."""
    for _ in range(TOPIC_REQUESTS):
        counts = partition_counts(consumer, topics)
        missing = [topic for topic in topics if topic not in counts]
        if not missing:
            return counts
    raise TopicMissingError(f"topic {missing[0]} does not exist; `mailcall topics create` makes it")


def to_record(raw: Any) -> Record:
    """kafka-python's `ConsumerRecord` as ours."""
    return Record(raw.topic, raw.partition, raw.offset, raw.key, raw.value, raw.headers, raw.timestamp)
