"""How much mail the watchers of one process may hold in memory together: hundreds may have a backlog at once."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from ingest.connectors.base import BLOCK_BYTES, LEAST_BLOCK_BYTES

TOTAL_BYTES = 48_000_000
PATIENCE_SECONDS = 10.0  # then the least is taken all the same: a slow server must not stop the others


class MemoryBudget:
    """Shared out among the watchers that have mail in hand. May be used by many threads."""

    def __init__(self, total: int = TOTAL_BYTES) -> None:
        self._free = total
        self._changed = threading.Condition()

    @contextmanager
    def share(self) -> Iterator[int]:
        """Bytes that the block to come may have: a quarter of what is free, within its bounds.

        Where hardly anything is free it is waited for, for a while.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._free >= LEAST_BLOCK_BYTES, PATIENCE_SECONDS)
            share = max(LEAST_BLOCK_BYTES, min(BLOCK_BYTES, self._free // 4))
            self._free -= share
        try:
            yield share
        finally:
            with self._changed:
                self._free += share
                self._changed.notify_all()
