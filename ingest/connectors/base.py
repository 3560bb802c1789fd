"""What a watcher asks of a mailbox, whatever the protocol."""

import threading
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from schemas.servers import MailboxCursor

BLOCK_MAILS = 100  # fetched and published at once: half the cost of 50; 200 gains no more, in a longer command
BLOCK_BYTES = 8_000_000  # what one watcher holds in memory, unless one mail alone is larger
MAX_MAIL_BYTES = 50_000_000  # of a larger mail only the beginning is fetched
IDLE_SECONDS = 540.0  # IDLE is renewed before RFC 2177's 29 minutes, and before most firewalls forget the connection


@dataclass(frozen=True, slots=True)
class RemoteMail:
    """One mail as its server gave it. `handle`: what `settle` finds it by (UID, UIDL); `locator`: the same for people.

    `size` is the size on the server where only the beginning was fetched, else None.
    """

    handle: str
    locator: str
    raw: bytes
    internal_date: datetime | None = None
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Block:
    """Mails fetched together, and how far the mailbox is read once they are acknowledged.

    `mails` is empty on a first look that takes only what comes from now on; `skipped` then says how many lie there.
    """

    mails: tuple[RemoteMail, ...]
    cursor: MailboxCursor
    skipped: int = 0


class Connector(Protocol):
    """One mailbox over one connection, used by one thread; only `interrupt` may be called from another.

    Every method but `interrupt` and `close` raises `MailServerError`; the connector is then closed and not used again.
    """

    def open(self) -> None:
        """Connect, protect the connection, log in, choose the folder."""

    def next_block(self, cursor: MailboxCursor | None) -> Block | None:
        """The next mails after `cursor` (None: never read), changing nothing on the server. None: there are no more."""

    def settle(self, block: Block) -> None:
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


def take_block(waiting: list[tuple[str, int]]) -> list[tuple[str, int]]:
    """Take the next mails from the front of `waiting`, (handle, size) each: within the bounds, but one at least."""
    total, count = 0, 0
    for _, size in waiting[:BLOCK_MAILS]:
        total += min(size, MAX_MAIL_BYTES)
        if count and (total > BLOCK_BYTES or size > MAX_MAIL_BYTES):
            break
        count += 1
        if size > MAX_MAIL_BYTES:
            break
    taken = waiting[:count]
    del waiting[:count]
    return taken
