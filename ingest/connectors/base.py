"""What a watcher asks of a mailbox, whatever the protocol: `Connector`.

A new protocol is one module beside this one, whose class derives from `MailboxConnector` (what connectors share) and
offers `Connector`, and one line in the table in `ingest/connectors/__init__.py`. `pop3.py` is an example.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ingest.connectors.owed import Suspects
from ingest.connectors.remote_mail import RemoteMail
from schemas.servers import MailboxCursor
from schemas.wire import MAX_RECORD_BYTES, cursor_bytes

BATCH_MAILS = 100  # fetched and published at once: half the cost of 50; 200 gains no more, in a longer command
BATCH_BYTES = 8_000_000  # the most that one watcher holds in memory; a larger message is kept in a temporary file
LEAST_BATCH_BYTES = 1_000_000  # the least, when many watchers share the memory: more than what goes into a record
LOOKED_AT = 50  # the last messages of a mailbox, among which a server test looks for its own
SHOWN_BYTES = 64_000  # of a message that a server test shows


@dataclass(frozen=True, slots=True)
class FetchedBatch:
    """Messages fetched together, and how far the mailbox has been read once they are acknowledged.

    `mails` is empty on a first read that takes only what comes from now on; `skipped` then says how many are there. It
    is empty, too, if messages were asked for and not given: the cursor holds what is owed.
    """

    mails: tuple[RemoteMail, ...]
    cursor: MailboxCursor
    skipped: int = 0


@dataclass(frozen=True, slots=True)
class Mode:
    """`read_only`: nothing is changed in the mailbox, for a server test. `folder_root`: only folders in it may be read.

    `cursor_bytes`: how many bytes of unique ids or names a cursor's record holds.
    """

    read_only: bool = False
    folder_root: Path = Path("/")
    cursor_bytes: int = cursor_bytes(MAX_RECORD_BYTES)


WATCH = Mode()


@dataclass(frozen=True, slots=True)
class Step:
    """One step on the way into a mailbox. `take` says what was found, in an administrator's words."""

    name: str
    take: Callable[[], str]


class Connector(Protocol):
    """One mailbox over one connection, used by one thread; only `interrupt` may be called from another.

    Every method but `interrupt` and `close` raises `MailServerError`, a step's `take` too; the connector is then closed
    and not used again.
    """

    suspects: Suspects  # may be replaced by what an earlier connection to the same mailbox has learnt

    def opening(self) -> tuple[Step, ...]:
        """Connect and protect the connection, log in, choose the folder: to be taken in this order."""

    def newest(self, marker: str) -> bytes | None:
        """The beginning of the newest message, or of the newest whose subject holds the marker, among the last
        `LOOKED_AT`. None: there is none. Changes nothing on the server."""

    def next_batch(self, cursor: MailboxCursor | None, room: int = BATCH_BYTES) -> FetchedBatch | None:
        """The next messages after `cursor` (None: never read), changing nothing on the server. None: there are no more.

        Each message is whole. One that the server lists and does not give holds up no other: the batch's cursor owes
        it, and it is asked for again. `room`: bytes of messages that may be held in memory.
        """

    def apply_after_fetch(self, batch: FetchedBatch) -> None:
        """Do with the batch's messages what the setting `after_fetch` says. Those no longer there are skipped."""

    def wait(self, seconds: float, stop: threading.Event) -> None:
        """Return when there may be new mail, `seconds` are over, or `stop` is set or `interrupt` called."""

    @property
    def backlog(self) -> int:
        """Messages seen on the server and not yet fetched."""

    def interrupt(self) -> None:
        """Cancel what is going on, from another thread: the current call returns or raises at once."""

    def close(self) -> None:
        """Leave the server, politely if that takes no time. Never raises."""


def open_mailbox(connector: Connector) -> None:
    """Take every step of the opening. Raises `MailServerError`."""
    for step in connector.opening():
        step.take()


def take_batch(
    waiting: list[tuple[str, int]], room: int, is_alone: Callable[[str], bool] = lambda _handle: False
) -> list[tuple[str, int]]:
    """Take the next messages from the front of `waiting`, (handle, size) each: within the bounds, but at least one.

    `is_alone`: whether a message is to be fetched alone, by its handle.
    """
    total, count = 0, 0
    for handle, size in waiting[:BATCH_MAILS]:
        total += size
        alone = is_alone(handle)
        if count and (alone or total > room):
            break
        count += 1
        if alone:
            break
    taken = waiting[:count]
    del waiting[:count]
    return taken
