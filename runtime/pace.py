"""When the next batch begins. A batch costs a transaction and some round trips, whatever its size."""

import time
from collections.abc import Callable

GATHER_SECONDS = 0.1


class Pace:
    """Under load records are gathered: two batches begin `GATHER_SECONDS` apart. A record that comes alone never waits.

    After a batch of at least half of `most_records` there is a backlog, and the next one begins at once.
    """

    def __init__(self, most_records: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._backlog = most_records / 2
        self._clock = clock
        self._next_at = clock()

    def begin(self, records: int) -> None:
        """A batch of so many records goes into work."""
        self._next_at = self._clock() + (GATHER_SECONDS if records < self._backlog else 0)

    def wait_seconds(self) -> float:
        """How long to wait before more records are taken."""
        return max(0.0, self._next_at - self._clock())
