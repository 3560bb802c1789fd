"""One connection to one server and the thread that uses it: each message is in the ledger before the next is sent."""

import math
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from desk.deliveries import DeliveryResult
from mailserver.errors import MailServerError
from outbound.account_refusals import account_error
from outbound.compose import Composed
from outbound.cpu import counted
from outbound.delivery_order import RecentDeferrals
from outbound.headers import wire_address
from outbound.recording import ResultRecorder
from outbound.results import DeliveryJob, Results
from outbound.server_availability import CircuitBreakers
from outbound.transports import transport_for
from outbound.transports.base import Login, Transport
from runtime.outages import OutageError
from runtime.telemetry.logs import get_logger
from runtime.telemetry.traces import current as traces
from schemas.reasons import Reason
from schemas.settings import MapiProfile, OutgoingServer

QUICK_SECONDS = 0.1  # a connection whose messages take no longer is waited for
LATEST_WEIGHT = 0.2  # of the latest message in the average of how long they take
ROOM_SECONDS = 2.0  # how long room is waited for in a connection that is quick
START_WITHIN_SECONDS = 300.0  # what a connection has not begun by then is deferred
MAX_IN_FLIGHT = 1000  # messages of one connection
_WORST_FIRST = ("failed", "deferred", "sent")  # how a trace shows a message with several recipients

ProfileOf = Callable[[OutgoingServer], MapiProfile | None]  # with MAPI, the profile as it is now

log = get_logger(__name__)


class OutgoingMail(NamedTuple):
    """A message ready to be sent, the job it belongs to, and the recipients who are still to get it."""

    job: DeliveryJob
    server: OutgoingServer
    composed: Composed
    recipients: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DeliveryContext:
    """What the connections share."""

    recorder: ResultRecorder
    breakers: CircuitBreakers
    deferrals: RecentDeferrals
    now: Callable[[], datetime]
    profile_of: ProfileOf


class ServerConnection:
    """`take` and what comes after it is called from one thread; its own thread sends."""

    def __init__(self, name: str, context: DeliveryContext, login: Login) -> None:
        self._executor = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._context = context
        self._login = login
        self._transport: Transport | None = None
        self._profile: MapiProfile | None = None  # that the transport was made by
        self._waiting = 0
        self._fewer = threading.Condition()  # guards `_waiting`
        self.seconds_per_message = math.inf  # on average, until it is recorded; no limit where the last one failed
        self._began = math.inf  # when the one that is being sent was begun
        self._stopping = threading.Event()
        self.last: Future[None] | None = None

    @property
    def is_quick(self) -> bool:
        """Whether waiting for it pays: messages take no time, nor does the one that is being sent."""
        return self.seconds_per_message < QUICK_SECONDS and time.monotonic() < self._began + QUICK_SECONDS

    @property
    def in_flight(self) -> int:
        """How many messages it has to send, or is sending."""
        return self._waiting

    @property
    def seconds_in_flight(self) -> float:
        """How long those that it has in flight should take."""
        return self._waiting * self.seconds_per_message

    def take(self, mails: Sequence[OutgoingMail], planned: float) -> list["Future[Results] | None"]:
        """Send these messages, once those taken before are done; as many of them as there is room for.

        `planned`: when the ledger was looked up for them, by the clock of `RecentDeferrals`.

        Where the server is quick there soon is room for all: that is waited for.
        """
        with self._fewer:
            seconds = ROOM_SECONDS if self.is_quick else 0
            self._fewer.wait_for(lambda: self._waiting + len(mails) <= MAX_IN_FLIGHT, seconds)
            room = max(0, MAX_IN_FLIGHT - self._waiting)
            begun = [(mail, Future[Results]()) for mail in mails[:room]]
            self._waiting += len(begun)
        if begun:
            self.last = self._executor.submit(self._run, begun, planned, time.monotonic() + START_WITHIN_SECONDS)
        return [*(future for _, future in begun), *(None for _ in mails[room:])]

    def stop(self) -> None:
        """End after the message that is being sent."""
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
                self._context.deferrals.add_recorded(mail.job)  # without this a later one could still be sent
            with self._fewer:
                self._waiting -= 1
                self._fewer.notify()

    def _end(self, mail: OutgoingMail, future: "Future[Results]", planned: float, in_time: bool) -> None:
        try:
            results = self._attempt(mail, planned, in_time)
            if any(result.outcome == "deferred" for result in results):
                self._context.deferrals.add(mail.job)
            else:
                self._context.deferrals.remove(mail.job)
            future.set_result(results)
        except OutageError as error:
            future.set_exception(error)
        except Exception as error:
            log.exception("sending a message failed unexpectedly")
            if self._transport is not None:
                self._transport.close()
            future.set_exception(error)

    def _attempt(self, mail: OutgoingMail, planned: float, in_time: bool) -> Results:
        if self._context.deferrals.is_behind(mail.job, planned):
            return self._deferred(mail, mail.recipients, Reason.EARLIER_DEFERRED)
        return self._deliver(mail) if in_time else self._deferred(mail, mail.recipients)

    def _deliver(self, mail: OutgoingMail) -> Results:
        """One attempt. Each part of the recipients is recorded before the next part gets the message."""
        recorder = self._context.recorder
        recorder.check()
        results: list[DeliveryResult] = []
        size = mail.server.recipients_per_mail
        for start in range(0, len(mail.recipients), size):
            before, self._began = self.seconds_per_message, time.monotonic()
            recorder.begin(before)
            try:
                part, is_answered = self._send(mail, mail.recipients[start : start + size])
                with counted("record"):
                    recorder.record(part)
            finally:
                recorder.end()
            took, self._began = time.monotonic() - self._began, math.inf
            if is_answered:
                self.seconds_per_message = took if math.isinf(before) else before + (took - before) * LATEST_WEIGHT
            results += part
        return tuple(results)

    def _send(self, mail: OutgoingMail, recipients: tuple[str, ...]) -> tuple[Results, bool]:
        """One message sent to the server; and whether the server replied, well or not."""
        job, server, breakers = mail.job, mail.server, self._context.breakers
        circuit = breakers.open_circuit(server, self._context.now())
        if circuit is not None:
            return self._deferred(mail, recipients, circuit.reason, circuit.text), False
        wire = {recipient: wire_address(recipient) for recipient in recipients}
        composed = mail.composed if recipients == job.recipients else mail.composed.for_part(recipients)
        span = traces().send_mail(job.traceparent, server.id)
        try:
            with counted("send"):
                replies = self._transport_to(server).send(composed.sender, tuple(wire.values()), composed.content)
        except MailServerError as error:
            self.seconds_per_message = math.inf
            self._open_circuit(server, error)
            span.end("deferred", error.reason)
            return self._deferred(mail, recipients, error.reason, error.text), False
        worst = min(replies.values(), key=lambda reply: _WORST_FIRST.index(reply.outcome))
        span.end(worst.outcome, worst.reason or "")
        now = self._context.now()
        errors = (account_error(server, reply.reason, reply.reply) for reply in replies.values())
        if about_us := next(filter(None, errors), None):
            self._open_circuit(server, about_us)
        else:
            breakers.succeeded(server, now)
        results = tuple(
            job.result(
                recipient, reply.outcome, reply.reason, now,
                server_id=server.id, reply=reply.reply, message_id=composed.message_id,
                sent_message_id=reply.message_id or None,
            )
            for recipient, address in wire.items() for reply in (replies[address],)
        )  # fmt: skip
        return results, True

    def _open_circuit(self, server: OutgoingServer, error: MailServerError) -> None:
        self._context.breakers.failed(server, error, self._context.now())
        log.warning("outgoing server unavailable", server=server.id, reason=error.reason, why=error.text)

    def _deferred(
        self, mail: OutgoingMail, recipients: tuple[str, ...], reason: Reason = Reason.SERVER_SLOW, reply: str = ""
    ) -> Results:
        now, server = self._context.now(), mail.server
        return mail.job.results(recipients, "deferred", reason, now, server_id=server.id, reply=reply)

    def _transport_to(self, server: OutgoingServer) -> Transport:
        """The open connection, unless the settings of the server or of its profile were changed."""
        kept, profile = self._transport, self._context.profile_of(server)
        if kept is not None and (kept.server is server or kept.server == server) and profile == self._profile:
            return kept
        if kept is not None:
            kept.quit()
            self._transport = None
        self._transport, self._profile = transport_for(server, self._login), profile
        return self._transport
