"""Exponential back-off with jitter: how long to wait before a retry, whatever is retried.

An outage is retried by `delays`. A mailbox, a deferred message and a failing outgoing server have limits of their own
(`ingest/backoff.py`, `outbound/retry_policy.py`,
`outbound/server_availability.py`) and double by `doubled`, too.
"""

import random
from collections.abc import Callable, Iterator
from itertools import count

_MAX_DOUBLINGS = 30  # beyond any limit, and far from the largest float


def doubled(attempt: int, first: float, most: float) -> float:
    """Seconds to wait after the failed attempt number `attempt` (from 1): `first`, doubled each time, up to `most`."""
    return min(first * 2.0 ** min(attempt - 1, _MAX_DOUBLINGS), most)


def with_jitter(seconds: float, draw: float) -> float:
    """Between half and the whole of it. `draw` in 0..1 spreads those that failed together."""
    return seconds * (0.5 + draw / 2)


def delays(first: float = 0.2, most: float = 5.0, draw: Callable[[], float] = random.random) -> Iterator[float]:
    """Seconds to wait before each next retry."""
    return (with_jitter(doubled(attempt, first, most), draw()) for attempt in count(1))
