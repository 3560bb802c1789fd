"""What a page shows beside the fields of a setting: who uses a partition, a call's Priority, a mail's preview, what can
be offered while somebody types.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request

from console.settings.drafts import Draft
from console.settings.editing import names_of, referrers_of
from console.settings.entries import MISSING
from console.settings.kinds import AnySetting, Kind
from console.settings.looks import told_by_default
from console.settings.matrix import grid_of
from console.settings.partitions import closing_actions, closing_rules, use_of
from console.settings.parts import as_shown
from console.settings.presentation import places
from console.templates import checking
from console.templates.checking import built_in_parts
from console.web.form_errors import PageError, problem_text
from console.web.form_values import Values
from console.web.labels import event_words, word
from desk.engine import read_transaction
from desk.items import item_values_in_use
from desk.persons import offices_in_use
from runtime.outages import OutageError
from schemas.settings import CallTemplate, MessageTemplate, Partition
from schemas.settings.notification_rules import DEFAULT_RULES, DeskEvent, Group, NotificationRule, Role
from schemas.snapshot import SettingsSnapshot

PROFILE_MAILBOX = "test_mailbox"  # a field of a MAPI profile's form that is no part of the profile
CHECK = "check"  # the `action` of a form that asks what a message template makes
FIELDS = ("screen_set", "ipk_status", "ipk_stream", "assigned_office", "assigned_group", "call_type")
MAX_OFFERED = 200  # of one field: a longer list helps nobody who types


@dataclass(frozen=True, slots=True)
class FormContext:
    """`context` goes to the page's template. `offered` and `partition`: as for `looks_of`."""

    context: Mapping[str, Any] = field(default_factory=dict)
    errors: tuple[PageError, ...] = ()
    offered: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    partition: Partition | None = None


def list_context(kind: Kind, settings: SettingsSnapshot) -> dict[str, Any]:
    if kind.name != "notification-rule":
        return {}
    habits = notified_roles(settings)
    return {
        "habits": [(event_words(one.event), one.partition, ", ".join(map(word, one.roles)), one.rule) for one in habits]
    }


def setting_context(request: Request, kind: Kind, settings: SettingsSnapshot, setting: AnySetting) -> dict[str, Any]:
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


def form_context(request: Request, kind: Kind, settings: SettingsSnapshot, draft: Draft, action: str) -> FormContext:
    values = draft.values
    match kind.name:
        case "partition":
            others = [partition.id for partition in settings.all_of(Partition)]
            return FormContext({"others": others, "closing_actions": closing_actions()})
        case "call-template":
            partition = settings.partition(str(values["partition"]))
            priority = _priority(partition, str(values["impact"]), str(values["urgency"]))
            return FormContext(
                {"priority": priority, "partition": partition}, (), offered_values(request, settings), partition
            )
        case "message-template":
            found = checking.of_draft(request, settings, values) if action == CHECK else checking.UNCHECKED
            return FormContext(found.context, found.errors)
        case "notification-rule":
            return FormContext({"by_default": told_by_default(str(values["event"]))})
        case "mapi-profile":
            sent = request.state.form if request.method == "POST" else {}
            return FormContext({PROFILE_MAILBOX: str(sent.get(PROFILE_MAILBOX, ""))})
    return FormContext()


def errors_of(request: Request, kind: Kind, settings: SettingsSnapshot, draft: Draft) -> list[PageError]:
    """What is wrong with what was typed, beside what the check of the entry finds."""
    found = draft.errors()
    if kind.name == "call-template" and not draft.values["partition"]:  # its default is for a desk without partitions
        found.append(PageError("partition", f"Partition: {problem_text(*MISSING)}"))
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


@dataclass(frozen=True, slots=True)
class NotifiedRoles:
    """`partition` None: in all that have no line of their own. `rule`: its id, empty for the desk's own habit."""

    event: DeskEvent
    partition: str | None
    roles: tuple[Role, ...]
    rule: str


def notified_roles(settings: SettingsSnapshot) -> list[NotifiedRoles]:
    """Event by event: the partitions with rules of their own, then all others."""
    rules = {(rule.event, rule.partition): rule for rule in settings.all_of(NotificationRule)}
    found = []
    for event, habit in DEFAULT_RULES.items():
        own = (rule for (told_of, partition), rule in rules.items() if told_of == event and partition is not None)
        found += [NotifiedRoles(event, rule.partition, rule.tell, rule.id) for rule in own]
        general = rules.get((event, None))
        found.append(
            NotifiedRoles(event, None, general.tell, general.id) if general else NotifiedRoles(event, None, habit, "")
        )
    return found


def values_in_use(
    settings: SettingsSnapshot, offices: Iterable[str], items: Mapping[str, Iterable[str]]
) -> dict[str, tuple[str, ...]]:
    """By field of a Call Template what can be offered for it, sorted, each once.

    `offices`: the persons'. `items`: by the same fields what the desk's items hold.
    """
    found = {name: {*items.get(name, ())} for name in FIELDS}
    for template in settings.all_of(CallTemplate):
        for name, values in found.items():
            values.add(getattr(template, name))
    found["assigned_office"].update(offices)
    found["assigned_group"].update(group.name or group.id for group in settings.all_of(Group))
    return {name: tuple(sorted(values - {""}, key=str.casefold)[:MAX_OFFERED]) for name, values in found.items()}


def offered_values(request: Request, settings: SettingsSnapshot) -> dict[str, tuple[str, ...]]:
    """What can be offered for a call template; without the desk, what the settings alone tell."""
    try:
        with read_transaction(request.app.state.services.engine) as connection:
            offices, held = offices_in_use(connection, MAX_OFFERED), item_values_in_use(connection, FIELDS)
    except OutageError:
        offices, held = (), {}
    return values_in_use(settings, offices, held)
