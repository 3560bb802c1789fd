"""A consumer group's offsets from the broker: all that KEDA reads of it."""

from collections import defaultdict
from collections.abc import Iterable
from contextlib import closing
from types import TracebackType
from typing import Self

from kafka import TopicPartition
from kafka.admin import OffsetSpec

from deploy.local.scaling.autoscaler import NOT_COMMITTED, Offsets
from runtime.config import ProcessConfig
from runtime.kafka.clients import broker_errors, make_admin


class GroupOffsets:
    """Asks from the beginning to the end of its block. Raises `OutageError`."""

    def __init__(self, config: ProcessConfig) -> None:
        self._config = config

    def __enter__(self) -> Self:
        self._closing = closing(make_admin(self._config))
        self._admin = self._closing.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.__exit__(kind, error, trace)

    def read(self, group: str, topics: Iterable[str]) -> dict[str, list[Offsets]]:
        """Of every partition of these topics, by topic."""
        with broker_errors():
            places = [
                TopicPartition(topic["name"], partition["partition_index"])
                for topic in self._admin.describe_topics(list(topics))
                for partition in topic["partitions"]
            ]
            committed = self._admin.list_group_offsets({group: places})[group]
            first = self._admin.list_partition_offsets(dict.fromkeys(places, OffsetSpec.EARLIEST))
            end = self._admin.list_partition_offsets(dict.fromkeys(places, OffsetSpec.LATEST))
        found: dict[str, list[Offsets]] = defaultdict(list)
        for place in places:
            reached = committed[place].offset if place in committed else NOT_COMMITTED
            found[place.topic].append(Offsets(reached, first[place].offset, end[place].offset))
        return found
