"""What became of a notification, as a value and as the record of `notification.results`."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from schemas.events import NotificationRequested, NotificationResult
from schemas.ids import event_id
from schemas.reasons import Reason
from schemas.topics import NOTIFICATION_RESULTS
from schemas.wire import Message, encode

SOURCE = "/mailcall/outbound"
Outcome = Literal["sent", "deferred", "failed"]


@dataclass(frozen=True, slots=True)
class Order:
    """A notification that is asked for, with what its record says beside it. `attempt` counts from 1."""

    request: NotificationRequested
    traceparent: str
    attempt: int

    @property
    def id(self) -> str:
        return self.request.notification_id

    def age_seconds(self, now: datetime) -> float:
        """Seconds since the notification was asked for; a time without offset is taken for UTC."""
        asked = self.request.requested_at
        return (now - (asked if asked.tzinfo else asked.replace(tzinfo=UTC))).total_seconds()

    def result(
        self,
        outcome: Outcome,
        reason: Reason | None,
        at: datetime,
        *,
        server_id: str | None = None,
        reply: str = "",
        message_id: str | None = None,
    ) -> NotificationResult:
        """The result of this attempt."""
        return NotificationResult(
            notification_id=self.id,
            outcome=outcome,
            recipient=self.request.recipient,
            server_id=server_id,
            attempt=self.attempt,
            reason=reason,
            smtp_reply=reply,
            message_id=message_id,
            mail_id=self.request.mail_id,
            at=at,
        )


def result_message(result: NotificationResult, traceparent: str) -> Message:
    """The record that tells a result. The same result told again has the same id."""
    return encode(
        NOTIFICATION_RESULTS,
        result.notification_id,
        result,
        id=event_id(result.notification_id, f"{result.outcome}/{result.attempt}"),
        source=SOURCE,
        time=result.at,
        traceparent=traceparent,
    )
