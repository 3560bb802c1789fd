"""Results of sending into the delivery ledger: durable before a connection sends its next message.

One flush to the ledger's disk serves all connections that have sent meanwhile; each waits for it.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from outbound.results import Results
from runtime.outages import OutageError
from schemas.events import NotificationResult
from schemas.reasons import Reason


class Ledger(Protocol):
    """Where results are kept for good: `desk.deliveries.DeliveryLedger`."""

    def record(self, *results: NotificationResult) -> None: ...


class ResultRecorder:
    """Used by all connections' threads; `flush_unrecorded` by the handler's."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._group = GroupCommit(ledger.record)
        self.member = self._group.member
        self._unrecorded: dict[tuple[str, str], NotificationResult] = {}

    def record(self, results: Results) -> None:
        """Durable before the connection sends its next message: a crash repeats at most one message per connection.

        Those of one transaction together: what a server took at once is known at once, for all its recipients.
        """
        try:
            self._group.record(results)
        except BaseException:
            self._unrecorded.update({(result.notification_id, result.recipient): result for result in results})
            raise

    def check(self) -> None:
        """Raises `OutageError` where something is still to be recorded: nothing is sent meanwhile."""
        if self._unrecorded:
            raise OutageError(Reason.DATABASE_AWAY, "what was sent before is not recorded yet")

    def flush_unrecorded(self) -> None:
        """Record what was sent while the database was unavailable. Raises `OutageError` while it still is."""
        for key, result in list(self._unrecorded.items()):
            self._ledger.record(result)
            del self._unrecorded[key]


@dataclass(slots=True)
class _Entry:
    results: Results
    is_done: bool = False
    error: Exception | None = None


class GroupCommit:
    """`write` makes results durable, all of them or none. Used by all connections' threads.

    The first one that comes writes for all that have come by then. It waits for those that are still sending as long as
    the last write took, and no longer: waiting longer saves nothing.
    """

    def __init__(self, write: Callable[..., None]) -> None:
        self._write = write
        self._changed = threading.Condition()
        self._waiting: list[_Entry] = []
        self._members = 0
        self._is_writing = False
        self._seconds = 0.0

    @contextmanager
    def member(self) -> Iterator[None]:
        """Around a connection's sending and recording of one message."""
        with self._changed:
            self._members += 1
        try:
            yield
        finally:
            with self._changed:
                self._members -= 1

    def record(self, results: Results) -> None:
        """Durable when it returns. Raises what `write` raised."""
        entry = _Entry(results)
        with self._changed:
            self._waiting.append(entry)
            self._changed.notify_all()
            self._changed.wait_for(lambda: entry.is_done or not self._is_writing)
            group: list[_Entry] = []
            if not entry.is_done:
                self._is_writing = True
                self._changed.wait_for(lambda: len(self._waiting) >= self._members, self._seconds)
                group, self._waiting = self._waiting, []
        if group:
            self._write_all(group)
        if entry.error is not None:
            raise entry.error

    def _write_all(self, group: list[_Entry]) -> None:
        began = time.monotonic()
        try:
            self._try(group)
        finally:
            with self._changed:
                self._seconds = time.monotonic() - began
                self._is_writing = False
                for entry in group:
                    entry.is_done = True
                self._changed.notify_all()

    def _try(self, group: list[_Entry]) -> None:
        """If the group cannot be written, each entry is written on its own: one bad entry harms no other."""
        try:
            self._write(*(result for entry in group for result in entry.results))
        except OutageError as error:
            for entry in group:
                entry.error = error
        except Exception as error:
            if len(group) == 1:
                group[0].error = error
            else:
                for entry in group:
                    self._try([entry])
