"""How many mails a server is given a minute, and when the turn of the next one comes."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from schemas.settings import OutgoingServer

MINUTE = 60.0


@dataclass(slots=True)
class _RateWindow:
    """`begun`: when the mails of the last minute were begun. `end`: when the last of those put off has its turn."""

    begun: deque[float] = field(default_factory=deque)
    end: float = 0.0


class RateLimiter:
    """The limits of all servers. Used by one thread.

    Each process takes of a server's limit the part that it has of the work: `share`, from 0 to 1. `clock` in seconds.
    """

    def __init__(self, share: Callable[[], float], clock: Callable[[], float]) -> None:
        self._share = share
        self._clock = clock
        self._lines: dict[str, _RateWindow] = {}

    def seconds_to_wait(self, server: OutgoingServer) -> float:
        """0 for a mail that may be sent now, which is counted; else after how long it may ask again.

        Never more than the limit within any minute, also after a pause. Those who have to wait get their turns one
        after the other.
        """
        if not server.mails_per_minute:
            return 0.0
        limit = max(1, int(server.mails_per_minute * self._share()))
        now, line = self._clock(), self._lines.setdefault(server.id, _RateWindow())
        while line.begun and line.begun[0] <= now - MINUTE:
            line.begun.popleft()
        if len(line.begun) < limit:
            line.begun.append(now)
            return 0.0
        line.end = max(line.end + MINUTE / limit, line.begun[-limit] + MINUTE)
        return line.end - now
