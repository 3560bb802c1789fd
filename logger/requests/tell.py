"""What is published about requests: the event of each, and who is told by mail."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from desk.references import reference
from logger.events import of_a_new_item
from logger.notify import MAX_AGE, words
from logger.records import told_of
from logger.requests.decide import Intent, Make, Refuse
from logger.requests.rows import cause
from schemas import ids
from schemas.addresses import normalise
from schemas.desk_requests import Action
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
)
from schemas.persons import Person
from schemas.snapshot import SettingsSnapshot
from schemas.wire import Message

_MODELS: Mapping[tuple[Action, ItemKind], type[ItemEvent]] = {
    ("log-call", "call"): CallLogged,
    ("create-task", "task"): TaskLogged,
    ("create-request", "request"): RequestLogged,
    ("update", "call"): CallUpdated,
    ("update", "task"): TaskUpdated,
    ("update", "request"): RequestUpdated,
    ("close", "call"): CallClosed,
    ("close", "task"): TaskClosed,
    ("close", "request"): RequestClosed,
    ("reopen", "call"): CallReopened,
    ("reopen", "task"): TaskReopened,
    ("reopen", "request"): RequestReopened,
}


def item_event(intent: Intent, now: datetime) -> ItemEvent:
    item, request = intent.item, intent.request
    return _model(intent)(
        reference=reference(item.kind, item.number),
        item_kind=item.kind,
        partition=item.partition,
        at=now,
        request_id=request.request_id,
        person_id=request.by,
        **_particulars(intent),
    )


def notifications(
    intent: Intent, settings: SettingsSnapshot, persons: Mapping[str, Person], now: datetime
) -> tuple[NotificationRequested, ...]:
    """Who is told of it: the item's User. Nobody is told of what was refused: the User did not ask for it, and the
    event says it."""
    item, request = intent.item, intent.request
    user = persons.get(item.user)
    late = now - request.requested_at > MAX_AGE
    if late or not request.notify or isinstance(intent, Refuse) or user is None or not user.addresses:
        return ()
    event, recipient = _model(intent).__name__, user.addresses[0]
    told = NotificationRequested(
        notification_id=ids.notification_id(cause(request), event, normalise(recipient)),
        recipient=recipient,
        recipient_name=user.name,
        recipient_format=user.email_format,
        role="user",
        partition=item.partition,
        event=event,
        data=words(event, item, request.by, settings, persons, text=request.text),
        requested_at=now,
    )
    return (told,)


def messages(
    told: Iterable[tuple[Intent, Sequence[NotificationRequested]]], traceparents: Mapping[str, str], now: datetime
) -> Iterator[Message]:
    """Of each request its event, then its notifications. `traceparents`: by request id."""
    for intent, mails in told:
        trace = traceparents[intent.request.request_id]
        yield from told_of(item_event(intent, now), cause(intent.request), mails, trace, now)


def _model(intent: Intent) -> type[ItemEvent]:
    return ActionRefused if isinstance(intent, Refuse) else _MODELS[intent.request.action, intent.item.kind]


def _particulars(intent: Intent) -> dict[str, Any]:
    if isinstance(intent, Make):
        return of_a_new_item(intent.item, intent.properties.template, intent.properties.versions)
    if isinstance(intent, Refuse):
        return {"action": intent.request.action, "reason": intent.reason}
    return {}
