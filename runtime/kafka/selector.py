"""What waits for the sockets of our Kafka clients: Python's own selector, which says nothing of a socket it lacks.

kafka-python 3.0.12 registers a socket for each wait and takes it out afterwards, so it looks for it in vain each time.
Python names the socket then, with both its addresses: two system calls, and four fifths of the CPU of the whole wait.
"""

from selectors import DefaultSelector, SelectorKey
from typing import Any


class QuietSelector(DefaultSelector):
    """`DefaultSelector`, whose `KeyError` has no text."""

    def get_key(self, fileobj: Any) -> SelectorKey:
        """Raises `KeyError` where it is not registered, `ValueError` where it was not and is closed."""
        key: SelectorKey = self._fd_to_key[self._fileobj_lookup(fileobj)]  # type: ignore[attr-defined]
        return key
