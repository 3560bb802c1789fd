"""Messages that a server lists and does not give: what it owes us, when to ask again, what breaks connections. Pure.

A broken connection says nothing about a message: none is skipped because of it. But some servers answer a damaged
message with the end of the connection (Dovecot does), so it would hold up all others for ever. From then on each
message of a batch that broke is fetched alone, and one whose connection breaks again and again is owed.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta

from schemas.servers import OwedMail

# After this many failures: on the next look, and then less and less often; from then on every hour.
AGAIN_SECONDS = (0, 60, 300, 900, 3600)
LOOKED_FOR = 100  # at once, so that the command stays a line that servers accept
MOST_OWED = 1_000  # more is not about single messages, and the cursor has to hold them
NAMED = 20
BREAKS = 3  # of connections on which a message was fetched alone, in a row


class NotGivenError(Exception):
    """The server lists a message and does not give it, or not whole: what it said or did."""


class Owed:
    """What one mailbox owes. A message is asked for once per round, which lasts until the connector has waited."""

    def __init__(self) -> None:
        self._mails: dict[str, OwedMail] = {}
        self._asked: set[str] = set()

    def __len__(self) -> int:
        return len(self._mails)

    def __contains__(self, handle: str) -> bool:
        return handle in self._mails

    @property
    def mails(self) -> tuple[OwedMail, ...]:
        """For the cursor."""
        return tuple(self._mails.values())

    def load(self, mails: Iterable[OwedMail]) -> None:
        """What is owed according to a cursor."""
        self._mails = {mail.handle: mail for mail in mails}

    def new_round(self) -> None:
        self._asked.clear()

    def listed(self) -> list[str]:
        """Which of them to look for, those first that are due first."""
        return sorted(self._mails, key=lambda handle: self._mails[handle].next_try)[:LOOKED_FOR]

    def is_due(self, handle: str, now: datetime) -> bool:
        """Whether to ask for it now; a message that is not owed is due, too."""
        mail = self._mails.get(handle)
        return mail is None or (mail.next_try <= now and handle not in self._asked)

    def record(self, came: Collection[str], not_given: Mapping[str, str], gone: Collection[str], now: datetime) -> None:
        """What happened to messages that were asked for. `not_given`: by handle, why. `gone`: no longer owed."""
        for handle in (*came, *gone):
            self._mails.pop(handle, None)
        for handle, why in not_given.items():
            before = self._mails.get(handle)
            tries = before.tries + 1 if before else 1
            again = timedelta(seconds=AGAIN_SECONDS[min(tries, len(AGAIN_SECONDS)) - 1])
            since = before.since if before else now
            self._mails[handle] = OwedMail(handle=handle, why=why, since=since, tries=tries, next_try=now + again)
            self._asked.add(handle)


class Suspects:
    """Messages that were being fetched when a connection broke; one watcher's, over all its connections."""

    def __init__(self) -> None:
        self._breaks: dict[str, int] = {}  # by handle, while it was fetched alone

    def __contains__(self, handle: str) -> bool:
        return handle in self._breaks

    @contextmanager
    def fetching(self, handles: Collection[str], is_break: Callable[[Exception], bool]) -> Iterator[None]:
        """Around a fetch of these messages. `is_break`: whether an error is the end of the connection."""
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

    def skip(self, handle: str) -> str:
        """Why it is owed. The next time that it is asked for, one break is enough."""
        self._breaks[handle] = BREAKS - 1
        return "the connection breaks whenever it is fetched"


def too_much_owed(owed: Owed) -> str | None:
    """That this is not about single messages, and what to do; None as long as it is."""
    if len(owed) <= MOST_OWED:
        return None
    first = owed.mails[0]
    return (
        f"it lists more than {MOST_OWED} messages and does not give them (the first is {first.handle}: {first.why}): "
        "look at the mail server's own log and storage; no message was skipped"
    )


def named(owed: Collection[OwedMail]) -> tuple[str, ...]:
    """What is owed, for a status: one line per message, only the first ones of many."""
    lines = [f"{mail.handle}: {mail.why}" for mail in owed]
    more = len(lines) - NAMED
    return tuple(lines[:NAMED]) + ((f"and {more} more",) if more > 0 else ())
