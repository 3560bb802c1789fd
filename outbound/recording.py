"""Results of sending into the delivery ledger: durable before a connection sends its next message.

One flush to the ledger's disk serves all connections that are done at about one time; each waits for it.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from desk.deliveries import DeliveryResult
from desk.errors import UnstorableError
from outbound.results import Results
from runtime.outages import OutageError
from schemas.reasons import Reason

# How long a result waits at most to be written together with others: so many times what a message takes, and seconds.
PATIENCE, PATIENCE_SECONDS = 3.0, 0.02


class Ledger(Protocol):
    """Where results are kept for good: `desk.deliveries.DeliveryLedger`."""

    def record(self, *results: DeliveryResult) -> None: ...


class ResultRecorder:
    """Used by all connections' threads; `flush_unrecorded` by the handler's."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._group = GroupCommit(ledger.record)
        self.begin, self.end = self._group.begin, self._group.end
        self._unrecorded: dict[tuple[str, str], DeliveryResult] = {}
        self._unstorable: set[str] = set()  # notifications of which the ledger cannot hold a result

    def record(self, results: Results) -> None:
        """Those of one message; raises what `record_each` gives for it."""
        (error,) = self.record_each([results])
        if error is not None:
            raise error

    def record_each(self, messages: Sequence[Results]) -> list[Exception | None]:
        """Durable before the connections send their next messages: a crash repeats at most one message of each.

        The results of several messages; for each why it could not be recorded, or None. Those of one message together:
        what a server took at once is known at once, for all its recipients.
        """
        errors = self._group.record(messages)
        for results, error in zip(messages, errors, strict=True):
            if isinstance(error, UnstorableError):
                self._unstorable.update(result.notification_id for result in results)
            elif error is not None:
                self._unrecorded.update({(result.notification_id, result.recipient): result for result in results})
        return errors

    def obstacle(self, notification_id: str) -> Exception | None:
        """Why this one is not to be sent now.

        `OutageError` where something is still to be recorded: nothing is sent meanwhile. `UnstorableError` where this
        one was sent, and the ledger will never know: it is not sent again.
        """
        if self._unrecorded:
            return OutageError(Reason.DATABASE_AWAY, "what was sent before is not recorded yet")
        if notification_id in self._unstorable:
            return UnstorableError("what became of it is a value that the ledger cannot hold")
        return None

    def flush_unrecorded(self) -> None:
        """Record what was sent while the database was unavailable. Raises `OutageError` while it still is."""
        for key, result in list(self._unrecorded.items()):
            try:
                self._ledger.record(result)
            except UnstorableError:
                self._unstorable.add(result.notification_id)
            del self._unrecorded[key]


@dataclass(slots=True)
class _Entry:
    results: Results
    is_done: bool = False
    error: Exception | None = None


class _Sending(NamedTuple):
    """`due`: when the message should be recorded. `patience`: the seconds that its connection waits for others then."""

    due: float
    patience: float


_NOT_SENT = _Sending(0.0, 0.0)


class GroupCommit:
    """`write` makes results durable, all of them or none. Used by all connections' threads.

    A write costs as much CPU as sending a message does. So a connection that is done waits for those that should be
    done about now: not much longer than it sends a message itself. The last one that comes writes for all.
    """

    def __init__(self, write: Callable[..., None], clock: Callable[[], float] = time.monotonic) -> None:
        self._write = write
        self._clock = clock
        self._changed = threading.Condition()
        self._waiting: list[_Entry] = []
        self._sending: dict[int, _Sending] = {}  # by thread
        self._is_writing = False

    def begin(self, seconds: float) -> None:
        """A connection begins to send and to record one message, which should take that long; until `end`."""
        sending = _Sending(self._clock() + seconds, min(PATIENCE * seconds, PATIENCE_SECONDS))
        self._sending[threading.get_ident()] = sending

    def end(self) -> None:
        if self._sending.pop(threading.get_ident(), None):  # it has recorded nothing: nobody is to wait for it
            with self._changed:
                self._changed.notify_all()

    def record(self, messages: Sequence[Results]) -> list[Exception | None]:
        """Durable when it returns, but for those for which it gives what `write` raised."""
        entries = [_Entry(results) for results in messages]
        with self._changed:
            sent = self._sending.pop(threading.get_ident(), _NOT_SENT)
            self._waiting += entries
            until = self._clock() + sent.patience
            while not _are_done(entries) and (self._is_writing or self._soon_done(sent.patience, until)):
                self._changed.wait(None if self._is_writing else until - self._clock())
            group: list[_Entry] = []
            if not _are_done(entries):
                self._is_writing = True
                group, self._waiting = self._waiting, []
        if group:
            self._write_all(group)
        return [entry.error for entry in entries]

    def _soon_done(self, patience: float, until: float) -> bool:
        """Whether there still is one to wait for."""
        now = self._clock()
        return now < until and any(now - patience < one.due <= until for one in self._sending.copy().values())

    def _write_all(self, group: list[_Entry]) -> None:
        try:
            self._try(group)
        finally:
            with self._changed:
                self._is_writing = False
                for entry in group:
                    entry.is_done = True
                self._changed.notify_all()

    def _try(self, group: list[_Entry]) -> None:
        """If the group cannot be written, each entry is written on its own: one bad entry harms no other."""
        try:
            self._write(*(result for entry in group for result in entry.results))
        except OutageError as error:
            for entry in group:
                entry.error = error
        except Exception as error:
            if len(group) == 1:
                group[0].error = error
            else:
                for entry in group:
                    self._try([entry])


def _are_done(entries: Sequence[_Entry]) -> bool:
    return all(entry.is_done for entry in entries)
