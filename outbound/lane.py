"""One connection to one server and the thread that uses it: mail after mail, each in the ledger before the next."""

import math
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from mailserver.errors import MailServerError
from outbound.account_refusals import account_error
from outbound.compose import Composed
from outbound.cpu import counted
from outbound.group_commit import GroupCommit
from outbound.headers import wire_address
from outbound.results import DeliveryJob, Results
from outbound.server_states import CircuitBreakers
from outbound.transports import Login, Transport, transport_for
from outbound.turns import Held
from runtime.logs import get_logger
from runtime.outcomes import OutageError
from runtime.traces import current as traces
from schemas.events import NotificationResult
from schemas.reasons import Reason
from schemas.settings import MapiProfile, OutgoingServer

QUICK_SECONDS = 0.1  # a lane whose mails take no longer is waited for
LATEST = 0.2  # what the latest mail counts for in how long they take
ROOM_SECONDS = 2.0  # how long room is waited for in a lane that is quick
START_WITHIN_SECONDS = 300.0  # what a lane has not begun by then is deferred
MAX_IN_HAND = 1000  # mails of one lane
_WORST_FIRST = ("failed", "deferred", "sent")  # how a trace tells of a mail with several recipients

ProfileOf = Callable[[OutgoingServer], MapiProfile | None]  # with MAPI, the profile as it is now

log = get_logger(__name__)


class Ledger(Protocol):
    """Where results are kept for good: `desk.deliveries.DeliveryLedger`."""

    def record(self, *results: NotificationResult) -> None: ...


@dataclass(frozen=True, slots=True)
class OutgoingMail:
    """A mail ready to be sent, what asked for it, and to whom it is still to go."""

    order: DeliveryJob
    server: OutgoingServer
    composed: Composed
    recipients: tuple[str, ...]


class DeliveryContext:
    """What the lanes share: the ledger, the servers' states, and what is held back."""

    def __init__(
        self, ledger: Ledger, states: CircuitBreakers, now: Callable[[], datetime], profile_of: ProfileOf
    ) -> None:
        self.states = states
        self.profile_of = profile_of
        self.now = now
        self.held = Held()
        self._ledger = ledger
        self._group = GroupCommit(ledger.record)
        self.member = self._group.member
        self._unrecorded: dict[tuple[str, str], NotificationResult] = {}

    def record(self, results: Results) -> None:
        """Durable before the lane sends its next mail: a crash repeats at most one mail a lane.

        Those of one transaction together: what a server took at once is known at once, for all its recipients.
        """
        try:
            self._group.record(results)
        except BaseException:
            self._unrecorded.update({(one.notification_id, one.recipient): one for one in results})
            raise

    def check(self) -> None:
        """Raises `OutageError` where something is still to be recorded: nothing is sent meanwhile."""
        if self._unrecorded:
            raise OutageError(Reason.DATABASE_AWAY, "what was sent before is not recorded yet")

    def record_late(self) -> None:
        for key, result in list(self._unrecorded.items()):
            self._ledger.record(result)
            del self._unrecorded[key]


class Lane:
    """`take` and what comes after it is called from one thread; its own thread sends."""

    def __init__(self, name: str, post: DeliveryContext, login: Login) -> None:
        self._executor = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._post = post
        self._login = login
        self._transport: Transport | None = None
        self._profile: MapiProfile | None = None  # that the transport was made by
        self._waiting = 0
        self._fewer = threading.Condition()  # guards `_waiting`
        self.seconds_a_mail = math.inf  # on average, until it is recorded; no limit where the last one failed
        self._began = math.inf  # when the one that is being sent was begun
        self._stopping = threading.Event()
        self.last: Future[None] | None = None

    @property
    def is_quick(self) -> bool:
        """Whether it is worth while to wait for it: mails take no time, nor does the one that is being sent."""
        return self.seconds_a_mail < QUICK_SECONDS and time.monotonic() < self._began + QUICK_SECONDS

    @property
    def seconds_in_hand(self) -> float:
        """What those that it has in hand should take."""
        return self._waiting * self.seconds_a_mail

    def take(self, mails: Sequence[OutgoingMail], planned: float) -> list["Future[Results] | None"]:
        """Begin with these mails, once those taken before are done; with as many of them as are not too many.

        `planned`: when the ledger was asked about them, by the clock of `Held`.

        Where the server is quick there soon is room for all: that is waited for.
        """
        with self._fewer:
            seconds = ROOM_SECONDS if self.is_quick else 0
            self._fewer.wait_for(lambda: self._waiting + len(mails) <= MAX_IN_HAND, seconds)
            room = max(0, MAX_IN_HAND - self._waiting)
            begun = [(mail, Future[Results]()) for mail in mails[:room]]
            self._waiting += len(begun)
        if begun:
            self.last = self._executor.submit(self._run, begun, planned, time.monotonic() + START_WITHIN_SECONDS)
        return [*(future for _, future in begun), *(None for _ in mails[room:])]

    def stop(self) -> None:
        """End after the mail that is being sent."""
        self._stopping.set()
        self._executor.shutdown(wait=False, cancel_futures=True)

    def close(self) -> None:
        if self._transport is not None:
            if self.last is not None and not self.last.done():
                self._transport.abort()
            else:
                self._transport.quit()

    def _run(
        self, mails: Sequence[tuple[OutgoingMail, "Future[Results]"]], planned: float, start_before: float
    ) -> None:
        for mail, future in mails:
            if self._stopping.is_set():
                return
            if future.set_running_or_notify_cancel():
                self._end(mail, future, planned, in_time=time.monotonic() < start_before)
            else:
                self._post.held.give_up(mail.order)  # one by one: without this a later one could still be sent
            with self._fewer:
                self._waiting -= 1
                self._fewer.notify()

    def _end(self, mail: OutgoingMail, future: "Future[Results]", planned: float, in_time: bool) -> None:
        try:
            results = self._attempt(mail, planned, in_time)
            if any(one.outcome == "deferred" for one in results):
                self._post.held.hold(mail.order)
            else:
                self._post.held.release(mail.order)
            future.set_result(results)
        except OutageError as error:
            future.set_exception(error)
        except Exception as error:
            log.exception("a lane failed")
            if self._transport is not None:
                self._transport.close()
            future.set_exception(error)

    def _attempt(self, mail: OutgoingMail, planned: float, in_time: bool) -> Results:
        if self._post.held.is_behind(mail.order, planned):
            return self._deferred(mail, mail.recipients, Reason.EARLIER_DEFERRED)
        return self._deliver(mail) if in_time else self._deferred(mail, mail.recipients)

    def _deliver(self, mail: OutgoingMail) -> Results:
        """One attempt. Each part of the recipients is recorded before the next part gets the mail."""
        self._post.check()
        results: list[NotificationResult] = []
        size = mail.server.recipients_per_mail
        for start in range(0, len(mail.recipients), size):
            before, self._began = self.seconds_a_mail, time.monotonic()
            with self._post.member():
                part, is_answered = self._hand_over(mail, mail.recipients[start : start + size])
                with counted("record"):
                    self._post.record(part)
            took, self._began = time.monotonic() - self._began, math.inf
            if is_answered:
                self.seconds_a_mail = took if math.isinf(before) else before + (took - before) * LATEST
            results += part
        return tuple(results)

    def _hand_over(self, mail: OutgoingMail, recipients: tuple[str, ...]) -> tuple[Results, bool]:
        """One hand-over to the server; and whether the server answered it, well or not."""
        order, server, states = mail.order, mail.server, self._post.states
        trouble = states.trouble(server, self._post.now())
        if trouble is not None:
            return self._deferred(mail, recipients, trouble.reason, trouble.text), False
        wire = {recipient: wire_address(recipient) for recipient in recipients}
        composed = mail.composed if recipients == order.recipients else mail.composed.for_part(recipients)
        span = traces().send_mail(order.traceparent, server.id)
        try:
            with counted("send"):
                verdicts = self._transport_to(server).send(composed.sender, tuple(wire.values()), composed.content)
        except MailServerError as error:
            self.seconds_a_mail = math.inf
            self._in_trouble(server, error)
            span.end("deferred", error.reason)
            return self._deferred(mail, recipients, error.reason, error.text), False
        worst = min(verdicts.values(), key=lambda verdict: _WORST_FIRST.index(verdict.outcome))
        span.end(worst.outcome, worst.reason or "")
        errors = (account_error(server, verdict.reason, verdict.reply) for verdict in verdicts.values())
        if about_us := next(filter(None, errors), None):
            self._in_trouble(server, about_us)
        else:
            states.succeeded(server, self._post.now())
        results = tuple(
            order.result(
                recipient, verdict.outcome, verdict.reason, self._post.now(),
                server_id=server.id, reply=verdict.reply, message_id=composed.message_id,
                sent_message_id=verdict.message_id or None,
            )
            for recipient, verdict in ((one, verdicts[address]) for one, address in wire.items())
        )  # fmt: skip
        return results, True

    def _in_trouble(self, server: OutgoingServer, error: MailServerError) -> None:
        self._post.states.failed(server, error, self._post.now())
        log.warning("outgoing server is in trouble", server=server.id, reason=error.reason, why=error.text)

    def _deferred(
        self, mail: OutgoingMail, recipients: tuple[str, ...], reason: Reason = Reason.SERVER_SLOW, reply: str = ""
    ) -> Results:
        now, server = self._post.now(), mail.server
        return mail.order.results(recipients, "deferred", reason, now, server_id=server.id, reply=reply)

    def _transport_to(self, server: OutgoingServer) -> Transport:
        """The kept connection, unless the settings of the server or of its profile were changed."""
        kept, profile = self._transport, self._post.profile_of(server)
        if kept is not None and (kept.server is server or kept.server == server) and profile == self._profile:
            return kept
        if kept is not None:
            kept.quit()
            self._transport = None
        self._transport, self._profile = transport_for(server, self._login), profile
        return self._transport
