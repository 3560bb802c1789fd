"""Reading topics whole, outside any consumer group: for the command line, cursors and reconciliation."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from runtime.clients import broker_errors, make_consumer
from runtime.config import ProcessConfig
from schemas.wire import Record

if TYPE_CHECKING:
    from kafka import KafkaConsumer, TopicPartition


class TopicMissingError(Exception):
    """A topic does not exist at the broker. The text names it and says what to do."""


def read_to_end(config: ProcessConfig, topics: Sequence[str]) -> Iterator[Record]:
    """Every record that is on the topics (full names) now, each partition in order.

    Raises `TopicMissingError`, `OutageError` (BROKER_AWAY).
    """
    consumer = make_consumer(config, "reader", fetch_max_wait_ms=100, max_poll_records=2000)
    try:
        with broker_errors():
            ends = assign_whole(consumer, topics)
            while pending := [tp for tp, end in ends.items() if (consumer.position(tp) or 0) < end]:
                consumer.pause(*(consumer.assignment() - set(pending)))
                for tp, records in consumer.poll(1000).items():
                    yield from (to_record(record) for record in records if record.offset < ends[tp])
    finally:
        consumer.close(autocommit=False)


def assign_whole(consumer: "KafkaConsumer", topics: Sequence[str]) -> "dict[TopicPartition, int]":
    """Assigns every partition of the topics from its beginning; returns the ends as they are now."""
    from kafka import TopicPartition

    partitions: list[TopicPartition] = []
    for topic in topics:
        numbers = consumer.partitions_for_topic(topic)
        if not numbers:
            raise TopicMissingError(f"topic {topic} does not exist; `mailcall topics create` makes it")
        partitions += [TopicPartition(topic, number) for number in sorted(numbers)]
    consumer.assign(partitions)
    consumer.seek_to_beginning(*partitions)
    ends: dict[TopicPartition, int] = consumer.end_offsets(partitions)
    return ends


def to_record(raw: Any) -> Record:
    """kafka-python's `ConsumerRecord` as ours."""
    return Record(raw.topic, raw.partition, raw.offset, raw.key, raw.value, raw.headers, raw.timestamp)
