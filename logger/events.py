"""What is published about an intent: its call event. `number` and names of the item are final by then."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from desk.item_references import reference
from logger.decide import CloseItem, Intent, LogCall, Refuse, ReopenItem, UpdateItem
from logger.state import ItemState
from schemas.events import (
    ActionRefused,
    CallClosed,
    CallLogged,
    CallReopened,
    CallUpdated,
    ItemEvent,
    ItemKind,
    RequestReopened,
    RequestUpdated,
    TaskClosed,
    TaskReopened,
    TaskUpdated,
)
from schemas.settings import CallTemplate

_MODELS: Mapping[tuple[type[Intent], ItemKind], type[ItemEvent]] = {
    (LogCall, "call"): CallLogged,
    (UpdateItem, "call"): CallUpdated,
    (UpdateItem, "task"): TaskUpdated,
    (UpdateItem, "request"): RequestUpdated,
    (CloseItem, "call"): CallClosed,
    (CloseItem, "task"): TaskClosed,
    (ReopenItem, "call"): CallReopened,
    (ReopenItem, "task"): TaskReopened,
    (ReopenItem, "request"): RequestReopened,
    (Refuse, "call"): ActionRefused,
    (Refuse, "task"): ActionRefused,
    (Refuse, "request"): ActionRefused,
}


def event_name(intent: Intent) -> str:
    """The event's type, such as `CallLogged`: also the name that message templates are chosen by."""
    return _MODELS[type(intent), intent.item.kind].__name__


def call_event(intent: Intent, now: datetime) -> ItemEvent:
    item = intent.item
    return _MODELS[type(intent), item.kind](
        reference=reference(item.kind, item.number),
        item_kind=item.kind,
        partition=item.partition,
        at=now,
        mail_id=intent.mail.mail_id,
        person_id=intent.person.id,
        part_proved=intent.proof.part,
        **_particulars(intent),
    )


def of_a_new_item(item: ItemState, template: CallTemplate, versions: Mapping[str, int]) -> dict[str, Any]:
    """What the event of an item that is made says besides: a call's, a task's or a request's."""
    return {
        "user": item.user,
        "logging_analyst": item.logging_analyst,
        "call_template": template.id,
        "impact": template.impact,
        "urgency": template.urgency,
        "priority": item.priority,
        "subject": item.subject,
        "settings_versions": dict(versions),
    }


def _particulars(intent: Intent) -> dict[str, Any]:
    if isinstance(intent, LogCall):
        return of_a_new_item(intent.item, intent.template, intent.settings_versions)
    if isinstance(intent, Refuse):
        return {"action": intent.action, "reason": intent.reason}
    return {}
