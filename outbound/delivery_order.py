"""The order of one line's notifications: each waits behind an earlier one that is deferred, so they arrive in order.

A line is all notifications of one partition to one recipient (`DeliveryJob.line`). Deferred ones are in the ledger, so
that every instance of the group knows of them, also after a rebalance or a kill; a batch gets them by its one look-up.
Those that the connections had in flight before are kept behind by `RecentDeferrals`, in memory.
"""

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime, timedelta
from heapq import heapify, heappop, heappush
from typing import Protocol

from desk.deliveries import Deferred
from outbound.results import DeliveryJob
from runtime.processing.outcomes import Dead, Ok, Outcome, Reject, Retry
from schemas.reasons import Reason

# A message that its server defers for the message's own sake holds up its line this long: not two days.
YIELDS_AFTER = timedelta(hours=1)
# This long after it was due, or after this process started, it is not expected any more: its record was lost.
LOST_AFTER = timedelta(hours=1)
REMEMBERED_SECONDS = 600.0  # longer than a connection has a message in flight without beginning to send it
_SOON = 1.0

_Head = tuple[int, str, Deferred]


class DeliveryOrder:
    """The lines of one batch, whose jobs come by `topic_order`. `since`: when this process started to send.

    `is_in_flight`: whether a connection has that notification.
    """

    def __init__(
        self, deferred: Collection[Deferred], is_in_flight: Callable[[str], bool], now: datetime, since: datetime
    ) -> None:
        self._now = now
        self._is_in_flight = is_in_flight
        self._lines: dict[tuple[str, int], list[_Head]] = {}
        self._released: set[str] = set()
        self._rate_limited: set[str] = set()
        self.deferred = frozenset(earlier.notification_id for earlier in deferred)
        for earlier in deferred:
            if _holds_up(earlier, now, since):
                head = earlier.topic_offset, earlier.notification_id, earlier
                self._line(earlier.line, earlier.topic_partition).append(head)
        for line in self._lines.values():
            heapify(line)

    def wait_for_earlier(self, job: DeliveryJob) -> Retry | None:
        """What is to be done with a job while an earlier one is deferred; None where it is its turn.

        `RATE_LIMITED` where the earlier one has just been given a turn at its server: this one may ask for its own.
        """
        line = self._lines.get((job.line, job.partition), [])
        while line and (line[0][1] in self._released or self._is_in_flight(line[0][1])):
            heappop(line)
        if not line or line[0][0] >= job.offset or line[0][1] == job.id:
            return None
        head = line[0][2]
        until = head.due_at if head.yields_at is None else min(head.due_at, head.yields_at)
        reason = Reason.RATE_LIMITED if head.notification_id in self._rate_limited else Reason.EARLIER_DEFERRED
        return Retry(reason, max(0.0, (until - self._now).total_seconds()) + _SOON)

    def release(self, id_: str) -> None:
        """It holds up nothing: a connection has it, or it is done."""
        self._released.add(id_)

    def defer(self, job: DeliveryJob, retry: Retry) -> None:
        """It is deferred now."""
        if retry.reason is Reason.RATE_LIMITED:
            self._rate_limited.add(job.id)
        if job.id not in self.deferred:
            entry = _deferred(job, retry, self._now)
            heappush(self._line(entry.line, entry.topic_partition), (job.offset, job.id, entry))

    def _line(self, line: str, partition: int) -> list[_Head]:
        return self._lines.setdefault((line, partition), [])


class RecentDeferrals:
    """What the connections have deferred lately, for what they had in flight then: planned before the ledger knew.

    Used by all threads. Times are those of `clock`.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self._lock = threading.Lock()
        self._lines: dict[tuple[str, int], dict[int, float]] = {}  # by offset: since when the ledger has it
        self._added: deque[tuple[float, tuple[str, int], int]] = deque()

    def add(self, job: DeliveryJob) -> None:
        """A connection has deferred it."""
        line = job.line, job.partition
        with self._lock:
            self._lines.setdefault(line, {})[job.offset] = math.inf
            self._added.append((self.clock(), line, job.offset))

    def add_recorded(self, job: DeliveryJob) -> None:
        """No connection will send it any more. For those that are planned from now on, the ledger has it."""
        self.add(job)
        self.mark_recorded(job)

    def remove(self, job: DeliveryJob) -> None:
        """A connection is done with it."""
        if self._lines:
            with self._lock:
                self._forget((job.line, job.partition), job.offset)

    def mark_recorded(self, job: DeliveryJob) -> None:
        """From now on the ledger knows whether it waits."""
        if self._lines:
            with self._lock:
                line = self._lines.get((job.line, job.partition), {})
                if job.offset in line:
                    line[job.offset] = self.clock()

    def is_behind(self, job: DeliveryJob, planned: float) -> bool:
        """Whether an earlier one of its line was deferred, which the ledger did not have at that time."""
        if not self._lines:
            return False
        with self._lock:
            while self._added and self._added[0][0] <= self.clock() - REMEMBERED_SECONDS:
                self._forget(*self._added.popleft()[1:])
            line = self._lines.get((job.line, job.partition), {})
            return any(offset < job.offset and recorded >= planned for offset, recorded in line.items())

    def _forget(self, key: tuple[str, int], offset: int) -> None:
        line = self._lines.get(key, {})
        line.pop(offset, None)
        if not line:
            self._lines.pop(key, None)


class DeferralLedger(Protocol):
    """Where deferred notifications are kept for good: `desk.deliveries.DeliveryLedger`."""

    def defer(self, deferred: Sequence[Deferred]) -> None: ...
    def drop(self, notification_ids: Collection[str]) -> None: ...


def update_deferrals(
    ledger: DeferralLedger,
    outcomes: Iterable[tuple[DeliveryJob, Outcome]],
    deferred_before: Collection[str],
    now: datetime,
) -> None:
    """Adds those of these that wait to the ledger, and removes those that no longer do.

    Before the deferred records are published: an instance that reads one of them knows of all that are before it.
    """
    last: dict[str, tuple[DeliveryJob, Outcome]] = {}
    for job, outcome in outcomes:
        if job.id not in last or isinstance(outcome, Retry):  # a record may be there twice
            last[job.id] = job, outcome
    waits = [(job, outcome) for job, outcome in last.values() if isinstance(outcome, Retry)]
    new = [
        (job, retry)
        for job, retry in waits
        if job.id not in deferred_before or retry.reason is not Reason.EARLIER_DEFERRED
    ]
    ledger.defer([_deferred(job, retry, now) for job, retry in new])
    done = [id_ for id_, (_, outcome) in last.items() if isinstance(outcome, Ok | Reject | Dead)]
    ledger.drop([id_ for id_ in done if id_ in deferred_before])


def topic_order(numbered: tuple[int, DeliveryJob]) -> tuple[int, int]:
    """The key by which the jobs of a batch are sorted in the order in which they were asked for."""
    return numbered[1].partition, numbered[1].offset


def _deferred(job: DeliveryJob, retry: Retry, now: datetime) -> Deferred:
    """What the ledger keeps of a job that is deferred now."""
    for_its_own_sake = retry.reason is Reason.SERVER_DEFERRED
    return Deferred(
        job.id,
        job.line,
        job.partition,
        job.offset,
        now + timedelta(seconds=retry.after_seconds),
        now + YIELDS_AFTER if for_its_own_sake else None,
    )


def _holds_up(earlier: Deferred, now: datetime, since: datetime) -> bool:
    yields = earlier.yields_at is not None and earlier.yields_at <= now
    return not yields and now < max(earlier.due_at, since) + LOST_AFTER
