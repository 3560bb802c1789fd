"""Floods: more mails within some minutes than an incoming server accepts. Pure.

By the mails' own dates, and by accepted mails only: a backlog that is worked off is no flood, and once a sender has
come to rest his mails are accepted again.
"""

from bisect import bisect_right, insort
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from logger.decide import Intent
from schemas.mail import ResolvedMail
from schemas.settings import RateLimits

# Whose mails are counted: a server's, those of one person at it, those of this person to one item.
Key = tuple[str] | tuple[str, str] | tuple[str, str, int]

_EARLIEST = datetime(2, 1, 1, tzinfo=UTC)  # before it there is no room for a window: a mail may have any date


@dataclass(frozen=True, slots=True)
class Flood:
    """A mail that is one too many, and the numbers that say so."""

    mail: ResolvedMail
    evidence: str


@dataclass(slots=True)
class Accepted:
    """When mails were received that were accepted, ascending. As far as it can matter to the mails at hand."""

    times: dict[Key, list[datetime]] = field(default_factory=dict)

    def add(self, key: Key, received: datetime) -> None:
        insort(self.times.setdefault(key, []), received)

    def remember(self, intent: Intent) -> None:
        for key in keys_of(intent):
            self.add(key, intent.mail.received)

    def within(self, key: Key, until: datetime, minutes: int) -> int:
        """How many were received in the `minutes` up to `until`, which belongs to them."""
        times = self.times.get(key, [])
        return bisect_right(times, until) - bisect_right(times, window_start(until, minutes))


def window_start(until: datetime, minutes: int) -> datetime:
    return max(until, _EARLIEST) - timedelta(minutes=minutes)


def flood_of(intent: Intent, limits: Mapping[str, RateLimits], accepted: Accepted) -> Flood | None:
    """Whether the mail of this intent is one too many. `limits` by incoming server.

    A mail that an administrator released is none.
    """
    mail = intent.mail
    floods = limits.get(mail.server_id)
    if floods is None or mail.released:
        return None
    of_server, of_sender, of_sender_and_item = keys_of(intent)
    for name, limit, key in (
        ("per_sender", floods.per_sender, of_sender),
        ("per_sender_and_item", floods.per_sender_and_item, of_sender_and_item),
        ("per_server", floods.per_server, of_server),
    ):
        count = accepted.within(key, mail.received, floods.minutes) if limit else 0
        if limit and count >= limit:
            said = f"{name}: {count} accepted within the last {floods.minutes} minutes, the limit is {limit}"
            return Flood(mail, said)
    return None


def keys_of(intent: Intent) -> tuple[Key, Key, Key]:
    """Under which the mail of this intent is counted. Of a call that it logs itself there is no other mail yet."""
    server, person = intent.mail.server_id, intent.person.id
    return (server,), (server, person), (server, person, intent.item.number)
