"""What a page shows around a setting and its form: who uses a partition, a call's Priority, a mail's preview."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request

from console.settings.drafts import Draft
from console.settings.editing import in_use, names_of, referrers_of
from console.settings.entries import MISSING
from console.settings.kinds import AnySetting, Kind
from console.settings.links import places
from console.settings.looks import told_by_default
from console.settings.matrix import grid_of
from console.settings.partition_use import use_of
from console.settings.parts import as_shown
from console.settings.shown import closing_actions, closing_rules
from console.settings.told import told_of_events
from console.templates import checking
from console.templates.template_use import built_in_parts
from console.web.events import event_words
from console.web.forms import Values, told
from console.web.labels import word
from console.web.render import PageError
from schemas.notification_rules import Group, NotificationRule
from schemas.settings import CallTemplate, MessageTemplate, Partition
from schemas.snapshot import SettingsSnapshot

PROFILE_MAILBOX = "test_mailbox"  # a field of a MAPI profile's form that is no part of the profile
CHECK = "check"  # the `action` of a form that asks what a message template makes


@dataclass(frozen=True, slots=True)
class Around:
    """`context` goes to the page's template. `offered` and `partition`: as for `looks_of`."""

    context: Mapping[str, Any] = field(default_factory=dict)
    errors: tuple[PageError, ...] = ()
    offered: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    partition: Partition | None = None


def around_list(kind: Kind, settings: SettingsSnapshot) -> dict[str, Any]:
    if kind.name != "notification-rule":
        return {}
    habits = told_of_events(settings)
    return {
        "habits": [(event_words(one.event), one.partition, ", ".join(map(word, one.roles)), one.rule) for one in habits]
    }


def around_setting(request: Request, kind: Kind, settings: SettingsSnapshot, setting: AnySetting) -> dict[str, Any]:
    found: dict[str, Any] = {"referrers": places(request, referrers_of(settings, kind, setting.id))}
    match setting:
        case Partition():
            grid, rules = grid_of(as_shown(setting)), closing_rules(setting.after_closing)
            use = use_of(settings, setting)
            servers = places(request, (f"incoming-server/{id_}" for id_ in use.incoming_servers))
            sending = places(request, [f"outgoing-server/{use.outgoing_server}"] if use.outgoing_server else ())
            found |= {"use": use, "incoming": servers, "outgoing": sending, "grid": grid, "closing_rules": rules}
        case CallTemplate():
            found |= {"priority": _priority(settings.partition(setting.partition), setting.impact, setting.urgency)}
        case MessageTemplate():
            found |= checking.of_saved(request, settings, setting)
        case NotificationRule():
            found |= {"by_default": told_by_default(setting.event)}
        case Group():
            names = names_of(request, setting.members)
            found |= {"members": [(id_, names.get(id_, "")) for id_ in setting.members]}
    return found


def around_form(request: Request, kind: Kind, settings: SettingsSnapshot, draft: Draft, action: str) -> Around:
    values = draft.values
    match kind.name:
        case "partition":
            others = [partition.id for partition in settings.all_of(Partition)]
            return Around({"others": others, "closing_actions": closing_actions()})
        case "call-template":
            partition = settings.partition(str(values["partition"]))
            priority = _priority(partition, str(values["impact"]), str(values["urgency"]))
            return Around({"priority": priority, "partition": partition}, (), in_use(request, settings), partition)
        case "message-template":
            found = checking.of_draft(request, settings, values) if action == CHECK else checking.UNCHECKED
            return Around(found.context, found.errors)
        case "notification-rule":
            return Around({"by_default": told_by_default(str(values["event"]))})
        case "mapi-profile":
            sent = request.state.form if request.method == "POST" else {}
            return Around({PROFILE_MAILBOX: str(sent.get(PROFILE_MAILBOX, ""))})
    return Around()


def errors_of(request: Request, kind: Kind, settings: SettingsSnapshot, draft: Draft) -> list[PageError]:
    """What is wrong with what was typed, beside what the check of the entry finds."""
    found = draft.errors()
    if kind.name == "call-template" and not draft.values["partition"]:  # its default is for a desk without partitions
        found.append(PageError("partition", f"Partition: {told(*MISSING)}"))
    if kind.name == "message-template":
        found += checking.of_draft(request, settings, draft.values).errors
    return found


def given_values(kind: Kind, settings: SettingsSnapshot, query: Mapping[str, str]) -> Values:
    """The plain fields that the address of a page for a new setting says, and what follows from them."""
    given: dict[str, str] = {name: query[name] for name in kind.fields if name in query}
    if kind.name == "call-template" and "partition" not in given:
        partitions = settings.all_of(Partition)
        given["partition"] = partitions[0].id if len(partitions) == 1 else ""
    if kind.name == "partition" and settings.all_of(Partition):
        given = {"id": "", **given}
    if kind.name == "message-template":
        given |= built_in_parts(given.get("event", ""), given.get("recipient", ""))
    return given


def _priority(partition: Partition | None, impact: str, urgency: str) -> str:
    """Empty where the matrix has none."""
    return (partition.priority(impact, urgency) or "") if partition else ""
