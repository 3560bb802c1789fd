"""What is published about a batch: the event of each decision, its notifications, persons and rejections. Pure.

`number` and names of the items are final by then.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from desk.item_references import reference
from logger.core.commands import (
    ChangeWatchers,
    CloseItem,
    CreateItem,
    Decision,
    MailCommand,
    RefuseCommand,
    ReopenItem,
    UpdateItem,
)
from logger.core.rate_limits import RateLimitHit
from schemas import ids
from schemas.events import (
    ActionRefused,
    CallClosed,
    CallLogged,
    CallReopened,
    CallUpdated,
    ItemEvent,
    ItemKind,
    NotificationRequested,
    RequestClosed,
    RequestLogged,
    RequestReopened,
    RequestUpdated,
    TaskClosed,
    TaskLogged,
    TaskReopened,
    TaskUpdated,
    WatchersChanged,
)
from schemas.persons import Person
from schemas.reasons import Reason
from schemas.resolved_mail import REJECTED_SUBJECT, RejectedMail
from schemas.topics import CALL_EVENTS, MAIL_REJECTED, NOTIFICATION_REQUESTED, PERSONS
from schemas.wire import OutputRecord, encode

SOURCE = "/mailcall/logger"

_KINDS: tuple[ItemKind, ...] = ("call", "task", "request")
_MODELS: Mapping[tuple[type[Decision], ItemKind], type[ItemEvent]] = {
    (CreateItem, "call"): CallLogged,
    (CreateItem, "task"): TaskLogged,
    (CreateItem, "request"): RequestLogged,
    (UpdateItem, "call"): CallUpdated,
    (UpdateItem, "task"): TaskUpdated,
    (UpdateItem, "request"): RequestUpdated,
    (CloseItem, "call"): CallClosed,
    (CloseItem, "task"): TaskClosed,
    (CloseItem, "request"): RequestClosed,
    (ReopenItem, "call"): CallReopened,
    (ReopenItem, "task"): TaskReopened,
    (ReopenItem, "request"): RequestReopened,
    **{(ChangeWatchers, kind): WatchersChanged for kind in _KINDS},
    **{(RefuseCommand, kind): ActionRefused for kind in _KINDS},
}


_NAMES = {of: model.__name__ for of, model in _MODELS.items()}


def event_name(decision: Decision) -> str:
    """The event's type, such as `CallLogged`: also the name that message templates are chosen by."""
    return _NAMES[type(decision), decision.item.kind]


def output_records(
    persons: Iterable[Person],
    decisions: Sequence[Decision],
    notifications: Mapping[str, Sequence[NotificationRequested]],
    hits: Iterable[RateLimitHit],
    now: datetime,
) -> list[OutputRecord]:
    """Persons created or changed, for the CMDB; of each decision its event, then its notifications; rejected messages.

    `notifications` by causation id.
    """
    records = [_of_person(person, now) for person in persons]
    for decision in decisions:
        command = decision.command
        causation_id, traceparent = command.causation_id, command.traceparent
        event_id = ids.event_id(causation_id, event_name(decision))
        event = item_event(decision, now)
        records.append(
            encode(CALL_EVENTS, event.reference, event, id=event_id, source=SOURCE, time=now, traceparent=traceparent)
        )
        for notification in notifications[causation_id]:
            records.append(
                encode(
                    NOTIFICATION_REQUESTED,
                    notification.recipient,
                    notification,
                    id=notification.notification_id,
                    source=SOURCE,
                    time=now,
                    traceparent=traceparent,
                )
            )
    records += (_of_rejection(hit, now) for hit in hits)
    return records


def item_event(decision: Decision, now: datetime) -> ItemEvent:
    command, item = decision.command, decision.item
    if isinstance(command, MailCommand):
        origin: dict[str, Any] = {"mail_id": command.mail.mail_id, "part_proved": decision.proof.part}
    else:
        origin = {"request_id": command.desk_command.request_id}
    return _MODELS[type(decision), item.kind](
        reference=reference(item.kind, item.number),
        item_kind=item.kind,
        partition=item.partition,
        at=now,
        person_id=decision.person.id,
        **origin,
        **_particulars(decision),
    )


def _particulars(decision: Decision) -> dict[str, Any]:
    match decision:
        case CreateItem():
            item, template = decision.item, decision.template
            return {
                "user": item.user,
                "logging_analyst": item.logging_analyst,
                "call_template": template.id,
                "impact": template.impact,
                "urgency": template.urgency,
                "priority": item.priority,
                "subject": item.subject,
                "settings_versions": dict(decision.settings_versions),
            }
        case RefuseCommand():
            return {"action": decision.action, "reason": decision.reason}
        case ChangeWatchers():
            return {"watcher": decision.watcher, "watches": decision.watches}
    return {}


def _of_person(person: Person, now: datetime) -> OutputRecord:
    event_id = ids.event_id(person.id, f"version {person.version}")
    return encode(PERSONS, person.id, person, id=event_id, source=SOURCE, time=now)


def _of_rejection(hit: RateLimitHit, now: datetime) -> OutputRecord:
    mail = hit.mail
    rejected = RejectedMail(
        mail_id=mail.mail_id,
        server_id=mail.server_id,
        reason=Reason.FLOOD,
        evidence=hit.evidence,
        message_id=mail.message_id,
        sender=mail.sender.address,
        subject=mail.subject[:REJECTED_SUBJECT],
        received=mail.received,
    )
    return encode(
        MAIL_REJECTED,
        mail.sender.address,
        rejected,
        id=mail.mail_id,
        source=SOURCE,
        time=now,
        traceparent=hit.traceparent,
    )
