"""Mails to their servers: each server has lanes of its own, a lane one connection and one thread.

A slow server delays only its own mail: nobody waits for its lanes. What they have in hand is pending meanwhile.
"""

import math
import threading
import time
import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from mailserver.errors import MailServerError
from outbound.compose import Composed
from outbound.cpu import counted
from outbound.headers import wire_address
from outbound.results import Order
from outbound.server_states import ServerStates
from outbound.transport import Login, SmtpTransport
from runtime.logs import get_logger
from runtime.outcomes import OutageError
from schemas.events import NotificationResult
from schemas.reasons import Reason
from schemas.settings import OutgoingServer

QUICK_SECONDS = 0.1  # a lane whose last mail took no longer is waited for
BRIEFLY_SECONDS = 0.3  # for so long at most, and for little longer than its mails should take
MARGIN_SECONDS = 0.01
ROOM_SECONDS = 2.0  # how long room is waited for in a lane that is quick
START_WITHIN_SECONDS = 300.0  # what a lane has not begun by then is deferred
MAX_IN_HAND = 1000  # mails of one lane
_CLOSE_SECONDS = 5.0

log = get_logger(__name__)


class Ledger(Protocol):
    """Where results are kept for good: `desk.deliveries.DeliveryLedger`."""

    def record(self, result: NotificationResult) -> None: ...


Results = tuple[NotificationResult, ...]


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail ready to be sent, what asked for it, and to whom it is still to go."""

    order: Order
    server: OutgoingServer
    composed: Composed
    recipients: tuple[str, ...]


class Delivery:
    """All lanes. `deliver` is called from one thread; the lanes' threads record each result as soon as it is there."""

    def __init__(self, ledger: Ledger, states: ServerStates, login: Login, now: Callable[[], datetime]) -> None:
        self._post = _Post(ledger, states, now)
        self._login = login
        self._lanes: dict[tuple[str, int], _Lane] = {}
        self._in_hand: dict[str, Future[Results]] = {}

    def in_hand(self, notification_id: str) -> "Future[Results] | None":
        """The mail that a lane is still to send, or is sending."""
        known = self._in_hand.get(notification_id)
        return None if known is None or known.done() else known

    def settle(self) -> None:
        """Record what was sent while the database was away. Raises `OutageError` while it still is."""
        self._post.record_late()

    def deliver(self, mails: Sequence[Mail]) -> dict[str, "Future[Results] | None"]:
        """By notification id, the results to come for each recipient; None where its lane has too much in hand.

        Returns as soon as the lanes of those servers are done that answer quickly, and soon whatever they do. Results
        are in the ledger when they are there. A future raises `OutageError` where the ledger is away: then the lane
        sends nothing more, and what was sent is not sent again when the same mails come once more.
        """
        parted: dict[tuple[str, int], list[Mail]] = {}
        for mail in mails:
            parted.setdefault(self._lane_key(mail), []).append(mail)
        taken: dict[str, Future[Results] | None] = {}
        quick: list[Future[Results]] = []
        expected = 0.0
        for key, part in parted.items():
            lane = self._lane(key)
            is_quick, seconds = lane.is_quick, len(part) * lane.seconds_a_mail
            futures = lane.take(part)
            taken.update((mail.order.id, future) for mail, future in zip(part, futures, strict=True))
            if is_quick:
                quick += (future for future in futures if future is not None)
                expected = max(expected, seconds)
        wait(quick, min(BRIEFLY_SECONDS, MARGIN_SECONDS + 4 * expected))
        self._in_hand = {id_: one for id_, one in (self._in_hand | taken).items() if one is not None and not one.done()}
        return taken

    def close(self) -> None:
        """Let each lane end the mail it is sending, for some seconds; then break its connection."""
        lanes = self._lanes.values()
        for lane in lanes:
            lane.stop()
        wait([lane.last for lane in lanes if lane.last], _CLOSE_SECONDS)
        for lane in lanes:
            lane.close()

    def _lane_key(self, mail: Mail) -> tuple[str, int]:
        """Mails to one recipient go through one lane, so that they arrive in their order."""
        return mail.server.id, zlib.crc32(mail.order.request.recipient.encode()) % mail.server.connections

    def _lane(self, key: tuple[str, int]) -> "_Lane":
        if key not in self._lanes:
            self._lanes[key] = _Lane(f"smtp-{key[0]}-{key[1]}", self._post, self._login)
        return self._lanes[key]


class _Post:
    """What the lanes share: the ledger and the servers' states."""

    def __init__(self, ledger: Ledger, states: ServerStates, now: Callable[[], datetime]) -> None:
        self.states = states
        self.now = now
        self._ledger = ledger
        self._unrecorded: dict[tuple[str, str], NotificationResult] = {}

    def record(self, result: NotificationResult) -> None:
        """One autocommitted upsert, before the lane sends its next mail: a crash repeats at most one mail a lane."""
        try:
            self._ledger.record(result)
        except BaseException:
            self._unrecorded[result.notification_id, result.recipient] = result
            raise

    def check(self) -> None:
        """Raises `OutageError` where something is still to be recorded: nothing is sent meanwhile."""
        if self._unrecorded:
            raise OutageError(Reason.DATABASE_AWAY, "what was sent before is not recorded yet")

    def record_late(self) -> None:
        for key, result in list(self._unrecorded.items()):
            self._ledger.record(result)
            del self._unrecorded[key]


class _Lane:
    """One connection to one server and the thread that uses it."""

    def __init__(self, name: str, post: _Post, login: Login) -> None:
        self._executor = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._post = post
        self._login = login
        self._transport: SmtpTransport | None = None
        self._waiting = 0
        self._fewer = threading.Condition()  # guards `_waiting`
        self.seconds_a_mail = math.inf  # what the server took for the last one; no limit where that failed
        self._stopping = threading.Event()
        self.last: Future[None] | None = None

    @property
    def is_quick(self) -> bool:
        """Whether it is worth while to wait for it: nothing is before the next mail, and the last took no time."""
        return not self._waiting and self.seconds_a_mail < QUICK_SECONDS

    def take(self, mails: Sequence[Mail]) -> list["Future[Results] | None"]:
        """Begin with these mails, once those taken before are done; with as many of them as are not too many.

        Where the server is quick there soon is room for all: that is waited for.
        """
        with self._fewer:
            seconds = ROOM_SECONDS if self.seconds_a_mail < QUICK_SECONDS else 0
            self._fewer.wait_for(lambda: self._waiting + len(mails) <= MAX_IN_HAND, seconds)
            room = max(0, MAX_IN_HAND - self._waiting)
            begun = [(mail, Future[Results]()) for mail in mails[:room]]
            self._waiting += len(begun)
        if begun:
            self.last = self._executor.submit(self._run, begun, time.monotonic() + START_WITHIN_SECONDS)
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

    def _run(self, mails: Sequence[tuple[Mail, "Future[Results]"]], start_before: float) -> None:
        for mail, future in mails:
            if self._stopping.is_set():
                return
            if future.set_running_or_notify_cancel():
                self._end(mail, future, in_time=time.monotonic() < start_before)
            with self._fewer:
                self._waiting -= 1
                self._fewer.notify()

    def _end(self, mail: Mail, future: "Future[Results]", in_time: bool) -> None:
        try:
            future.set_result(self._deliver(mail) if in_time else self._deferred(mail, mail.recipients))
        except OutageError as error:
            future.set_exception(error)
        except Exception as error:
            log.exception("a lane failed")
            if self._transport is not None:
                self._transport.close()
            future.set_exception(error)

    def _deliver(self, mail: Mail) -> Results:
        """One attempt. Each part of the recipients is recorded before the next part gets the mail."""
        self._post.check()
        results: list[NotificationResult] = []
        size = mail.server.recipients_per_mail
        for start in range(0, len(mail.recipients), size):
            part = self._hand_over(mail, mail.recipients[start : start + size])
            with counted("record"):
                for result in part:
                    self._post.record(result)
            results += part
        return tuple(results)

    def _hand_over(self, mail: Mail, recipients: tuple[str, ...]) -> Results:
        """One SMTP transaction."""
        order, server, states = mail.order, mail.server, self._post.states
        trouble = states.trouble(server, self._post.now())
        if trouble is not None:
            return self._deferred(mail, recipients, trouble.reason, trouble.text)
        wire = {recipient: wire_address(recipient) for recipient in recipients}
        began, self.seconds_a_mail = time.monotonic(), math.inf
        try:
            with counted("send"):
                verdicts = self._transport_to(server).send(
                    mail.composed.sender, tuple(wire.values()), mail.composed.content
                )
        except MailServerError as error:
            states.failed(server, error, self._post.now())
            log.warning("outgoing server is in trouble", server=server.id, reason=error.reason, why=error.text)
            return self._deferred(mail, recipients, error.reason, error.text)
        self.seconds_a_mail = time.monotonic() - began
        states.succeeded(server, self._post.now())
        return tuple(
            order.result(
                recipient, verdict.outcome, verdict.reason, self._post.now(),
                server_id=server.id, reply=verdict.reply, message_id=mail.composed.message_id,
            )
            for recipient, verdict in ((one, verdicts[address]) for one, address in wire.items())
        )  # fmt: skip

    def _deferred(
        self, mail: Mail, recipients: tuple[str, ...], reason: Reason = Reason.SERVER_SLOW, reply: str = ""
    ) -> Results:
        now, server = self._post.now(), mail.server
        return mail.order.results(recipients, "deferred", reason, now, server_id=server.id, reply=reply)

    def _transport_to(self, server: OutgoingServer) -> SmtpTransport:
        """The kept connection, unless the server's settings were changed."""
        kept = self._transport
        if kept is not None and (kept.server is server or kept.server == server):
            return kept
        if kept is not None:
            kept.quit()
        self._transport = SmtpTransport(server, self._login)
        return self._transport
