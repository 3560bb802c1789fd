"""How far a consumer group is behind, asked of the broker beside the consumer itself."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

from runtime.clients import broker_errors, make_admin
from runtime.config import ProcessConfig
from runtime.outcomes import OutageError

if TYPE_CHECKING:
    from kafka import KafkaAdminClient, TopicPartition


class LagProbe:
    """Compares committed offsets with the ends of partitions. Blocking; one thread at a time."""

    def __init__(self, config: ProcessConfig, group: str) -> None:
        self._config = config
        self._group = group
        self._admin: KafkaAdminClient | None = None

    def measure(
        self, partitions: "Sequence[TopicPartition]", handled: "Mapping[TopicPartition, int]" = MappingProxyType({})
    ) -> dict[str, int]:
        """Records behind, by topic. Raises `OutageError` (BROKER_AWAY).

        `handled`: up to which offset all is handled, where that is known. The last committed offset stays before the
        marks of transactions and the records of aborted ones, which a partition may end with for ever.
        """
        from kafka.admin import OffsetSpec

        lag = dict.fromkeys((partition.topic for partition in partitions), 0)
        try:
            with broker_errors(self._config):
                admin = self._admin = self._admin or make_admin(self._config)
                committed = admin.list_group_offsets({self._group: list(partitions)})[self._group]
                starts = dict.fromkeys(partitions, OffsetSpec.EARLIEST)
                ends = dict.fromkeys(partitions, OffsetSpec.LATEST)
                first = admin.list_partition_offsets(starts, timeout_ms=5_000)
                last = admin.list_partition_offsets(ends, timeout_ms=5_000)
        except OutageError:
            self.close()
            raise
        for partition in partitions:
            done = committed[partition].offset if partition in committed else -1
            begun = max(done, first[partition].offset, handled.get(partition, 0))
            lag[partition.topic] += max(0, last[partition].offset - begun)
        return lag

    def close(self) -> None:
        if self._admin is not None:
            self._admin.close()
            self._admin = None
