"""What a stage has yet to process: how many records of each topic, and how old the oldest is."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING

from runtime.config import ProcessConfig
from runtime.kafka.clients import broker_errors, make_admin
from runtime.outages import OutageError
from runtime.processing.outcomes import Handler
from runtime.telemetry.metrics import LAG, OLDEST_AGE
from schemas.topics import without_prefix
from schemas.wire import Record

if TYPE_CHECKING:
    from kafka import KafkaAdminClient, TopicPartition

PROBE_MS = 5_000


class Backlog:
    """Kept by the threads that read, process and measure. An age is computed when it is asked for, so that it also
    grows in a process that hangs; records of `.retry` wait on purpose and have none."""

    def __init__(self, handler: Handler, config: ProcessConfig, clock: Callable[[], float] = time.time) -> None:
        """`clock`: seconds since 1970."""
        prefix = config.topic_prefix
        self._clock = clock
        self._oldest: dict[str, float] = {}  # by topic, of records read or yet to be read; seconds since 1970
        self._in_flight: dict[str, float] = {}
        names = [topic.name(prefix) for topic in handler.topics]
        retry = [topic.retry(prefix) for topic in handler.topics if topic.deferred]
        self._lag = {name: LAG.labels(handler.stage, without_prefix(name, prefix)) for name in (*names, *retry)}
        for name in names:
            OLDEST_AGE.labels(handler.stage, without_prefix(name, prefix)).set_function(partial(self._age, name))

    def taken(self, batch: Sequence[Record]) -> None:
        """These records are processed next."""
        self._oldest.update(_oldest_of(batch))

    def in_flight(self, records: Iterable[Record]) -> None:
        """All records in flight, as they were read."""
        self._in_flight = _oldest_of(records)

    def measured(self, lag: Mapping[str, int]) -> None:
        """How many records of each topic are not processed. One never read is as old as the first measurement."""
        now = self._clock()
        for name, gauge in self._lag.items():
            gauge.set(lag.get(name, 0))
            if lag.get(name):
                self._oldest.setdefault(name, now)
            else:
                self._oldest.pop(name, None)

    def _age(self, topic: str) -> float:
        now = self._clock()
        return max(0.0, now - min(self._oldest.get(topic, now), self._in_flight.get(topic, now)))


class LagProbe:
    """Compares committed offsets with the ends of partitions, beside the consumer. Blocking; one thread at a time."""

    def __init__(self, config: ProcessConfig, group: str) -> None:
        self._config = config
        self._group = group
        self._admin: KafkaAdminClient | None = None

    def measure(
        self, partitions: "Sequence[TopicPartition]", processed: "Mapping[TopicPartition, int]" = MappingProxyType({})
    ) -> dict[str, int]:
        """Records behind, by topic. Raises `OutageError` (BROKER_AWAY).

        `processed`: up to which offset all is processed, where that is known; the group's offsets are asked for where
        it is not. The last committed offset stays before the markers of transactions and the records of aborted ones,
        which a partition may end with for ever.
        """
        from kafka.admin import OffsetSpec

        lag = dict.fromkeys((partition.topic for partition in partitions), 0)
        try:
            with broker_errors(self._config):
                admin = self._admin = self._admin or make_admin(self._config)
                begun = {**self._begun(admin, [one for one in partitions if one not in processed]), **processed}
                ends = dict.fromkeys(partitions, OffsetSpec.LATEST)
                last = admin.list_partition_offsets(ends, timeout_ms=PROBE_MS)
        except OutageError:
            self.close()
            raise
        for partition in partitions:
            lag[partition.topic] += max(0, last[partition].offset - begun[partition])
        return lag

    def _begun(self, admin: "KafkaAdminClient", partitions: "Sequence[TopicPartition]") -> "dict[TopicPartition, int]":
        """What the group has committed, or the oldest offset that is kept."""
        from kafka.admin import OffsetSpec

        if not partitions:
            return {}
        committed = admin.list_group_offsets({self._group: list(partitions)})[self._group]
        first = admin.list_partition_offsets(dict.fromkeys(partitions, OffsetSpec.EARLIEST), timeout_ms=PROBE_MS)
        return {one: max(committed[one].offset if one in committed else -1, first[one].offset) for one in partitions}

    def close(self) -> None:
        if self._admin is not None:
            self._admin.close()
            self._admin = None


def _oldest_of(records: Iterable[Record]) -> dict[str, float]:
    """By topic, seconds since 1970. A record whose producer gave no time is left out."""
    oldest: dict[str, float] = {}
    for record in records:
        at = record.timestamp_ms / 1000
        if 0 < at < oldest.get(record.topic, float("inf")):
            oldest[record.topic] = at
    return oldest
