"""Messages over one connection to one server: what the server says becomes results, for breaker and trace as well."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

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
from outbound.transports.base import Login, RecipientResult, Transport, TwoStepTransport
from runtime.telemetry.logs import get_logger
from runtime.telemetry.traces import Span
from runtime.telemetry.traces import current as traces
from schemas.reasons import Reason
from schemas.settings import MapiProfile, OutgoingServer

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


class Sent(NamedTuple):
    """`is_answered`: whether the server replied, well or not; None: it was not tried, since its circuit is open."""

    results: Results
    is_answered: bool | None


class Attempt(NamedTuple):
    """A message on its way to the server. `wire`: the recipients, each as the server is told of it."""

    mail: OutgoingMail
    composed: Composed
    wire: Mapping[str, str]
    span: Span


class MessageSender:
    """One connection, opened when first needed. Used by one thread at a time; any other may call `abort`."""

    def __init__(self, context: DeliveryContext, login: Login) -> None:
        self._context = context
        self._login = login
        self._transport: Transport | None = None
        self._two_step: TwoStepTransport | None = None  # the same, where it is one
        self._profile: MapiProfile | None = None  # that the transport was made by

    def send(self, mail: OutgoingMail, recipients: tuple[str, ...]) -> Sent:
        """One message sent to the server, to some of its recipients."""
        circuit = self._context.breakers.open_circuit(mail.server, self._context.now())
        if circuit is not None:
            return Sent(self.deferred(mail, recipients, circuit.reason, circuit.text), None)
        attempt = self._attempt(mail, recipients)
        composed = attempt.composed

        def send() -> Mapping[str, RecipientResult]:
            transport = self._transport_to(mail.server)
            return transport.send(composed.sender, tuple(attempt.wire.values()), composed.content)

        return self._sent(attempt, send)

    def can_begin(self, mail: OutgoingMail) -> bool:
        """Whether nothing has to be waited for until all of a message is written."""
        transport = self._two_step
        return (
            transport is not None
            and self._fits(transport, mail.server)
            and self._context.breakers.open_circuit(mail.server, self._context.now()) is None
            and transport.can_begin()
        )

    def begin(self, mail: OutgoingMail) -> Attempt | None:
        """Write a message that can be begun. None: nothing is written, it takes `send`."""
        assert self._two_step is not None
        attempt = self._attempt(mail, mail.recipients)
        composed = attempt.composed
        with counted("send"):
            has_begun = self._two_step.begin(composed.sender, tuple(attempt.wire.values()), composed.content)
        return attempt if has_begun else None

    def is_ready(self, seconds: float) -> bool:
        """Wait that long at most until `finish` has nothing more to wait for."""
        assert self._two_step is not None
        return self._two_step.is_ready(seconds)

    def finish(self, attempt: Attempt) -> Sent:
        """Wait for what the server says of what was begun."""
        assert self._two_step is not None
        return self._sent(attempt, self._two_step.finish)

    def deferred(
        self, mail: OutgoingMail, recipients: tuple[str, ...], reason: Reason = Reason.SERVER_SLOW, reply: str = ""
    ) -> Results:
        now, server = self._context.now(), mail.server
        return mail.job.results(recipients, "deferred", reason, now, server_id=server.id, reply=reply)

    def reset(self) -> None:
        """Close the connection: nobody knows in what state it is."""
        if self._transport is not None:
            self._transport.close()

    def quit(self) -> None:
        if self._transport is not None:
            self._transport.quit()

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def _attempt(self, mail: OutgoingMail, recipients: tuple[str, ...]) -> Attempt:
        job = mail.job
        composed = mail.composed if recipients == job.recipients else mail.composed.for_part(recipients)
        wire = {recipient: wire_address(recipient) for recipient in recipients}
        return Attempt(mail, composed, wire, traces().send_mail(job.traceparent, mail.server.id))

    def _sent(self, attempt: Attempt, send: Callable[[], Mapping[str, RecipientResult]]) -> Sent:
        mail, composed, wire, span = attempt
        job, server, breakers = mail.job, mail.server, self._context.breakers
        try:
            with counted("send"):
                replies = send()
        except MailServerError as error:
            self._open_circuit(server, error)
            span.end("deferred", error.reason)
            return Sent(self.deferred(mail, tuple(wire), error.reason, error.text), False)
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
        return Sent(results, True)

    def _open_circuit(self, server: OutgoingServer, error: MailServerError) -> None:
        self._context.breakers.failed(server, error, self._context.now())
        log.warning("outgoing server unavailable", server=server.id, reason=error.reason, why=error.text)

    def _transport_to(self, server: OutgoingServer) -> Transport:
        """The open connection, unless the settings of the server or of its profile were changed."""
        kept = self._transport
        if kept is not None and self._fits(kept, server):
            return kept
        self._transport = self._two_step = None
        if kept is not None:
            kept.quit()
        self._profile = self._context.profile_of(server)
        self._transport = transport_for(server, self._login)
        self._two_step = self._transport if isinstance(self._transport, TwoStepTransport) else None
        return self._transport

    def _fits(self, transport: Transport, server: OutgoingServer) -> bool:
        is_same = transport.server is server or transport.server == server
        return is_same and self._profile == self._context.profile_of(server)
