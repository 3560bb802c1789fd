"""Which partition a record's key goes to: as every Kafka client has it (murmur2), but counted once for each key."""

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from kafka.partitioner import DefaultPartitioner, murmur2

if TYPE_CHECKING:
    from kafka.cluster import ClusterMetadata

KNOWN_KEYS = 10_000  # senders, mostly: a few megabytes


class KeyPartitioner(DefaultPartitioner):  # type: ignore[misc]  # it has no types
    """kafka-python's own, whose hash in Python costs more than all else about a small record."""

    def partition(
        self, topic: str, key: Any, serialized_key: bytes | None, value: Any, data: Any, cluster: "ClusterMetadata"
    ) -> int:
        numbers = cluster.partitions_for_topic(topic)
        if serialized_key is None or not numbers:
            chosen: int = super().partition(topic, key, serialized_key, value, data, cluster)
            return chosen
        return sorted(numbers)[partition_of_key(serialized_key, len(numbers))]  # type: ignore[no-any-return]


def partition_of_key(key: bytes, partitions: int) -> int:
    """Where a record with this key goes, of partitions numbered from 0."""
    return _hash(key) % partitions


@lru_cache(KNOWN_KEYS)
def _hash(key: bytes) -> int:
    positive: int = murmur2(key) & 0x7FFFFFFF
    return positive
