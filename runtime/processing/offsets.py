"""Which offsets can be committed: up to the first record in flight. Acknowledge last."""

import time
from collections.abc import Callable, Iterable, Mapping

from runtime.kafka.library import CommitFailedError, KafkaConsumer, KafkaError, RebalanceInProgressError, TopicPartition
from runtime.processing.group import commit_refused, commit_request
from runtime.telemetry.health import Health
from runtime.telemetry.logs import get_logger
from schemas.wire import Record

log = get_logger(__name__)


class OffsetTracker:
    """Per partition the offset to commit: of the first record in flight, else the one after the last seen. Pure."""

    def __init__(self) -> None:
        self._ends: dict[TopicPartition, int] = {}
        self._in_flight: dict[TopicPartition, set[int]] = {}
        self._committed: dict[TopicPartition, int] = {}

    def seen(self, partition: TopicPartition, offset: int, in_flight: bool) -> None:
        """A record was processed, or is in flight. Those of a partition come in their order."""
        self._ends[partition] = max(offset + 1, self._ends.get(partition, 0))
        if in_flight:
            self._in_flight.setdefault(partition, set()).add(offset)

    def mark_processed(self, partition: TopicPartition, offset: int) -> None:
        """A record that was in flight is done."""
        self._in_flight.get(partition, set()).discard(offset)

    def committable_offsets(self) -> dict[TopicPartition, int]:
        """The offsets to commit; only of partitions that have moved on since the last commit."""
        offsets = {partition: self._offset(partition) for partition in self._ends}
        return {partition: offset for partition, offset in offsets.items() if self._committed.get(partition) != offset}

    def committed(self, offsets: Mapping[TopicPartition, int]) -> None:
        self._committed.update(offsets)

    def forget(self, partitions: Iterable[TopicPartition]) -> None:
        """They belong to another instance now."""
        for partition in partitions:
            for known in (self._ends, self._in_flight, self._committed):
                known.pop(partition, None)

    def _offset(self, partition: TopicPartition) -> int:
        return min(self._in_flight.get(partition) or (self._ends[partition],))


class Assignment:
    """`PartitionOwner` of a stage's consumer: commits what is done, and knows what was taken away during a batch."""

    def __init__(
        self,
        stage: str,
        consumer: KafkaConsumer,
        health: Health,
        drain: Callable[[set[TopicPartition]], object],
        drop: Callable[[set[TopicPartition]], object],
    ) -> None:
        """`drain` is called with partitions that are about to be revoked, before their last commit; `drop` with those
        that another instance may have already.
        """
        self._stage = stage
        self._consumer = consumer
        self._health = health
        self._drain = drain
        self._drop = drop
        self._tracker = OffsetTracker()
        self._committed_at = time.monotonic()
        self._processing = False
        self.lost: set[TopicPartition] = set()  # taken away since `begin`

    def begin(self) -> None:
        """A batch is being processed from now on."""
        self._processing = True
        self.lost.clear()

    def end(self) -> None:
        self._processing = False

    def mark_batch(self, batch: Iterable[Record], in_flight: Iterable[Record] = ()) -> bool:
        """Takes the batch into the next commit; False where partitions were lost: their records are redelivered."""
        waiting = {(partition_of(record), record.offset) for record in in_flight}
        for record in batch:
            partition = partition_of(record)
            if partition not in self.lost:
                self._tracker.seen(partition, record.offset, (partition, record.offset) in waiting)
        return not self.lost

    def mark_processed(self, records: Iterable[Record]) -> None:
        """Records that were in flight are done."""
        for record in records:
            if partition_of(record) not in self.lost:
                self._tracker.mark_processed(partition_of(record), record.offset)

    @property
    def uncommitted(self) -> bool:
        """Whether there is something to commit."""
        return bool(self._tracker.committable_offsets())

    def commit_if_due(self, every_seconds: float) -> None:
        now = time.monotonic()
        if now - self._committed_at >= every_seconds and self._tracker.committable_offsets():
            self.commit()
            self._committed_at = now

    def commit(self, timeout_ms: int = 5_000) -> None:
        """Commits what is done. After a refusal the records are redelivered; without a broker it is retried later."""
        offsets = self._tracker.committable_offsets()
        if not offsets:
            return
        try:
            self._consumer.commit(commit_request(offsets), timeout_ms=timeout_ms)
        except (CommitFailedError, RebalanceInProgressError) as error:
            commit_refused(self._stage, error)
        except KafkaError as error:
            log.warning("the commit has to wait", stage=self._stage, why=str(error))
            return
        self._tracker.committed(offsets)

    def on_assigned(self, partitions: set[TopicPartition]) -> None:
        if self._processing:
            self._consumer.pause(*partitions)
        self._health.ready("assignment", True)

    def on_revoked(self, partitions: set[TopicPartition]) -> Mapping[TopicPartition, int]:
        self._drain(partitions)
        offsets = self._tracker.committable_offsets()
        self._forget(partitions)
        return {partition: offsets[partition] for partition in partitions & offsets.keys()}

    def on_lost(self, partitions: set[TopicPartition]) -> None:
        self._drop(partitions)
        self._forget(partitions)

    def _forget(self, partitions: set[TopicPartition]) -> None:
        self._tracker.forget(partitions)
        if self._processing:
            self.lost |= partitions
        if partitions:
            self._health.ready("assignment", False, "a rebalance of the consumer group")


def partition_of(record: Record) -> TopicPartition:
    return TopicPartition(record.topic, record.partition)
