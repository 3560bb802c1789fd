"""Membership in a consumer group: join, follow rebalances, notice that the broker is unavailable, leave.

The same for the consumer of a stage (`runtime/processing/consumer.py`) and for ingest's mailboxes
(`ingest/watcher_group.py`); each owns its partitions in its own way.
"""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Protocol

from runtime.config import ProcessConfig
from runtime.kafka.clients import broker_errors, make_consumer, partition_counts
from runtime.kafka.library import (
    AsyncConsumerRebalanceListener,
    KafkaConsumer,
    KafkaError,
    OffsetAndMetadata,
    TopicPartition,
)
from runtime.kafka.rights import require_topics
from runtime.outages import OutageError
from runtime.telemetry.logs import get_logger
from runtime.telemetry.metrics import COMMIT_FAILURES

log = get_logger(__name__)

PROBE_SECONDS = 5.0  # how often the ends of the partitions are asked for: the lag, and whether the broker is there
BESIDE_PROBE_SECONDS = 30.0  # and by a loop beside another one of the same process
PROBE_MS = 5_000
LEAVE_MS = 5_000


class PartitionOwner(Protocol):
    """What works on the assigned partitions. Called while the main thread is inside `poll`, never beside it."""

    def on_assigned(self, partitions: set[TopicPartition]) -> None:
        """They are ours from now on."""

    def on_revoked(self, partitions: set[TopicPartition]) -> Mapping[TopicPartition, int]:
        """They are ours until this returns; the offsets to commit for them, which is done next."""

    def on_lost(self, partitions: set[TopicPartition]) -> None:
        """Another instance may have them already: nothing can be committed for them."""


class RebalanceListener(AsyncConsumerRebalanceListener):  # type: ignore[misc] # kafka-python has no types
    """Passes each rebalance on to the owner, commits for the last time what is revoked, and logs it."""

    def __init__(self, stage: str, consumer: KafkaConsumer, owner: PartitionOwner) -> None:
        self._stage = stage
        self._consumer = consumer
        self._owner = owner

    async def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        self._owner.on_assigned(set(assigned))
        log.info("partitions assigned", stage=self._stage, partitions=_numbers(assigned))

    async def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        offsets = self._owner.on_revoked(set(revoked))
        self._log_end(revoked)
        if offsets:
            try:
                await self._consumer.commit_async(commit_request(offsets))
            except KafkaError as error:
                commit_refused(self._stage, error)

    async def on_partitions_lost(self, lost: Collection[TopicPartition]) -> None:
        self._owner.on_lost(set(lost))
        self._log_end(lost)

    def _log_end(self, partitions: Collection[TopicPartition]) -> None:
        if partitions:
            log.info("partitions given up", stage=self._stage, partitions=_numbers(partitions))


def join_group(
    config: ProcessConfig,
    stage: str,
    group: str,
    topics: Sequence[str],
    owner: Callable[[KafkaConsumer], PartitionOwner],
    **settings: Any,
) -> tuple[KafkaConsumer, dict[str, int]]:
    """A consumer in the group (name without prefix), and how many partitions each of the topics (full names) has.

    It gets its first partitions inside `poll`. Raises `OutageError` where the broker is unavailable or a topic missing.
    """
    consumer = make_consumer(config, stage, group_id=f"{config.topic_prefix}.{group}", **settings)
    consumer.subscribe(topics, listener=RebalanceListener(stage, consumer, owner(consumer)))
    try:
        with broker_errors():
            # After `subscribe`: a member that learns of its topics only after joining has to join once more.
            counts = partition_counts(consumer, topics)
            require_topics(topics, counts)
    except OutageError:
        consumer.close(autocommit=False)
        raise
    return consumer, counts


def leave_group(consumer: KafkaConsumer, stage: str) -> None:
    """Commits nothing. Without a broker the group notices by itself, at the end of the session."""
    try:
        with broker_errors():
            consumer.close(autocommit=False, timeout_ms=LEAVE_MS)
    except OutageError as error:
        log.warning("could not leave the group; the broker notices when the session ends", stage=stage, why=str(error))
    else:
        log.info("left the group", stage=stage)


class BrokerProbe:
    """Asks for the ends of partitions now and again, and so notices what `poll` does not say: no broker."""

    def __init__(self, every_seconds: float = PROBE_SECONDS) -> None:
        self._every_seconds = every_seconds
        self._asked_at = 0.0

    def ends(self, consumer: KafkaConsumer, partitions: Collection[TopicPartition]) -> dict[TopicPartition, int] | None:
        """The offset after the last record of each; None where it is not time to ask. Raises kafka-python's errors."""
        now = time.monotonic()
        if now - self._asked_at < self._every_seconds:
            return None
        self._asked_at = now
        ends: dict[TopicPartition, int] = consumer.end_offsets(list(partitions), timeout_ms=PROBE_MS)
        return ends


def commit_request(offsets: Mapping[TopicPartition, int]) -> dict[TopicPartition, OffsetAndMetadata]:
    return {partition: OffsetAndMetadata(offset, "", -1) for partition, offset in offsets.items()}


def commit_refused(stage: str, error: KafkaError) -> None:
    COMMIT_FAILURES.labels(stage).inc()
    log.warning("a commit was refused; the records are redelivered", stage=stage, why=type(error).__name__)


def _numbers(partitions: Collection[TopicPartition]) -> dict[str, list[int]]:
    numbers: dict[str, list[int]] = {}
    for partition in sorted(partitions):
        numbers.setdefault(partition.topic, []).append(partition.partition)
    return numbers
