"""A notification to be sent, and its result for each recipient: as values, and as records of `notification.results`."""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Literal, NamedTuple

from desk.deliveries import DeliveryResult
from runtime.processing.retry_topics import attempt_of
from schemas.addresses import normalise
from schemas.events import OUTCOME, RENAMED, NotificationRequested, NotificationResult
from schemas.ids import event_id
from schemas.reasons import Reason
from schemas.topics import NOTIFICATION_REQUESTED, NOTIFICATION_RESULTS
from schemas.wire import OutputRecord, Record, decode, encode

SOURCE = "/mailcall/outbound"
Outcome = Literal["sent", "deferred", "failed"]
Results = tuple[DeliveryResult, ...]
RecordResults = Callable[[Iterable[DeliveryResult]], Results]  # puts results into the ledger and returns them


class DeliveryJob(NamedTuple):
    """A notification that is asked for, with what its record says beside it. `attempt` counts from 1.

    `id`: the notification's, which is looked at a dozen times.
    `line`: the desk's partition and the recipient; jobs of one line are sent in their order. `partition` and `offset`:
    of its record on `notification.requested`, also where it comes out of `.retry`.
    """

    id: str
    request: NotificationRequested
    traceparent: str
    attempt: int
    line: str
    partition: int
    offset: int

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
        return tuple({normalise(address): address for address in reversed(every)}.values())[::-1]

    def left(self, known: Sequence[DeliveryResult]) -> tuple[str, ...]:
        """The recipients who have no final result. `known`: the final ones."""
        if not known:
            return self.recipients
        final = {normalise(result.recipient) for result in known}
        return tuple(recipient for recipient in self.recipients if normalise(recipient) not in final)

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
        return tuple(self.result(each, outcome, reason, at, server_id=server_id, reply=reply) for each in recipients)

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
    ) -> DeliveryResult:
        """The result of this attempt for one recipient."""
        return DeliveryResult(
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


def report(result: DeliveryResult) -> NotificationResult:
    """What is told of it."""
    return NotificationResult(**result._asdict())


def result_record(result: DeliveryResult, traceparent: str) -> OutputRecord:
    """The record that reports a result. The same result reported again has the same id."""
    return encode(
        NOTIFICATION_RESULTS,
        result.notification_id,
        report(result),
        id=event_id(result.notification_id, f"{result.outcome}/{result.attempt}/{result.recipient}"),
        source=SOURCE,
        time=result.at,
        traceparent=traceparent,
        extensions={OUTCOME: result.outcome} | ({RENAMED: "true"} if result.sent_message_id else {}),
    )


def open_job(record: Record) -> DeliveryJob:
    """The job of a record, new or deferred before. Raises `UndecodableError`."""
    context, request = decode(NOTIFICATION_REQUESTED, record)
    return DeliveryJob(
        request.notification_id,
        request,
        context.traceparent,
        attempt_of(record),
        _line(request),
        record.partition,
        record.offset,
    )


def _line(request: NotificationRequested) -> str:
    return f"{request.partition or ''}/{normalise(request.recipient)}"


def result_records(job: DeliveryJob, results: Results) -> tuple[OutputRecord, ...]:
    """The records that report these results."""
    return tuple(result_record(result, job.traceparent) for result in results)


def unpublished_results(job: DeliveryJob, known: Results) -> Results:
    """Those in the ledger that may not be published: a crash may have come between it and `notification.results`.

    Results of earlier attempts were published before the record was deferred. If no recipient is left, all are
    published again.
    """
    return tuple(result for result in known if result.attempt == job.attempt) if job.left(known) else known


def given_up(result: DeliveryResult) -> DeliveryResult:
    """A deferred result when its time is over; any other stays."""
    if result.outcome != "deferred":
        return result
    return result._replace(outcome="failed", reason=Reason.RETRIES_EXHAUSTED)
