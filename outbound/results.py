"""What became of a notification for each of its recipients, as values and as records of `notification.results`."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from runtime.deferral import attempt_of
from schemas.addresses import normalise
from schemas.events import OUTCOME, RENAMED, NotificationRequested, NotificationResult
from schemas.ids import event_id
from schemas.reasons import Reason
from schemas.topics import NOTIFICATION_REQUESTED, NOTIFICATION_RESULTS
from schemas.wire import OutputRecord, Record, decode, encode

SOURCE = "/mailcall/outbound"
Outcome = Literal["sent", "deferred", "failed"]
Results = tuple[NotificationResult, ...]


@dataclass(frozen=True, slots=True)
class DeliveryJob:
    """A notification that is asked for, with what its record says beside it. `attempt` counts from 1.

    `line`: what those have in common that arrive in their order, the desk's partition and the recipient. `partition`
    and `offset`: of its record on `notification.requested`, also where it comes out of `.retry`.
    """

    request: NotificationRequested
    traceparent: str
    attempt: int
    line: str
    partition: int
    offset: int

    @property
    def id(self) -> str:
        return self.request.notification_id

    def age_seconds(self, now: datetime) -> float:
        """Seconds since the notification was asked for; a time without offset is taken for UTC."""
        asked = self.request.requested_at
        return (now - (asked if asked.tzinfo else asked.replace(tzinfo=UTC))).total_seconds()

    @property
    def recipients(self) -> tuple[str, ...]:
        """To, Cc and Bcc, each address once."""
        request = self.request
        if not (request.cc or request.bcc):
            return (request.recipient,)
        every = (request.recipient, *request.cc, *request.bcc)
        return tuple({normalise(one): one for one in reversed(every)}.values())[::-1]

    def left(self, known: Sequence[NotificationResult]) -> tuple[str, ...]:
        """The recipients for whom nothing final is known."""
        if not known:
            return self.recipients
        final = {normalise(one.recipient) for one in known}
        return tuple(one for one in self.recipients if normalise(one) not in final)

    def results(
        self,
        recipients: Iterable[str],
        outcome: Outcome,
        reason: Reason | None,
        at: datetime,
        *,
        server_id: str | None = None,
        reply: str = "",
    ) -> Results:
        """The same result of this attempt for each of these recipients."""
        return tuple(self.result(one, outcome, reason, at, server_id=server_id, reply=reply) for one in recipients)

    def result(
        self,
        recipient: str,
        outcome: Outcome,
        reason: Reason | None,
        at: datetime,
        *,
        server_id: str | None = None,
        reply: str = "",
        message_id: str | None = None,
        sent_message_id: str | None = None,
    ) -> NotificationResult:
        """The result of this attempt for one recipient."""
        return NotificationResult(
            notification_id=self.id,
            outcome=outcome,
            recipient=recipient,
            server_id=server_id,
            attempt=self.attempt,
            reason=reason,
            smtp_reply=reply,
            message_id=message_id,
            sent_message_id=sent_message_id,
            mail_id=self.request.mail_id,
            reference=self.request.reference,
            at=at,
        )


def result_message(result: NotificationResult, traceparent: str) -> OutputRecord:
    """The record that tells a result. The same result told again has the same id."""
    return encode(
        NOTIFICATION_RESULTS,
        result.notification_id,
        result,
        id=event_id(result.notification_id, f"{result.outcome}/{result.attempt}/{result.recipient}"),
        source=SOURCE,
        time=result.at,
        traceparent=traceparent,
        extensions={OUTCOME: result.outcome} | ({RENAMED: "true"} if result.sent_message_id else {}),
    )


def open_order(record: Record) -> DeliveryJob:
    """The order of a record, new or deferred before. Raises `UndecodableError`."""
    context, request = decode(NOTIFICATION_REQUESTED, record)
    return DeliveryJob(
        request, context.traceparent, attempt_of(record), _line(request), record.partition, record.offset
    )


def _line(request: NotificationRequested) -> str:
    return f"{request.partition or ''}/{normalise(request.recipient)}"


def result_records(order: DeliveryJob, results: Results) -> tuple[OutputRecord, ...]:
    """The records that tell these results."""
    return tuple(result_message(result, order.traceparent) for result in results)


def unpublished_results(order: DeliveryJob, known: Results) -> Results:
    """What the ledger knows and perhaps nobody else: a crash may have come between it and `notification.results`.

    Results of earlier attempts were told before the record was deferred. Where nobody is left, all is told again.
    """
    return tuple(one for one in known if one.attempt == order.attempt) if order.left(known) else known


def given_up(result: NotificationResult) -> NotificationResult:
    """What becomes of a deferred one when its time is over; any other stays."""
    if result.outcome != "deferred":
        return result
    return result.model_copy(update={"outcome": "failed", "reason": Reason.RETRIES_EXHAUSTED})
