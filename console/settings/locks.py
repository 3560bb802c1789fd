"""One lock a setting: of those in this process who save the same one, one does so at a time."""

import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager


class KeyLocks:
    """Locks by key; the number of keys is that of the settings that were ever saved here."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._locks: dict[str, threading.Lock] = defaultdict(threading.Lock)

    @contextmanager
    def held(self, keys: Iterable[str]) -> Iterator[None]:
        """Holds all of them, taken in one order, so that nobody waits for somebody who waits for him."""
        with self._lock:
            locks = [self._locks[key] for key in sorted(set(keys))]
        with ExitStack() as stack:
            for lock in locks:
                stack.enter_context(lock)
            yield
