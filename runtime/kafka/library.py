"""What every process uses of kafka-python, imported without Snappy and zstd, which take 2 MB.

Nothing is packed by them here, and what a foreign producer has packed is unpacked by `runtime/kafka/decompression.py`,
which imports them then.
"""

from runtime.left_out import left_out

with left_out({"snappy": (), "zstandard": ()}):
    from kafka import KafkaConsumer, OffsetAndMetadata, TopicPartition
    from kafka.consumer.subscription_state import AsyncConsumerRebalanceListener
    from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
    from kafka.errors import CommitFailedError, KafkaError, RebalanceInProgressError

__all__ = [
    "AsyncConsumerRebalanceListener",
    "CommitFailedError",
    "CooperativeStickyAssignor",
    "KafkaConsumer",
    "KafkaError",
    "OffsetAndMetadata",
    "RebalanceInProgressError",
    "TopicPartition",
]
