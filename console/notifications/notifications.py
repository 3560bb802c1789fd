"""Notifications one by one: how each stands, every attempt to send it, and what came back."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from console.audit.reconcile_notifications import (
    STATUSES,
    NotificationStatus,
    RequestedNotification,
    gather,
    read_attempts,
    status_of,
)
from console.desk.desk_commands import checked_reference
from console.errors import Remedy, UserError
from console.mails.index.facts import header_texts
from runtime.config import ProcessConfig
from runtime.kafka.topic_reader import read_to_end
from schemas.events import OUTCOME, NotificationResult
from schemas.topics import NOTIFICATION_RESULTS
from schemas.wire import UndecodableError, decode

_NEVER = datetime.min.replace(tzinfo=UTC)
_OUTCOME_HEADER = f"ce_{OUTCOME}"


@dataclass(frozen=True, slots=True)
class Notification:
    """One notification, without its text. `status` and `detail` are None where only the ledger still knows it."""

    notification_id: str
    status: str | None
    detail: str | None
    requested_at: datetime | None = None
    recipient: str = ""
    event: str = ""
    reference: str | None = None
    mail_id: str | None = None
    source: str = ""


def notifications(
    config: ProcessConfig, *, status: str | None = None, item: str | None = None, limit: int = 50
) -> list[Notification]:
    """The newest first: those with that status, one of `STATUSES`, that tell of that item.

    Raises `UserError`, `OutageError`, `TopicMissingError`.
    """
    if status is not None and status not in STATUSES:
        raise UserError(f"there is no status {status!r}", f"name one of: {', '.join(STATUSES)}", place="status")
    wanted = checked_reference(item) if item else None
    facts = gather(config)
    statuses = (status_of(asked, facts) for asked in facts.asked.values())
    chosen = [one for one in statuses if status in (None, one.status) and wanted in (None, one.asked.reference)]
    chosen.sort(key=lambda one: _moment(one.asked), reverse=True)
    return [_notification(one) for one in chosen[:limit]]


def notification(config: ProcessConfig, notification_id: str) -> tuple[Notification, tuple[NotificationResult, ...]]:
    """One notification, every attempt to send it and every report that it came back, in their order.

    Raises `UserError` where neither topics nor ledger know it.
    """
    facts = gather(config)
    asked = facts.asked.get(notification_id)
    tried = facts.attempts.get(notification_id) or read_attempts(config, [notification_id]).get(notification_id, ())
    if asked is None and not tried:
        raise UserError(f"there is no notification {notification_id!r}", Remedy.FIND_NOTIFICATION)
    results = (*tried, *_came_back(config, notification_id))
    if asked is None:
        last = tried[-1]
        found = Notification(
            notification_id, None, None, recipient=last.recipient, reference=last.reference, mail_id=last.mail_id
        )
        return found, results
    return _notification(status_of(asked, facts)), results


def _notification(one: NotificationStatus) -> Notification:
    asked = one.asked
    return Notification(
        asked.notification_id,
        one.status,
        one.detail,
        asked.requested_at,
        asked.recipient,
        asked.event,
        asked.reference,
        asked.mail_id,
        asked.source,
    )


def _came_back(config: ProcessConfig, notification_id: str) -> Iterator[NotificationResult]:
    for record in read_to_end(config, [NOTIFICATION_RESULTS.name(config.topic_prefix)]):
        if record.key == notification_id.encode() and header_texts(record).get(_OUTCOME_HEADER) == "bounced":
            try:
                yield decode(NOTIFICATION_RESULTS, record)[1]
            except UndecodableError:
                continue  # not one of ours


def _moment(asked: RequestedNotification) -> datetime:
    """A time without offset is taken for UTC, as outbound does."""
    at = asked.requested_at or _NEVER
    return at if at.tzinfo else at.replace(tzinfo=UTC)
