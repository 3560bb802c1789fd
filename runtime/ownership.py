"""Which partitions are ours, what of them is done and not yet committed, what was taken away during a batch."""

from collections.abc import Sequence

from kafka import KafkaConsumer, OffsetAndMetadata, TopicPartition
from kafka.consumer.subscription_state import AsyncConsumerRebalanceListener
from kafka.errors import CommitFailedError, KafkaError, RebalanceInProgressError

from runtime.health import Health
from runtime.logs import get_logger
from runtime.metrics import COMMIT_FAILURES
from schemas.wire import Record

log = get_logger(__name__)


class Ownership(AsyncConsumerRebalanceListener):  # type: ignore[misc] # kafka-python has no types
    """The consumer's rebalance listener. Its callbacks run while the main thread is inside `poll`, never beside it."""

    def __init__(self, stage: str, consumer: KafkaConsumer, health: Health) -> None:
        self._stage = stage
        self._consumer = consumer
        self._health = health
        self._done: dict[TopicPartition, int] = {}  # next offset to commit
        self._in_work = False
        self.lost: set[TopicPartition] = set()  # taken away since `begin`

    def begin(self) -> None:
        """A batch goes into work."""
        self._in_work = True
        self.lost.clear()

    def end(self) -> None:
        self._in_work = False

    def done(self, batch: Sequence[Record]) -> bool:
        """Notes the batch's offsets for the next commit; False where partitions were taken away: they come again."""
        for record in batch:
            partition = TopicPartition(record.topic, record.partition)
            if partition not in self.lost:
                self._done[partition] = record.offset + 1
        return not self.lost

    @property
    def uncommitted(self) -> bool:
        return bool(self._done)

    def commit(self, timeout_ms: int = 5_000) -> None:
        """Commits what is done. After a refusal the records come again; without a broker it is tried again later."""
        if not self._done:
            return
        try:
            self._consumer.commit(_offsets(self._done), timeout_ms=timeout_ms)
        except (CommitFailedError, RebalanceInProgressError) as error:
            self._refused(error)
        except KafkaError as error:
            log.warning("the commit has to wait", stage=self._stage, why=str(error))
            return
        self._done.clear()

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        if self._in_work:
            self._consumer.pause(*assigned)
        self._health.ready("assignment", True)
        log.info("partitions assigned", stage=self._stage, partitions=_numbers(assigned))

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        done = {partition: self._done.pop(partition) for partition in revoked & self._done.keys()}
        self._forget(revoked)
        if done:
            try:
                await self._consumer.commit_async(_offsets(done))
            except KafkaError as error:
                self._refused(error)

    async def on_partitions_lost(self, lost: set[TopicPartition]) -> None:
        for partition in lost & self._done.keys():
            del self._done[partition]
        self._forget(lost)

    def _forget(self, partitions: set[TopicPartition]) -> None:
        if self._in_work:
            self.lost |= partitions
        if partitions:
            self._health.ready("assignment", False, "the group shares out the partitions anew")
            log.info("partitions given up", stage=self._stage, partitions=_numbers(partitions))

    def _refused(self, error: KafkaError) -> None:
        COMMIT_FAILURES.labels(self._stage).inc()
        log.warning("a commit was refused; the records come again", stage=self._stage, why=type(error).__name__)


def _offsets(done: dict[TopicPartition, int]) -> dict[TopicPartition, OffsetAndMetadata]:
    return {partition: OffsetAndMetadata(offset, "", -1) for partition, offset in done.items()}


def _numbers(partitions: set[TopicPartition]) -> dict[str, list[int]]:
    numbers: dict[str, list[int]] = {}
    for partition in sorted(partitions):
        numbers.setdefault(partition.topic, []).append(partition.partition)
    return numbers
