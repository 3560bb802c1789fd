"""Outages: broker, database or blob store unavailable. Work is retried in place, with back-off, until they are back.

While an outage lasts the process is not ready; its log has one line at the beginning and one at the end.
"""

import threading
import time
from collections.abc import Callable
from typing import TypeVar

from runtime.backoff import delays
from runtime.telemetry.health import Health
from runtime.telemetry.logs import get_logger
from runtime.telemetry.metrics import OUTAGE_SECONDS
from schemas.explanations import EXPLANATIONS
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


class OutageError(Exception):
    """A failure that every record would meet: broker, database or blob store unavailable. It is retried in place.

    `remedy`: what to do about it; the reason's own where the text says no more than the reason does.
    """

    def __init__(self, reason: Reason, text: str, remedy: str = "") -> None:
        super().__init__(text)
        self.reason = reason
        self.remedy = remedy or EXPLANATIONS[reason].remedy


class Stopped(Exception):  # noqa: N818 - it is no error
    """The wait was cancelled: the process stops, or the partitions are no longer ours."""


class Outage:
    """One outage as one stage sees it, from the first failure to the first success."""

    def __init__(self, stage: str, health: Health) -> None:
        self._stage = stage
        self._health = health
        self._delays = delays()
        self._reason: Reason | None = None
        self._since = 0.0
        self._counted = 0.0

    def failed(self, error: OutageError) -> float:
        """Records a failed attempt; returns the seconds to wait before the next one."""
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
        """Records an attempt that succeeded."""
        if self._reason is None:
            return
        now = time.monotonic()
        self._count(now)
        log.info("going on", stage=self._stage, reason=self._reason, waited_seconds=round(now - self._since, 1))
        self._health.ready(_condition(self._reason), True)
        self._reason, self._delays = None, delays()

    def _count(self, now: float) -> None:
        if self._reason is not None:
            OUTAGE_SECONDS.labels(self._stage, self._reason).inc(now - self._counted)
            self._counted = now


def retry_until_available(attempt: Callable[[], R], outage: Outage, wait: Callable[[float], bool]) -> R:
    """What `attempt` returns once it raises no `OutageError`; raises `Stopped` when `wait(seconds)` returns True."""
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
    """`retry_until_available` for the start of a process; says that the broker is available."""
    result = retry_until_available(attempt, Outage(stage, health), stop.wait)
    health.ready(CONDITION[Reason.BROKER_AWAY], True)
    return result


def _condition(reason: Reason) -> str:
    return CONDITION.get(reason, str(reason))
