"""Which partitions are ours, what of them can be committed, what was taken away during a batch."""

from collections.abc import Callable, Iterable

from kafka import KafkaConsumer, OffsetAndMetadata, TopicPartition
from kafka.consumer.subscription_state import AsyncConsumerRebalanceListener
from kafka.errors import CommitFailedError, KafkaError, RebalanceInProgressError

from runtime.health import Health
from runtime.logs import get_logger
from runtime.metrics import COMMIT_FAILURES
from runtime.window import OffsetTracker
from schemas.wire import Record

log = get_logger(__name__)


class RebalanceListener(AsyncConsumerRebalanceListener):  # type: ignore[misc] # kafka-python has no types
    """The consumer's rebalance listener. Its callbacks run while the main thread is inside `poll`, never beside it."""

    def __init__(
        self,
        stage: str,
        consumer: KafkaConsumer,
        health: Health,
        let_go: Callable[[set[TopicPartition]], object],
        drop: Callable[[set[TopicPartition]], object],
    ) -> None:
        """`let_go` is called with partitions that are about to be taken away, before their last commit; `drop` with
        those that somebody else may have already.
        """
        self._stage = stage
        self._consumer = consumer
        self._health = health
        self._let_go = let_go
        self._drop = drop
        self._window = OffsetTracker()
        self._in_work = False
        self.lost: set[TopicPartition] = set()  # taken away since `begin`

    def begin(self) -> None:
        """A batch goes into work."""
        self._in_work = True
        self.lost.clear()

    def end(self) -> None:
        self._in_work = False

    def done(self, batch: Iterable[Record], in_hand: Iterable[Record] = ()) -> bool:
        """Notes the batch for the next commit; False where partitions were taken away: their records come again."""
        waiting = {(_partition(record), record.offset) for record in in_hand}
        for record in batch:
            partition = _partition(record)
            if partition not in self.lost:
                self._window.seen(partition, record.offset, (partition, record.offset) in waiting)
        return not self.lost

    def settled(self, records: Iterable[Record]) -> None:
        """Notes that records which were in hand are done."""
        for record in records:
            if _partition(record) not in self.lost:
                self._window.settled(_partition(record), record.offset)

    @property
    def uncommitted(self) -> bool:
        return bool(self._window.positions())

    def commit(self, timeout_ms: int = 5_000) -> None:
        """Commits what is done. After a refusal the records come again; without a broker it is tried again later."""
        positions = self._window.positions()
        if not positions:
            return
        try:
            self._consumer.commit(_offsets(positions), timeout_ms=timeout_ms)
        except (CommitFailedError, RebalanceInProgressError) as error:
            self._refused(error)
        except KafkaError as error:
            log.warning("the commit has to wait", stage=self._stage, why=str(error))
            return
        self._window.committed(positions)

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        if self._in_work:
            self._consumer.pause(*assigned)
        self._health.ready("assignment", True)
        log.info("partitions assigned", stage=self._stage, partitions=_numbers(assigned))

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        self._let_go(revoked)
        positions = self._window.positions()
        done = {partition: positions[partition] for partition in revoked & positions.keys()}
        self._forget(revoked)
        if done:
            try:
                await self._consumer.commit_async(_offsets(done))
            except KafkaError as error:
                self._refused(error)

    async def on_partitions_lost(self, lost: set[TopicPartition]) -> None:
        self._drop(lost)
        self._forget(lost)

    def _forget(self, partitions: set[TopicPartition]) -> None:
        self._window.forget(partitions)
        if self._in_work:
            self.lost |= partitions
        if partitions:
            self._health.ready("assignment", False, "the group shares out the partitions anew")
            log.info("partitions given up", stage=self._stage, partitions=_numbers(partitions))

    def _refused(self, error: KafkaError) -> None:
        COMMIT_FAILURES.labels(self._stage).inc()
        log.warning("a commit was refused; the records come again", stage=self._stage, why=type(error).__name__)


def _partition(record: Record) -> TopicPartition:
    return TopicPartition(record.topic, record.partition)


def _offsets(done: dict[TopicPartition, int]) -> dict[TopicPartition, OffsetAndMetadata]:
    return {partition: OffsetAndMetadata(offset, "", -1) for partition, offset in done.items()}


def _numbers(partitions: set[TopicPartition]) -> dict[str, list[int]]:
    numbers: dict[str, list[int]] = {}
    for partition in sorted(partitions):
        numbers.setdefault(partition.topic, []).append(partition.partition)
    return numbers
