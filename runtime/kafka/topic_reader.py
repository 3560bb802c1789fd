"""Reading outside any consumer group: whole topics, for cursors and reconciliation; single records by offset."""

import threading
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from runtime.config import ProcessConfig
from runtime.kafka.clients import broker_errors, make_consumer, partition_counts, position
from runtime.outages import OutageError
from schemas.reasons import Reason
from schemas.wire import Record

if TYPE_CHECKING:
    from kafka import KafkaConsumer, TopicPartition

TOPIC_REQUESTS = 3
QUIET_SECONDS = 30.0  # a broker that gives nothing of what it has for this long does not respond
OFFSETS_MS = 10_000
NEAR = 500  # this many records are read rather than skipped
Place = tuple[str, int, int]  # topic (full name), partition, offset


class TopicMissingError(Exception):
    """A topic does not exist at the broker. The text names it and says what to do."""


def read_to_end(config: ProcessConfig, topics: Sequence[str]) -> Iterator[Record]:
    """Every record that is on the topics (full names) now, each partition in order.

    Raises `TopicMissingError`, `OutageError` (BROKER_AWAY).
    """
    with _reading(config) as consumer:
        yield from _read(consumer, assign_whole(consumer, topics))


def read_from(config: ProcessConfig, topics: Sequence[str], starts: Mapping[tuple[str, int], int]) -> Iterator[Record]:
    """Every record that is on the topics (full names) now, from these offsets on, by topic and partition.

    A partition that is not named is read from its beginning. Raises as `read_to_end`.
    """
    with _reading(config) as consumer:
        ends = assign_whole(consumer, topics)
        firsts = consumer.beginning_offsets(list(ends), timeout_ms=OFFSETS_MS)
        for tp, end in ends.items():
            consumer.seek(tp, max(firsts[tp], min(end, starts.get((tp.topic, tp.partition), 0))))
        yield from _read(consumer, ends)


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


class RecordReader:
    """Single records by their places, with one consumer that is kept. For many threads; one reads at a time."""

    def __init__(self, config: ProcessConfig) -> None:
        self._config = config
        self._lock = threading.Lock()
        self._consumer: KafkaConsumer | None = None

    def at(self, places: Collection[Place]) -> dict[Place, Record]:
        """The records that lie there; what retention or compaction has removed, and what never was, is left out.

        Raises `OutageError`.
        """
        if not places:
            return {}
        with self._lock:
            try:
                with broker_errors():
                    return dict(self._read(places))
            except BaseException:
                self._close()
                raise

    def starts(self, partitions: Collection[tuple[str, int]]) -> dict[tuple[str, int], int]:
        """The oldest offset that each of these topics (full names) and partitions still has. Raises `OutageError`."""
        from kafka import TopicPartition

        with self._lock, broker_errors():
            consumer = self._opened()
            known = partition_counts(consumer, sorted({topic for topic, _ in partitions}))
            asked = [TopicPartition(*one) for one in partitions if one[1] < known.get(one[0], 0)]
            starts = consumer.beginning_offsets(asked, timeout_ms=OFFSETS_MS) if asked else {}
            return {(tp.topic, tp.partition): offset for tp, offset in starts.items()}

    def close(self) -> None:
        with self._lock:
            self._close()

    def _opened(self) -> "KafkaConsumer":
        if self._consumer is None:
            self._consumer = make_consumer(self._config, "record-reader", fetch_max_wait_ms=50)
        return self._consumer

    def _close(self) -> None:
        if self._consumer is not None:
            self._consumer.close(autocommit=False)
            self._consumer = None

    def _read(self, places: Collection[Place]) -> Iterator[tuple[Place, Record]]:
        from kafka import TopicPartition

        wanted: dict[TopicPartition, list[int]] = {}
        for topic, partition, offset in sorted(set(places), reverse=True):
            wanted.setdefault(TopicPartition(topic, partition), []).append(offset)  # the lowest is the last
        consumer = self._opened()
        known = partition_counts(consumer, sorted({tp.topic for tp in wanted}))
        wanted = {tp: offsets for tp, offsets in wanted.items() if tp.partition < known.get(tp.topic, 0)}
        consumer.assign(list(wanted))
        starts = consumer.beginning_offsets(list(wanted), timeout_ms=OFFSETS_MS) if wanted else {}
        ends = consumer.end_offsets(list(wanted), timeout_ms=OFFSETS_MS) if wanted else {}
        for tp, offsets in wanted.items():
            offsets[:] = [offset for offset in offsets if starts[tp] <= offset < ends[tp]]
        yield from self._seek(consumer, wanted)
        consumer.unsubscribe()

    def _seek(
        self, consumer: "KafkaConsumer", wanted: "dict[TopicPartition, list[int]]"
    ) -> Iterator[tuple[Place, Record]]:
        """Reads on from a place to the next one where that is near, else goes there."""
        moved = time.monotonic()
        for tp, offsets in wanted.items():
            if offsets:
                consumer.seek(tp, offsets[-1])
        while pending := {tp for tp, offsets in wanted.items() if offsets}:
            consumer.pause(*(consumer.assignment() - pending))
            polled = consumer.poll(1000)
            if polled:
                moved = time.monotonic()
            elif time.monotonic() - moved > QUIET_SECONDS:
                raise OutageError(Reason.BROKER_AWAY, f"the Kafka broker gave no record for {QUIET_SECONDS:.0f} s")
            for tp in pending:
                offsets = wanted[tp]
                for record in map(to_record, polled.get(tp, ())):
                    if offsets and record.offset == offsets[-1]:
                        yield (tp.topic, tp.partition, offsets.pop()), record
                at = position(consumer, tp) or 0
                while offsets and offsets[-1] < at:
                    offsets.pop()  # passed by: compacted, or the mark of a transaction
                if offsets and offsets[-1] - at > NEAR:
                    consumer.seek(tp, offsets[-1])


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
            moved = time.monotonic()  # the caller may take its time


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
    """Asked more than once: a broker learns of a new topic a moment after the controller has created it."""
    for _ in range(TOPIC_REQUESTS):
        counts = partition_counts(consumer, topics)
        missing = [topic for topic in topics if topic not in counts]
        if not missing:
            return counts
    raise TopicMissingError(f"topic {missing[0]} does not exist; `mailcall topics create` creates it")


def to_record(raw: Any) -> Record:
    """kafka-python's `ConsumerRecord` as ours."""
    return Record(raw.topic, raw.partition, raw.offset, raw.key, raw.value, raw.headers, raw.timestamp)
