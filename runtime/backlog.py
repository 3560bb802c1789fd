"""What a stage has before it on each of its topics: how many records, and how old the oldest is."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

from runtime.config import ProcessConfig
from runtime.metrics import LAG, OLDEST_AGE
from runtime.outcomes import Handler
from schemas.topics import without_prefix
from schemas.wire import Record


class Backlog:
    """Told by the threads that read, work and measure. An age is reckoned when it is asked for, so that it also grows
    in a process that hangs; records of `.retry` wait on purpose and have none."""

    def __init__(self, handler: Handler, config: ProcessConfig, clock: Callable[[], float] = time.time) -> None:
        """`clock`: seconds since 1970."""
        prefix = config.topic_prefix
        self._clock = clock
        self._oldest: dict[str, float] = {}  # by topic, of what is read or waits to be; seconds since 1970
        self._in_hand: dict[str, float] = {}
        names = [topic.name(prefix) for topic in handler.topics]
        retry = [topic.retry(prefix) for topic in handler.topics if topic.deferred]
        self._lag = {name: LAG.labels(handler.stage, without_prefix(name, prefix)) for name in (*names, *retry)}
        for name in names:
            OLDEST_AGE.labels(handler.stage, without_prefix(name, prefix)).set_function(partial(self._age, name))

    def taken(self, batch: Sequence[Record]) -> None:
        """These records go into work."""
        self._oldest.update(_oldest_of(batch))

    def in_hand(self, records: Iterable[Record]) -> None:
        """All records in hand, as they were read."""
        self._in_hand = _oldest_of(records)

    def measured(self, lag: Mapping[str, int]) -> None:
        """How many records of each topic are not handled. What was never read is as old as the first measurement."""
        now = self._clock()
        for name, gauge in self._lag.items():
            gauge.set(lag.get(name, 0))
            if lag.get(name):
                self._oldest.setdefault(name, now)
            else:
                self._oldest.pop(name, None)

    def _age(self, topic: str) -> float:
        now = self._clock()
        return max(0.0, now - min(self._oldest.get(topic, now), self._in_hand.get(topic, now)))


def _oldest_of(records: Iterable[Record]) -> dict[str, float]:
    """By topic, seconds since 1970. A record whose producer gave no time is left out."""
    oldest: dict[str, float] = {}
    for record in records:
        at = record.timestamp_ms / 1000
        if 0 < at < oldest.get(record.topic, float("inf")):
            oldest[record.topic] = at
    return oldest
