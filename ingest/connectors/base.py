"""What a watcher asks of a mailbox, whatever the protocol."""

import threading
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import BinaryIO, Protocol, cast

from ingest.connectors.suspects import Suspects
from schemas.servers import MailboxCursor
from schemas.settings import IncomingServer
from schemas.sizes import MAX_RECORD_BYTES, cursor_bytes

BLOCK_MAILS = 100  # fetched and published at once: half the cost of 50; 200 gains no more, in a longer command
BLOCK_BYTES = 8_000_000  # the most that one watcher holds in memory; a larger mail lies in a temporary file meanwhile
LEAST_BLOCK_BYTES = 1_000_000  # the least, where many watchers share the memory: more than what goes into a record
FIRST_PART_BYTES = 100_000  # of a mail that is not held in memory: its headers, and mostly all of its text
MAX_SPOOL_BYTES = 2_000_000_000  # of a mail larger than this only the beginning is kept
LOOKED_AT = 50  # the last mails of a mailbox, among which a test looks for its own
SHOWN_BYTES = 64_000  # of a mail that a test shows
IDLE_SECONDS = 540.0  # IDLE is renewed before RFC 2177's 29 minutes, and before most firewalls forget the connection


@dataclass(frozen=True, slots=True)
class RemoteMail:
    """One mail as its server gave it. `handle`: what `settle` finds it by (UID, UIDL); `locator`: the same for people.

    `raw` is all of it; or, where `size` (bytes in all) is set, its beginning: then `spool` holds all of it, or is None
    where even that was too much.
    """

    handle: str
    locator: str
    raw: bytes
    internal_date: datetime | None = None
    size: int | None = None
    spool: BinaryIO | None = None

    @property
    def bytes_in_all(self) -> int:
        return len(self.raw) if self.size is None else self.size

    @property
    def is_kept_whole(self) -> bool:
        """Whether all of it goes on: of a mail without end only the beginning does."""
        return self.size is None or self.spool is not None


@dataclass(frozen=True, slots=True)
class FetchedBatch:
    """Mails fetched together, and how far the mailbox is read once they are acknowledged.

    `mails` is empty on a first look that takes only what comes from now on; `skipped` then says how many lie there. It
    is empty, too, where mails were asked for and not given: the cursor holds what is owed.
    """

    mails: tuple[RemoteMail, ...]
    cursor: MailboxCursor
    skipped: int = 0


@dataclass(frozen=True, slots=True)
class Mode:
    """`look_only`: the mailbox is only looked at, for a test. `folder_root`: folders that may be read lie in it.

    `cursor_bytes`: of unique ids or names a cursor's record holds so many.
    """

    look_only: bool = False
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
        """The beginning of the newest mail, or of the newest whose subject holds the marker, among the last
        `LOOKED_AT`. None: there is none. Changes nothing on the server."""

    def next_block(self, cursor: MailboxCursor | None, room: int = BLOCK_BYTES) -> FetchedBatch | None:
        """The next mails after `cursor` (None: never read), changing nothing on the server. None: there are no more.

        Each mail is whole. One that the server lists and does not give holds up no other: the block's cursor owes it,
        and it is asked for again. `room`: bytes of mail that may be held in memory.
        """

    def settle(self, block: FetchedBatch) -> None:
        """Do with the block's mails what `after_fetch` says. Mails that are no longer there are passed over."""

    def wait(self, seconds: float, stop: threading.Event) -> None:
        """Return when there may be new mail, `seconds` are over, or `stop` is set or `interrupt` called."""

    @property
    def backlog(self) -> int:
        """Mails seen on the server and not yet fetched."""

    def interrupt(self) -> None:
        """Break off what is going on, from another thread: the current call returns or raises at once."""

    def close(self) -> None:
        """Leave the server, politely where that takes no time. Never raises."""


def open_mailbox(connector: Connector) -> None:
    """Take every step of the opening. Raises `MailServerError`."""
    for step in connector.opening():
        step.take()


def lies_there(server: IncomingServer, mails: int) -> str:
    """What a first look at so many mails would do with them."""
    there = "1 mail lies there" if mails == 1 else f"{mails} mails lie there"
    first = {"now": "leaves alone what lies there", "beginning": "takes all of it"}[server.start_from]
    return f"{there}; a first look {first} (start_from: {server.start_from})"


def take_block(
    waiting: list[tuple[str, int]], room: int, is_alone: Callable[[str], bool] = lambda _handle: False
) -> list[tuple[str, int]]:
    """Take the next mails from the front of `waiting`, (handle, size) each: within the bounds, but one at least.

    `is_alone`: whether a mail is to be fetched alone, by its handle.
    """
    total, count = 0, 0
    for handle, size in waiting[:BLOCK_MAILS]:
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


def too_many(handles: Collection[str], cursor_bytes: int) -> str | None:
    """Why so many mails cannot be remembered as fetched, and what to do; None where a cursor's record holds them."""
    if sum(len(handle.encode()) + 3 for handle in handles) <= cursor_bytes:
        return None
    return (
        f"it holds {len(handles)} mails that have been fetched, more than can be kept in mind: take them out of it, or "
        "set after_fetch to delete or, where that can be, move"
    )


def spooled(
    handle: str,
    locator: str,
    pieces: Iterable[bytes],
    *,
    room: int,
    internal_date: datetime | None = None,
    announced: int = 0,
) -> RemoteMail:
    """A mail that comes in pieces: held in memory up to `room` bytes, beyond that in a temporary file.

    `announced`: its size as the server says, for the case that not all of it is taken.
    """
    spool = cast(BinaryIO, SpooledTemporaryFile(max_size=room))  # noqa: SIM115 - it goes with the mail
    size = 0
    for piece in pieces:
        spool.write(piece)
        size += len(piece)
        if size > MAX_SPOOL_BYTES:
            spool.seek(0)
            return RemoteMail(handle, locator, spool.read(FIRST_PART_BYTES), internal_date, max(size, announced))
    spool.seek(0)
    if size <= room:
        return RemoteMail(handle, locator, spool.read(), internal_date)
    return RemoteMail(handle, locator, spool.read(FIRST_PART_BYTES), internal_date, size, spool)
