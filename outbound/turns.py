"""Whose turn it is: a mail waits behind an earlier one of its line that is deferred; so they arrive in their order.

A line is all that one recipient is told from one partition (`Order.line`). What is deferred stands in the ledger, so
that every process of the group knows it, also after a rebalance or a kill; a batch has it by its one look-up. What the
lanes had in hand before is kept behind by `Held`, in memory.
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
from runtime.outcomes import Dead, Ok, Outcome, Reject, Retry
from schemas.reasons import Reason

# So long after its server first asked to be tried again later for its own sake, a mail holds up no other: not two days.
YIELDS_AFTER = timedelta(hours=1)
# So long after it was due, or we were away, it is not to be expected any more: its record was lost.
LOST_AFTER = timedelta(hours=1)
HELD_SECONDS = 600.0  # longer than a lane has a mail in hand without beginning with it
_SOON = 1.0

_Head = tuple[int, str, Deferred]


class Turns:
    """The lines of one batch, whose orders come by `place`. `since`: from when on this process could send anything.

    `is_in_hand`: whether a lane has that notification.
    """

    def __init__(
        self, deferred: Collection[Deferred], is_in_hand: Callable[[str], bool], now: datetime, since: datetime
    ) -> None:
        self._now = now
        self._is_in_hand = is_in_hand
        self._lines: dict[tuple[str, int], list[_Head]] = {}
        self._gone: set[str] = set()
        self._paced: set[str] = set()
        self.known = frozenset(one.notification_id for one in deferred)
        for one in deferred:
            if _holds_up(one, now, since):
                self._line(one.line, one.topic_partition).append((one.topic_offset, one.notification_id, one))
        for line in self._lines.values():
            heapify(line)

    def ahead(self, order: DeliveryJob) -> Retry | None:
        """What is to be done with an order that an earlier one is deferred before; None where it is its turn.

        `RATE_LIMITED` where the earlier one has just been given a turn at its server: this one may ask for its own.
        """
        line = self._lines.get((order.line, order.partition), [])
        while line and (line[0][1] in self._gone or self._is_in_hand(line[0][1])):
            heappop(line)
        if not line or line[0][0] >= order.offset or line[0][1] == order.id:
            return None
        head = line[0][2]
        until = head.due_at if head.yields_at is None else min(head.due_at, head.yields_at)
        reason = Reason.RATE_LIMITED if head.notification_id in self._paced else Reason.EARLIER_DEFERRED
        return Retry(reason, max(0.0, (until - self._now).total_seconds()) + _SOON)

    def goes(self, id_: str) -> None:
        """It holds up nobody: a lane has it, or it is done."""
        self._gone.add(id_)

    def waits(self, order: DeliveryJob, retry: Retry) -> None:
        """It is deferred now."""
        if retry.reason is Reason.RATE_LIMITED:
            self._paced.add(order.id)
        if order.id not in self.known:
            one = _deferred(order, retry, self._now)
            heappush(self._line(one.line, one.topic_partition), (order.offset, order.id, one))

    def _line(self, line: str, partition: int) -> list[_Head]:
        return self._lines.setdefault((line, partition), [])


class Held:
    """What the lanes have deferred lately, for what they had in hand then: planned before the ledger told of it.

    Used by all threads. Times are those of `clock`.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self._lock = threading.Lock()
        self._lines: dict[tuple[str, int], dict[int, float]] = {}  # by offset: since when the ledger tells of it
        self._since: deque[tuple[float, tuple[str, int], int]] = deque()

    def hold(self, order: DeliveryJob) -> None:
        """A lane has deferred it."""
        line = order.line, order.partition
        with self._lock:
            self._lines.setdefault(line, {})[order.offset] = math.inf
            self._since.append((self.clock(), line, order.offset))

    def give_up(self, order: DeliveryJob) -> None:
        """No lane will begin with it any more. Of those that are planned from now on, the ledger tells."""
        self.hold(order)
        self.kept(order)

    def release(self, order: DeliveryJob) -> None:
        """A lane is done with it."""
        if self._lines:
            with self._lock:
                self._forget((order.line, order.partition), order.offset)

    def kept(self, order: DeliveryJob) -> None:
        """From now on the ledger tells whether it waits."""
        if self._lines:
            with self._lock:
                held = self._lines.get((order.line, order.partition), {})
                if order.offset in held:
                    held[order.offset] = self.clock()

    def is_behind(self, order: DeliveryJob, planned: float) -> bool:
        """Whether an earlier one of its line was deferred, which the ledger did not tell of at that time."""
        if not self._lines:
            return False
        with self._lock:
            while self._since and self._since[0][0] <= self.clock() - HELD_SECONDS:
                self._forget(*self._since.popleft()[1:])
            held = self._lines.get((order.line, order.partition), {})
            return any(offset < order.offset and told >= planned for offset, told in held.items())

    def _forget(self, line: tuple[str, int], offset: int) -> None:
        held = self._lines.get(line, {})
        held.pop(offset, None)
        if not held:
            self._lines.pop(line, None)


class Waiting(Protocol):
    """Where those that wait are kept for good: `desk.deliveries.DeliveryLedger`."""

    def defer(self, deferred: Sequence[Deferred]) -> None: ...
    def drop(self, notification_ids: Collection[str]) -> None: ...


def keep(
    ledger: Waiting, answers: Iterable[tuple[DeliveryJob, Outcome]], waited: Collection[str], now: datetime
) -> None:
    """Puts into the ledger which of these wait, and takes out who waits no longer. `waited`: who did so before.

    Before the deferred records are published: whoever reads one of them knows of all that are before it.
    """
    last: dict[str, tuple[DeliveryJob, Outcome]] = {}
    for order, answer in answers:
        if order.id not in last or isinstance(answer, Retry):  # a record may be there twice
            last[order.id] = order, answer
    waits = [(order, answer) for order, answer in last.values() if isinstance(answer, Retry)]
    new = [one for one in waits if one[0].id not in waited or one[1].reason is not Reason.EARLIER_DEFERRED]
    ledger.defer([_deferred(order, retry, now) for order, retry in new])
    ledger.drop([id_ for id_, (_, answer) in last.items() if id_ in waited and isinstance(answer, Ok | Reject | Dead)])


def place(numbered: tuple[int, DeliveryJob]) -> tuple[int, int]:
    """By it the orders of a batch come in the order in which they were asked for."""
    return numbered[1].partition, numbered[1].offset


def _deferred(order: DeliveryJob, retry: Retry, now: datetime) -> Deferred:
    """What the ledger keeps of an order that is deferred now."""
    own = retry.reason is Reason.SERVER_DEFERRED
    return Deferred(
        order.id,
        order.line,
        order.partition,
        order.offset,
        now + timedelta(seconds=retry.after_seconds),
        now + YIELDS_AFTER if own else None,
    )


def _holds_up(one: Deferred, now: datetime, since: datetime) -> bool:
    yields = one.yields_at is not None and one.yields_at <= now
    return not yields and now < max(one.due_at, since) + LOST_AFTER
