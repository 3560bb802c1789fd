"""The newest records of a topic, or those from a moment on: bounded in number, bytes and time."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from runtime.config import ProcessConfig
from runtime.kafka.clients import broker_errors, make_consumer, poll, position
from runtime.kafka.topic_reader import OFFSETS_MS, assign_whole, to_record
from schemas.wire import Record

if TYPE_CHECKING:
    from kafka import KafkaConsumer, TopicPartition

MOST = 100  # records on a page
SECONDS = 5.0  # then what has been read by then is shown
FETCH_BYTES = 4_000_000  # in memory at once, beside one batch
AT_ONCE = 20
MOST_TEXT = 200  # bytes of a key or an id


@dataclass(frozen=True, slots=True)
class RecordLine:
    """What is known of a record without its content. `size`: bytes of its value, None where it has none."""

    partition: int
    offset: int
    at: datetime
    size: int | None
    key: str
    id: str  # CloudEvents' id and source, as the record says
    source: str


@dataclass(frozen=True, slots=True)
class RecordLines:
    """`lines`: the newest first. `whole`: False where there was no time for all of them."""

    lines: tuple[RecordLine, ...]
    whole: bool


def read_lines(config: ProcessConfig, topic: str, since: datetime | None, most: int) -> RecordLines:
    """Of the topic (full name), the newest records, or the first from `since` on: `most` of all partitions together.

    Raises `OutageError`, `TopicMissingError`.
    """
    most = max(1, min(most, MOST))
    with _consumer(config) as consumer:
        ends = assign_whole(consumer, [topic])
        starts = _starts(consumer, ends, since, most)
        lines, whole = _read(consumer, starts, ends, most)
    lines.sort(key=lambda line: (line.at, line.partition, line.offset), reverse=since is None)
    kept = lines[:most]
    return RecordLines(tuple(kept if since is None else reversed(kept)), whole)


def read_record(config: ProcessConfig, topic: str, partition: int, offset: int) -> Record | None:
    """One record; None where the topic does not hold it, or not any more. Raises as `read_lines`."""
    from kafka import TopicPartition

    with _consumer(config) as consumer:
        ends = assign_whole(consumer, [topic])
        place = TopicPartition(topic, partition)
        if not 0 <= offset < ends.get(place, 0):
            return None
        consumer.assign([place])
        consumer.seek(place, offset)
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            for raw in consumer.poll(200, max_records=1).get(place, ()):
                return to_record(raw) if raw.offset == offset else None
            if (position(consumer, place) or 0) > offset:
                return None
    return None


@contextmanager
def _consumer(config: ProcessConfig) -> "Iterator[KafkaConsumer]":
    consumer = make_consumer(
        config, "looker", fetch_max_wait_ms=100, max_poll_records=AT_ONCE, fetch_max_bytes=FETCH_BYTES
    )
    try:
        with broker_errors():
            yield consumer
    finally:
        consumer.close(autocommit=False)


def _starts(
    consumer: "KafkaConsumer", ends: "dict[TopicPartition, int]", since: datetime | None, most: int
) -> "dict[TopicPartition, int]":
    """Of each partition as many as are shown: any of them may hold all that are the newest."""
    if since is None:
        begins = consumer.beginning_offsets(list(ends), timeout_ms=OFFSETS_MS)
        return {place: max(begins[place], end - most) for place, end in ends.items()}
    found = consumer.offsets_for_times(dict.fromkeys(ends, int(since.timestamp() * 1000)), OFFSETS_MS)
    return {place: found[place].offset if found[place] else end for place, end in ends.items()}


def _read(
    consumer: "KafkaConsumer", starts: "dict[TopicPartition, int]", ends: "dict[TopicPartition, int]", most: int
) -> tuple[list[RecordLine], bool]:
    waiting = {place for place, end in ends.items() if starts[place] < end}
    consumer.pause(*(ends.keys() - waiting))
    for place in waiting:
        consumer.seek(place, starts[place])
    taken = dict.fromkeys(waiting, 0)
    lines: list[RecordLine] = []
    deadline = time.monotonic() + SECONDS
    while waiting:
        if time.monotonic() > deadline:
            return lines, False
        for place, records in poll(consumer, 200).items():
            found = [_line(to_record(raw)) for raw in records if raw.offset < ends[place]][: most - taken[place]]
            taken[place] += len(found)
            lines += found
        done = {place for place in waiting if taken[place] >= most or (position(consumer, place) or 0) >= ends[place]}
        consumer.pause(*done)
        waiting -= done
    return lines, True


def _line(record: Record) -> RecordLine:
    headers = {name.lower(): value for name, value in record.headers}
    return RecordLine(
        record.partition,
        record.offset,
        datetime.fromtimestamp(record.timestamp_ms / 1000, UTC),
        None if record.value is None else len(record.value),
        _text(record.key),
        _text(headers.get("ce_id")),
        _text(headers.get("ce_source")),
    )


def _text(value: bytes | None) -> str:
    """The producer's text, cut: a list shows the beginning."""
    return (value or b"")[:MOST_TEXT].decode("utf-8", "replace")
