"""Topics whose records nobody waits for: read now and then, many at once, and not each as it comes.

Every poll that returns something wakes four threads, whatever it returns: for few records that costs more than they do.
"""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kafka import KafkaConsumer, TopicPartition

PAUSE_SECONDS = 1.0


class UnhurriedTopics:
    """Those of one consumer (full names): paused for a while once what was there has been read."""

    def __init__(self, topics: Collection[str], most_polled: int, clock: Callable[[], float] = time.monotonic) -> None:
        """`most_polled`: where a poll returns as many records as this, there may be more at hand. `clock`: seconds."""
        self._topics = frozenset(topics)
        self._most_polled = most_polled
        self._clock = clock
        self._paused: set[TopicPartition] = set()
        self._resume_at = 0.0

    def __bool__(self) -> bool:
        """Whether they are paused."""
        return bool(self._paused)

    def pause_read(self, consumer: "KafkaConsumer", polled: "Mapping[TopicPartition, Sequence[Any]]") -> None:
        """After each poll."""
        if self._topics.isdisjoint(partition.topic for partition in polled):
            return
        if sum(map(len, polled.values())) < self._most_polled:
            self._paused = {partition for partition in consumer.assignment() if partition.topic in self._topics}
            consumer.pause(*self._paused)
            self._resume_at = self._clock() + PAUSE_SECONDS

    def resume_due(self, consumer: "KafkaConsumer") -> None:
        """Before each poll."""
        if self._paused and self._clock() >= self._resume_at:
            consumer.resume(*(self._paused & consumer.assignment()))
            self._paused = set()
