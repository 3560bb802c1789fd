"""One connection to one server and its thread: each message is in the ledger before the next is sent.

While several connections of a server are quick, the thread of one sends over all of them (`outbound/rounds.py`).
"""

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import NamedTuple

from desk.deliveries import DeliveryResult
from outbound.cpu import counted
from outbound.message_sender import Attempt, DeliveryContext, MessageSender, OutgoingMail, Sent
from outbound.results import Results
from outbound.transports.base import Login
from runtime.outages import OutageError
from runtime.telemetry.logs import get_logger
from schemas.reasons import Reason

QUICK_SECONDS = 0.1  # a connection whose messages take no longer is waited for
LATEST_WEIGHT = 0.2  # of the latest message in the average of how long they take
AT_ONCE_BYTES = 32 * 1024  # of a message: a socket takes them, whether or not the server reads now
ROOM_SECONDS = 2.0  # how long room is waited for in a connection that is quick
START_WITHIN_SECONDS = 300.0  # what a connection has not begun by then is deferred
MAX_IN_FLIGHT = 1000  # messages of one connection

log = get_logger(__name__)


class _Work(NamedTuple):
    """A message to be sent, and its results to come. `planned`: see `take`. `start_before`: by the monotonic clock."""

    mail: OutgoingMail
    future: Future[Results]
    planned: float
    start_before: float


class Begun(NamedTuple):
    """A message that is written and was not yet replied to."""

    work: _Work
    attempt: Attempt


class ServerConnection:
    """`take`, `start` and `stop` are called from one thread; `borrow` and what comes with it by that of another one."""

    def __init__(self, name: str, context: DeliveryContext, login: Login) -> None:
        self._executor = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._context = context
        self._sender = MessageSender(context, login)
        self._works: deque[_Work] = deque()
        self._in_flight = 0
        self._changed = threading.Condition()  # guards `_in_flight`, and that nothing goes on once it is stopping
        self._stopping = threading.Event()
        self._turn = threading.Lock()  # held by the thread that sends: its own, or one that has borrowed it
        self.seconds_per_message = math.inf  # on average, until it is recorded; no limit where the last one failed
        self._began = math.inf  # when the one that is being sent was begun

    @property
    def is_quick(self) -> bool:
        """Whether waiting for it pays: messages take no time, nor does the one that is being sent."""
        return self.seconds_per_message < QUICK_SECONDS and time.monotonic() < self._began + QUICK_SECONDS

    @property
    def in_flight(self) -> int:
        """How many messages it has to send, or is sending."""
        return self._in_flight

    @property
    def seconds_in_flight(self) -> float:
        """How long those that it has in flight should take."""
        return self._in_flight * self.seconds_per_message

    def take(self, mails: Sequence[OutgoingMail], planned: float) -> list["Future[Results] | None"]:
        """These messages are to be sent once it is started, after those taken before; as many as there is room for.

        `planned`: when the ledger was looked up for them, by the clock of `RecentDeferrals`.

        Where the server is quick there soon is room for all: that is waited for.
        """
        with self._changed:
            seconds = ROOM_SECONDS if self.is_quick else 0
            self._changed.wait_for(lambda: self._in_flight + len(mails) <= MAX_IN_FLIGHT, seconds)
            room = max(0, MAX_IN_FLIGHT - self._in_flight)
            start_before = time.monotonic() + START_WITHIN_SECONDS
            works = [_Work(mail, Future(), planned, start_before) for mail in mails[:room]]
            self._in_flight += len(works)
            self._works += works
        return [*(work.future for work in works), *(None for _ in mails[room:])]

    def start(self, run: Callable[[], None] | None = None) -> "Future[None]":
        """Send what was taken: `run` in the connection's thread, one message after the other where there is none."""
        return self._executor.submit(run or self._run)

    def stop(self) -> None:
        """End after the message that is being sent: no other is begun."""
        with self._changed:
            self._stopping.set()
            self._executor.shutdown(wait=False)

    def close(self, seconds: float) -> None:
        """Close the connection once the message is sent; break it where that takes longer."""
        if self._turn.acquire(timeout=max(0.0, seconds)):
            try:
                self._sender.quit()
            finally:
                self._turn.release()
        else:
            self._sender.abort()

    # ---- lent to another thread, which sends over several connections ----

    def borrow(self) -> bool:
        """From now on this thread sends, until it gives the connection back. False: another one does.

        Nobody waits for that: the one that has it may need the thread that would wait.
        """
        is_free = self._turn.acquire(blocking=False)
        if not is_free:
            self._go_on(self._run)
        return is_free

    def give_back(self, first: Callable[[], None] | None = None) -> None:
        """Its own thread goes on with what is left. `first`: what that is to do before, still as the borrower."""
        if first is None:
            self._turn.release()
            if self._works:
                self._go_on(self._run)
        elif not self._go_on(partial(self._run_after, first)):
            threading.Thread(target=self._run_after, args=(first,), name="late").start()  # its own takes nothing more

    @property
    def has_next(self) -> bool:
        return bool(self._works)

    def begin_next(self) -> Begun | None:
        """Write the next message, where neither the server nor the ledger is to be waited for; else it is left."""
        work = self._works[0]
        try:
            attempt = self._sender.begin(work.mail) if self._may_begin(work) else None
        except Exception:  # nothing is written: whoever sends it now meets the same, and says so
            attempt = None
        if attempt is None:
            return None
        self._works.popleft()
        return Begun(work, attempt)

    def _may_begin(self, work: _Work) -> bool:
        """Whether it is to be written now; then it counts as begun, and cannot be cancelled any more."""
        mail, context = work.mail, self._context
        is_usual = not (
            self._stopping.is_set()
            or len(mail.recipients) > mail.server.recipients_per_mail
            or len(mail.composed.content) > AT_ONCE_BYTES
            or context.recorder.obstacle(mail.job.id)
            or self._is_too_late(work)
            or context.deferrals.is_behind(mail.job, work.planned)
        )
        if is_usual and self._sender.can_begin(mail) and _begin(work.future):
            self._began = time.monotonic()
            return True
        return False

    def is_ready(self, seconds: float) -> bool:
        """Wait that long at most until `finish` has nothing more to wait for."""
        return self._sender.is_ready(seconds)

    def finish(self, begun: Begun) -> Sent | None:
        """Wait for what the server says of it. None: that failed unexpectedly, which is the outcome."""
        try:
            return self._sender.finish(begun.attempt)
        except Exception as error:
            self._fail(begun.work, error)
            return None

    def conclude(self, begun: Begun, sent: Sent, error: Exception | None) -> None:
        """Its results are recorded, or could not be."""
        if error is None:
            self._measure(sent)
        self._conclude(begun.work, error or sent.results)

    # ---- one message after the other ----

    def _go_on(self, run: Callable[[], None]) -> bool:
        """In its own thread. False: it is stopping."""
        with self._changed:
            is_stopping = self._stopping.is_set()
            if not is_stopping:
                self.start(run)
        return not is_stopping

    def _run_after(self, first: Callable[[], None]) -> None:
        try:
            first()
        finally:
            self._turn.release()
        self._run()

    def _run(self) -> None:
        """Where another thread has it, that one sees to what is left."""
        if self._turn.acquire(blocking=False):
            try:
                while self._works and not self._stopping.is_set():
                    self._end(self._works.popleft())
            finally:
                self._turn.release()

    def _end(self, work: _Work) -> None:
        if not _begin(work.future):
            self._context.deferrals.add_recorded(work.mail.job)  # without this a later one could still be sent
            self._leave()
            return
        try:
            results = self._attempt(work)
        except OutageError as error:
            self._conclude(work, error)
        except Exception as error:
            self._fail(work, error)
        else:
            self._conclude(work, results)

    def _attempt(self, work: _Work) -> Results:
        mail = work.mail
        if self._context.deferrals.is_behind(mail.job, work.planned):
            return self._sender.deferred(mail, mail.recipients, Reason.EARLIER_DEFERRED)
        return self._sender.deferred(mail, mail.recipients) if self._is_too_late(work) else self._deliver(mail)

    def _deliver(self, mail: OutgoingMail) -> Results:
        """One attempt. Each part of the recipients is recorded before the next part gets the message."""
        recorder = self._context.recorder
        if obstacle := recorder.obstacle(mail.job.id):
            if isinstance(obstacle, OutageError):
                self._context.deferrals.add(mail.job)  # none of its line overtakes it until it comes again
            raise obstacle
        results: list[DeliveryResult] = []
        size = mail.server.recipients_per_mail
        for start in range(0, len(mail.recipients), size):
            self._began = time.monotonic()
            recorder.begin(self.seconds_per_message)
            try:
                sent = self._sender.send(mail, mail.recipients[start : start + size])
                with counted("record"):
                    recorder.record(sent.results)
            finally:
                recorder.end()
            self._measure(sent)
            results += sent.results
        return tuple(results)

    # ---- both ----

    def _is_too_late(self, work: _Work) -> bool:
        return time.monotonic() >= work.start_before

    def _measure(self, sent: Sent) -> None:
        before = self.seconds_per_message
        took, self._began = time.monotonic() - self._began, math.inf
        if sent.is_answered:
            self.seconds_per_message = took if math.isinf(before) else before + (took - before) * LATEST_WEIGHT
        elif sent.is_answered is False:
            self.seconds_per_message = math.inf

    def _fail(self, work: _Work, error: Exception) -> None:
        log.exception("sending a message failed unexpectedly")
        self._sender.reset()
        self._conclude(work, error)

    def _conclude(self, work: _Work, outcome: Results | Exception) -> None:
        if isinstance(outcome, Exception):
            work.future.set_exception(outcome)
        else:
            deferrals = self._context.deferrals
            is_deferred = any(result.outcome == "deferred" for result in outcome)
            (deferrals.add if is_deferred else deferrals.remove)(work.mail.job)
            work.future.set_result(outcome)
        self._leave()

    def _leave(self) -> None:
        with self._changed:
            self._in_flight -= 1
            self._changed.notify()


def _begin(future: "Future[Results]") -> bool:
    """Whether it is begun, now or before. False: it was cancelled."""
    return future.running() or (not future.cancelled() and future.set_running_or_notify_cancel())
