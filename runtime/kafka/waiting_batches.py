"""The batches that a producer of kafka-python has not sent yet, without the partitions that have none.

kafka-python 3.0.12 keeps an entry for each partition that it has ever produced to. Its thread looks at every one five
times for each flush, under a lock, whether there is something to send or something too old: of 60 partitions that is
more than building, sending and acknowledging a request.
"""

from collections import defaultdict, deque
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kafka import KafkaProducer, TopicPartition


class WaitingBatches(defaultdict["TopicPartition", "deque[Any]"]):
    """By partition. An entry that is empty stays, since another thread may be about to fill it, but does not show."""

    def __init__(self) -> None:
        super().__init__(deque)

    def keys(self) -> "list[TopicPartition]":  # type: ignore[override]  # kafka-python makes a list of it in any case
        there = dict.copy(self)  # at once: another thread may add a partition
        return [place for place, waiting in there.items() if waiting]

    def __contains__(self, place: object) -> bool:
        return bool(self.get(place))


def show_waiting_batches_only(producer: "KafkaProducer") -> None:
    """Before anything is produced."""
    producer._accumulator._batches = WaitingBatches()
