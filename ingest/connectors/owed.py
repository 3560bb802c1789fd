"""Mails that a server lists and does not give: what is owed to us, and when it is asked for again. Pure."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta

from schemas.servers import OwedMail

# After so many failures: at the next look, and then less and less often; from then on every hour.
AGAIN_SECONDS = (0, 60, 300, 900, 3600)
LOOKED_FOR = 100  # at once, so that the command stays a line that servers take
MOST_OWED = 1_000  # more is no matter of single mails, and the cursor has to hold them
NAMED = 20


class Owed:
    """What one mailbox owes. A mail is asked for once in a round, which is all until the connector has waited."""

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
        """What is owed as a cursor has it."""
        self._mails = {mail.handle: mail for mail in mails}

    def new_round(self) -> None:
        self._asked.clear()

    def listed(self) -> list[str]:
        """Which of them to look for, those first that are due first."""
        return sorted(self._mails, key=lambda handle: self._mails[handle].next_try)[:LOOKED_FOR]

    def is_due(self, handle: str, now: datetime) -> bool:
        """Whether to ask for it now; so it is for what is not owed."""
        mail = self._mails.get(handle)
        return mail is None or (mail.next_try <= now and handle not in self._asked)

    def answered(
        self, came: Collection[str], not_given: Mapping[str, str], gone: Collection[str], now: datetime
    ) -> None:
        """What became of mails that were asked for. `not_given`: by handle, why not. `gone`: nobody owes them."""
        for handle in (*came, *gone):
            self._mails.pop(handle, None)
        for handle, why in not_given.items():
            before = self._mails.get(handle)
            tries = before.tries + 1 if before else 1
            again = timedelta(seconds=AGAIN_SECONDS[min(tries, len(AGAIN_SECONDS)) - 1])
            since = before.since if before else now
            self._mails[handle] = OwedMail(handle=handle, why=why, since=since, tries=tries, next_try=now + again)
            self._asked.add(handle)


def too_much_owed(owed: Owed) -> str | None:
    """That this is no matter of single mails, and what to do; None where it still is."""
    if len(owed) <= MOST_OWED:
        return None
    first = owed.mails[0]
    return (
        f"it lists more than {MOST_OWED} mails and does not give them (the first is {first.handle}: {first.why}): look "
        "at the mail server's own log and storage; nothing was passed over"
    )


def named(owed: Collection[OwedMail]) -> tuple[str, ...]:
    """What is owed, for a status: one line a mail, of many the first only."""
    lines = [f"{mail.handle}: {mail.why}" for mail in owed]
    more = len(lines) - NAMED
    return tuple(lines[:NAMED]) + ((f"and {more} more",) if more > 0 else ())
