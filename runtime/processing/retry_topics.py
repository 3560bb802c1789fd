"""Retry topics: a record to process later goes to its topic's `.retry`, and what to do with it when it is read there.

A topic can only be read in order, so a record due much later would hold up those behind it. Therefore a record that is
not due is looked at again after `TURN_MS` at the latest: if it still is not due it goes to the topic's end.
"""

import time
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Any

from runtime.kafka.producer import ProducerRecord
from runtime.kafka.topic_reader import to_record
from runtime.processing.outcomes import Retry
from schemas.topics import Topic
from schemas.wire import Header, Record

if TYPE_CHECKING:
    from kafka import KafkaConsumer, TopicPartition

NOT_BEFORE = "retry-not-before"  # milliseconds since 1970
ATTEMPT = "retry-attempt"  # 2 for the second attempt
_ORIGIN = ("retry-original-partition", "retry-original-offset", "retry-original-timestamp")
TURN_MS = 30_000


def attempt_of(record: Record) -> int:
    """Which attempt this is: 1 for a record as published, 2 for the first time out of `.retry`."""
    return max(1, _number(record, ATTEMPT, 1))


def deferred(record: Record, topic: Topic, retry: Retry, prefix: str, now_ms: int) -> ProducerRecord:
    """The record as it goes to the topic's `.retry`. `record` is as the handler got it."""
    origin = zip(_ORIGIN, (record.partition, record.offset, record.timestamp_ms), strict=True)
    headers: list[Header] = [
        *plain_headers(record),
        (NOT_BEFORE, b"%d" % (now_ms + int(retry.after_seconds * 1000))),
        (ATTEMPT, b"%d" % (attempt_of(record) + 1)),
        *((name, b"%d" % value) for name, value in origin),
    ]
    return ProducerRecord(topic.retry(prefix), record.key or b"", record.value, tuple(headers))


def plain_headers(record: Record) -> list[Header]:
    """The headers that the record was published with, without those of retries; a null value becomes an empty one."""
    return [(name, value or b"") for name, value in record.headers if not name.startswith("retry-")]


def requeue(record: Record) -> ProducerRecord:
    """The record as it is, for the end of its `.retry` topic."""
    return ProducerRecord(
        record.topic, record.key or b"", record.value, tuple((n, v or b"") for n, v in record.headers)
    )


def milliseconds_to_wait(record: Record, now_ms: int) -> int:
    """How long a record of a `.retry` topic is left where it is: until it is due, but no longer than its turn."""
    look_at = min(_number(record, NOT_BEFORE, 0), record.timestamp_ms + TURN_MS)
    return min(max(0, look_at - now_ms), TURN_MS)


def is_due(record: Record, now_ms: int) -> bool:
    return _number(record, NOT_BEFORE, 0) <= now_ms


def as_original(record: Record, topic: str) -> Record:
    """A record of a `.retry` topic as the handler gets it: topic, partition, offset and time of its first reading."""
    partition, offset, timestamp = (
        _number(record, name, fallback)
        for name, fallback in zip(_ORIGIN, (record.partition, record.offset, record.timestamp_ms), strict=True)
    )
    return record._replace(topic=topic, partition=partition, offset=offset, timestamp_ms=timestamp)


class PausedPartitions:
    """The partitions of `.retry` topics whose next record is not due: paused until it is. For one consumer."""

    def __init__(self, topics: Collection[str]) -> None:
        self._topics = topics
        self._due_at: dict[TopicPartition, float] = {}

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self._due_at)

    def take_due(self, consumer: "KafkaConsumer", polled: "dict[TopicPartition, list[Any]]") -> Iterator[Record]:
        """Records to process now. A partition whose next record is not due is set back to it and paused."""
        now_ms = int(time.time() * 1000)
        for partition, raw_records in polled.items():
            is_retry = partition.topic in self._topics
            for raw in raw_records:
                record = to_record(raw)
                wait_ms = milliseconds_to_wait(record, now_ms) if is_retry else 0
                if wait_ms:
                    consumer.seek(partition, record.offset)
                    consumer.pause(partition)
                    self._due_at[partition] = time.monotonic() + wait_ms / 1000
                    break
                yield record

    def resume_due(self, consumer: "KafkaConsumer") -> None:
        now = time.monotonic()
        for partition in [partition for partition, at in self._due_at.items() if at <= now]:
            del self._due_at[partition]
            if partition in consumer.assignment():
                consumer.resume(partition)

    def resume_others(self, consumer: "KafkaConsumer") -> None:
        """After all partitions were paused."""
        consumer.resume(*(consumer.assignment() - self._due_at.keys()))


def _number(record: Record, name: str, fallback: int) -> int:
    for header, value in record.headers:
        if header == name and value is not None and value.isdigit() and len(value) < 16:
            return int(value)
    return fallback
