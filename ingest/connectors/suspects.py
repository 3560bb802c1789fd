"""Mails that were being fetched when a connection broke. Pure.

A break says nothing of a mail: nothing is passed over for it. But some servers answer a damaged mail with the end of
the connection (Dovecot does), so that it would hold up all others for ever. Each mail of a block that broke is fetched
alone from then on, and the one whose connection breaks again and again is owed.
"""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager

BREAKS = 3  # of connections on which a mail was fetched alone, in a row


class Suspects:
    """One watcher's, over all its connections."""

    def __init__(self) -> None:
        self._breaks: dict[str, int] = {}  # by handle, while it was fetched alone

    def __contains__(self, handle: str) -> bool:
        return handle in self._breaks

    @contextmanager
    def fetching(self, handles: Collection[str], is_break: Callable[[Exception], bool]) -> Iterator[None]:
        """Around a fetch of these mails. `is_break`: whether an error is the end of the connection."""
        try:
            yield
        except Exception as error:
            if is_break(error):
                for handle in handles:
                    self._breaks[handle] = self._breaks.get(handle, 0) + (len(handles) == 1)
            raise
        for handle in handles:
            self._breaks.pop(handle, None)

    def breaks_connections(self, handle: str) -> bool:
        return self._breaks.get(handle, 0) >= BREAKS

    def passed_over(self, handle: str) -> str:
        """Why it is owed. The next time that it is asked for, one break is enough."""
        self._breaks[handle] = BREAKS - 1
        return "the connection breaks whenever it is fetched"
