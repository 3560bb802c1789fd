"""Waiting for the answer to what has been asked of a process by a topic."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from runtime.clients import broker_errors, make_consumer
from runtime.config import ProcessConfig
from runtime.topic_reader import assign_whole, to_record
from schemas.wire import Record

if TYPE_CHECKING:
    from kafka import KafkaConsumer

_POLL_SECONDS = 1.0


@contextmanager
def tail(config: ProcessConfig, client: str, topics: Sequence[str]) -> "Iterator[KafkaConsumer]":
    """Stands at the end of the topics (full names) before the question is asked: no answer can be too quick for us.

    Raises `OutageError`, `TopicMissingError`.
    """
    consumer = make_consumer(config, client, fetch_max_wait_ms=100)
    try:
        with broker_errors():
            for partition, end in assign_whole(consumer, topics).items():
                consumer.seek(partition, end)
        yield consumer
    finally:
        consumer.close(autocommit=False)


def new_records(consumer: "KafkaConsumer", seconds: float) -> Iterator[Record]:
    """What arrives within so many seconds. Raises `OutageError`."""
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        with broker_errors():
            batches = consumer.poll(int(min(left, _POLL_SECONDS) * 1000))
        yield from (to_record(raw) for batch in batches.values() for raw in batch)
