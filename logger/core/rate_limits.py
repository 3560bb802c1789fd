"""Rate limits: more messages within some minutes than an incoming server accepts. Pure.

By the messages' own dates, and by accepted messages only: a backlog that is worked off exceeds no limit, and once a
sender has paused, new messages are accepted again.
"""

from bisect import bisect_right, insort
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from schemas.resolved_mail import ResolvedMail
from schemas.settings import RateLimits

# Whose messages are counted: a server's, those of one person at it, those of this person to one item.
Key = tuple[str] | tuple[str, str] | tuple[str, str, int]
# Server and person; None where everybody's messages are counted.
Whose = tuple[str, str | None]

_EARLIEST = datetime(2, 1, 1, tzinfo=UTC)  # before it there is no room for a window: a message may have any date


@dataclass(frozen=True, slots=True)
class RateLimitHit:
    """A message beyond a limit, and the numbers that say so."""

    mail: ResolvedMail
    traceparent: str
    evidence: str


@dataclass(slots=True)
class RecentMail:
    """When accepted messages were received, ascending, as far as it can matter to the batch. `limits` by server."""

    limits: Mapping[str, RateLimits] = field(default_factory=dict)
    times: dict[Key, list[datetime]] = field(default_factory=dict)

    def add(self, key: Key, received: datetime) -> None:
        insort(self.times.setdefault(key, []), received)

    def exceeded_limit(self, mail: ResolvedMail, person_id: str, item: int) -> str | None:
        """Why the message is one too many. None where it is accepted, and then it counts for those that follow.

        A message that an administrator released exceeds nothing. `item`: its number; to a call that the message logs
        itself there is no other message yet.
        """
        server, received = mail.server_id, mail.received
        limits = self.limits.get(server)
        if limits is None:
            return None
        rules: tuple[tuple[str, int, Key], ...] = (
            ("per_sender", limits.per_sender, (server, person_id)),
            ("per_sender_and_item", limits.per_sender_and_item, (server, person_id, item)),
            ("per_server", limits.per_server, (server,)),
        )
        for name, limit, key in rules:
            if mail.released or not limit or len(self.times.get(key, ())) < limit:
                continue
            count = self._within(key, received, limits.minutes)
            if count >= limit:
                return f"{name}: {count} accepted within the last {limits.minutes} minutes, the limit is {limit}"
        for _, limit, key in rules:
            if limit:
                self.add(key, received)
        return None

    def _within(self, key: Key, until: datetime, minutes: int) -> int:
        """How many were received in the `minutes` up to and including `until`."""
        times = self.times.get(key, [])
        return bisect_right(times, until) - bisect_right(times, window_start(until, minutes))


def window_start(until: datetime, minutes: int) -> datetime:
    return max(until, _EARLIEST) - timedelta(minutes=minutes)


def windows_of(
    received: Mapping[Whose, Sequence[datetime]], limits: Mapping[str, RateLimits]
) -> dict[Whose, list[tuple[datetime, datetime]]]:
    """Which windows the messages of a sender at a server, or of a server, look back upon: those that meet are one.

    Not all of them together: one old message would look back upon years.
    """
    windows: dict[Whose, list[tuple[datetime, datetime]]] = {}
    for whose, times in received.items():
        apart = windows[whose] = []
        for until in sorted(times):
            since = window_start(until, limits[whose[0]].minutes)
            if apart and since <= apart[-1][1]:
                since = apart.pop()[0]
            apart.append((since, until))
    return windows
