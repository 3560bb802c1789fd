"""What watchers need of their process: connections, publishing, blobs, and a share of its memory."""

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime

from ingest.connectors.base import BATCH_BYTES, LEAST_BATCH_BYTES, Connector
from ingest.records import Blobs
from runtime.telemetry.health import Health
from schemas.settings import IncomingServer
from schemas.wire import MAX_INLINE_BYTES, OutputRecord

TOTAL_BYTES = 48_000_000
WAIT_SECONDS = 10.0  # then the least is taken all the same: a slow server must not stop the others


class MemoryBudget:
    """How many bytes of messages all watchers of a process may hold together: hundreds may have a backlog at once.

    May be used by many threads.
    """

    def __init__(self, total: int = TOTAL_BYTES) -> None:
        self._free = total
        self._changed = threading.Condition()

    @contextmanager
    def share(self) -> Iterator[int]:
        """Bytes that the next batch may have: a quarter of what is free, within its bounds.

        If hardly anything is free, this waits a while.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._free >= LEAST_BATCH_BYTES, WAIT_SECONDS)
            share = max(LEAST_BATCH_BYTES, min(BATCH_BYTES, self._free // 4))
            self._free -= share
            self._wake_next()
        try:
            yield share
        finally:
            with self._changed:
                self._free += share
                self._wake_next()

    def _wake_next(self) -> None:
        """One that waits, which wakes the one after it: of hundreds woken at once, nearly all would wait again."""
        if self._free >= LEAST_BATCH_BYTES:
            self._changed.notify()


@dataclass(frozen=True, slots=True)
class WatcherContext:
    """What a watcher needs of the process. `publish` returns once all is acknowledged; `blobs` keeps messages of more
    than `inline_bytes`.

    `refused` is told of a login that was refused; it returns whether another one may succeed at once. `secret`: a
    digest of what the account is logged in with; `secret_ends`: the day that it ends, if that is near.
    """

    connect: Callable[[IncomingServer], Connector]
    refused: Callable[[IncomingServer], bool]
    secret: Callable[[IncomingServer], str]
    publish: Callable[[list[OutputRecord]], None]
    blobs: Blobs
    memory: MemoryBudget
    health: Health
    secret_ends: Callable[[IncomingServer], date | None] = lambda _server: None
    inline_bytes: int = MAX_INLINE_BYTES
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    draw: Callable[[], float] = random.random

    def send(self, server_id: str, records: list[OutputRecord]) -> None:
        """Publish for a server: a broker that hangs shows as this step of the instance's health."""
        with self.health.step(f"incoming server {server_id}"):
            self.publish(records)
