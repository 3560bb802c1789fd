"""Waiting for trouble to pass: back-off with jitter, readiness false, one log line at the start and one at the end."""

import random
import threading
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

from runtime.health import Health
from runtime.logs import get_logger
from runtime.metrics import OUTAGE_SECONDS
from runtime.outcomes import OutageError
from schemas.reasons import Reason

log = get_logger(__name__)
R = TypeVar("R")

# Which condition of readiness an outage breaks.
CONDITION: dict[Reason, str] = {
    Reason.BROKER_AWAY: "broker",
    Reason.BROKER_NOT_SECURE: "broker",
    Reason.BROKER_LOGIN_MISSING: "broker",
    Reason.BROKER_LOGIN_REFUSED: "broker",
    Reason.BROKER_RIGHT_MISSING: "broker",
    Reason.BROKER_REFUSES: "broker",
    Reason.DATABASE_AWAY: "database",
    Reason.BLOB_STORE_AWAY: "blob store",
    Reason.READER_AWAY: "reader",
}


class Stopped(Exception):  # noqa: N818 - it is no fault
    """The wait was ended: the process stops, or the work is no longer ours."""


def backoff(first: float = 0.2, most: float = 5.0, draw: Callable[[], float] = random.random) -> Iterator[float]:
    """Seconds to wait before each next try: doubling up to `most`, each between half and the whole of it."""
    step = first
    while True:
        yield step * (0.5 + draw() / 2)
        step = min(step * 2, most)


class Outage:
    """One outage as one stage sees it, from the first failure to the first success."""

    def __init__(self, stage: str, health: Health) -> None:
        self._stage = stage
        self._health = health
        self._delays = backoff()
        self._reason: Reason | None = None
        self._since = 0.0
        self._counted = 0.0

    def failed(self, error: OutageError) -> float:
        """Notes a failed try; returns the seconds to wait before the next one."""
        now = time.monotonic()
        if self._reason is not error.reason:
            self.over()
            self._reason, self._since, self._counted = error.reason, now, now
            log.warning(
                "waiting",
                stage=self._stage,
                reason=error.reason,
                what=str(error),
                remedy=error.remedy,
            )
        self._count(now)
        self._health.ready(_condition(error.reason), False, str(error))
        self._health.progress()
        return next(self._delays)

    def over(self) -> None:
        """Notes that a try went well."""
        if self._reason is None:
            return
        now = time.monotonic()
        self._count(now)
        log.info("going on", stage=self._stage, reason=self._reason, waited_seconds=round(now - self._since, 1))
        self._health.ready(_condition(self._reason), True)
        self._reason, self._delays = None, backoff()

    def _count(self, now: float) -> None:
        if self._reason is not None:
            OUTAGE_SECONDS.labels(self._stage, self._reason).inc(now - self._counted)
            self._counted = now


def retry_until_available(attempt: Callable[[], R], outage: Outage, wait: Callable[[float], bool]) -> R:
    """What `attempt` returns once it raises no `OutageError`; raises `Stopped` when `wait(seconds)` answers True."""
    while True:
        try:
            result = attempt()
        except OutageError as error:
            if wait(outage.failed(error)):
                raise Stopped from error
        else:
            outage.over()
            return result


def wait_for_broker(attempt: Callable[[], R], stage: str, health: Health, stop: threading.Event) -> R:
    """Like `retry_until_available` for the start of a process; states that the broker is there."""
    result = retry_until_available(attempt, Outage(stage, health), stop.wait)
    health.ready(CONDITION[Reason.BROKER_AWAY], True)
    return result


def _condition(reason: Reason) -> str:
    return CONDITION.get(reason, str(reason))
