"""One flush to the ledger's disk for what several connections have done: each waits for it before its next mail."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from outbound.results import Results
from runtime.outcomes import OutageError


@dataclass(slots=True)
class _Entry:
    results: Results
    is_done: bool = False
    error: Exception | None = None


class GroupCommit:
    """`write` makes results durable, all of them or none. Used by all connections' threads.

    The first one that comes writes for all that have come by then. It waits for those that are still sending as long as
    the last write took, and no longer: more is not to be won by it.
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
        """Of a connection that is sending, and will record what came of it."""
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
        """What cannot be written harms no other: then each is written by itself."""
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
