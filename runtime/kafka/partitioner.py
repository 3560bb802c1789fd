"""Which partition a record's key goes to: as every Kafka client has it (murmur2), but counted once for each key."""

from functools import lru_cache

from kafka.partitioner import murmur2

KNOWN_KEYS = 10_000  # senders, mostly: a few megabytes


def partition_of_key(key: bytes, partitions: int) -> int:
    """Where a record with this key goes, of partitions numbered from 0."""
    return _hash(key) % partitions


@lru_cache(KNOWN_KEYS)
def _hash(key: bytes) -> int:
    """In Python it costs as much as half of all else about a small record."""
    positive: int = murmur2(key) & 0x7FFFFFFF
    return positive
