"""What is published about requests: the event of each, and who is told by mail."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, cast

from desk.item_references import reference
from logger.events import of_a_new_item
from logger.notify import MAX_AGE, News, told
from logger.recipients import People, others
from logger.records import told_of
from logger.requests.decide import Intent, Make, Refuse, Watch
from logger.requests.rows import cause
from schemas.desk_commands import Action
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
from schemas.notification_rules import DeskEvent
from schemas.snapshot import SettingsSnapshot
from schemas.wire import OutputRecord

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
    **{(action, kind): WatchersChanged for action in ("watch", "unwatch") for kind in ("call", "task", "request")},
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
    intent: Intent, settings: SettingsSnapshot, people: People, makes_person: bool, now: datetime
) -> tuple[NotificationRequested, ...]:
    """Who is told of it, each address once, but for whoever asked for it. `makes_person`: whether its User is made.

    Nobody is told of what was refused: they did not ask for it, and the event says it.
    """
    item, request = intent.item, intent.request
    author = people.by_id.get(request.by)
    late = now - request.requested_at > MAX_AGE
    if late or not request.notify or isinstance(intent, Refuse | Watch) or author is None:
        return ()
    events = [cast(DeskEvent, _model(intent).__name__)]
    if makes_person:
        events.append("PersonCreated")
    found: list[NotificationRequested] = []
    for event in events:
        news = News(cause(request), event, item, author, now, request.text)
        roles = settings.told(event, item.partition)
        found += (told(news, one, settings, people) for one in others(roles, item, author, "", people, settings))
    return tuple(found)


def messages(
    requested: Iterable[tuple[Intent, Sequence[NotificationRequested]]], traceparents: Mapping[str, str], now: datetime
) -> Iterator[OutputRecord]:
    """Of each request its event, then its notifications. `traceparents`: by request id."""
    for intent, mails in requested:
        trace = traceparents[intent.request.request_id]
        yield from told_of(item_event(intent, now), cause(intent.request), mails, trace, now)


def _model(intent: Intent) -> type[ItemEvent]:
    return ActionRefused if isinstance(intent, Refuse) else _MODELS[intent.request.action, intent.item.kind]


def _particulars(intent: Intent) -> dict[str, Any]:
    if isinstance(intent, Make):
        return of_a_new_item(intent.item, intent.properties.template, intent.properties.versions)
    if isinstance(intent, Refuse):
        return {"action": intent.request.action, "reason": intent.reason}
    if isinstance(intent, Watch):
        return {"watcher": intent.watcher, "watches": intent.watches}
    return {}
