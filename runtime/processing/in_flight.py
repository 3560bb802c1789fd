"""The records in flight: whose work goes on while the consumer does, and what happens to them when it has to end."""

from collections.abc import Sequence
from concurrent.futures import wait
from itertools import compress

from runtime.kafka.library import TopicPartition
from runtime.kafka.producer import UnpublishableError
from runtime.outages import OutageError
from runtime.processing.batch_runner import BatchRunner, InFlightRecord
from runtime.processing.lag import Backlog
from runtime.processing.offsets import partition_of
from runtime.telemetry.logs import get_logger
from runtime.telemetry.metrics import PENDING

log = get_logger(__name__)


class InFlightRecords:
    """Those of one consumer. For its main thread alone."""

    def __init__(self, stage: str, runner: BatchRunner, backlog: Backlog) -> None:
        self._stage = stage
        self._runner = runner
        self._backlog = backlog
        self._records: list[InFlightRecord] = []

    def __bool__(self) -> bool:
        return bool(self._records)

    @property
    def partitions(self) -> set[TopicPartition]:
        return {partition_of(record.raw) for record in self._records}

    def take_done(self) -> list[InFlightRecord]:
        """Those whose work is done, which are in flight no longer."""
        done = [record.in_flight.work.done() for record in self._records]
        if not any(done):
            return []
        ready = list(compress(self._records, done))
        self._records = [record for record, is_done in zip(self._records, done, strict=True) if not is_done]
        return ready

    def add(self, records: Sequence[InFlightRecord], lost: set[TopicPartition]) -> None:
        """They are in flight from now on, unless their partitions were lost meanwhile."""
        self._records += records
        self.drop(lost)

    def drop(self, partitions: set[TopicPartition]) -> list[InFlightRecord]:
        """Cancels those of these partitions; returns them. Nothing is published: their next owner gets them, too."""
        dropped = [record for record in self._records if partition_of(record.raw) in partitions]
        for record in dropped:
            record.in_flight.work.cancel()
        self._records = [record for record in self._records if partition_of(record.raw) not in partitions]
        PENDING.labels(self._stage).set(len(self._records))
        self._backlog.in_flight(record.raw for record in self._records)
        return dropped

    def drain(self, partitions: set[TopicPartition], seconds: float) -> list[InFlightRecord]:
        """Waits this long for those of these partitions, and defers what has not ended then; returns those published.

        Where that cannot be published they are redelivered, to the next owner of their partitions.
        """
        drained = self.drop(partitions)
        if not drained:
            return []
        wait([record.in_flight.work for record in drained if not record.in_flight.work.cancelled()], seconds)
        try:
            self._runner.drain(drained)
        except (OutageError, UnpublishableError) as error:
            log.warning(
                "records in flight could not be deferred; they are redelivered", stage=self._stage, why=str(error)
            )
            return []
        return drained
