"""What is special about partitions: usual values for the first, what belongs to one, and what happens to a mail to a
closed item, as rows of a form (the first that fits holds) and as sentences. Pure.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count, takewhile
from typing import Any

from schemas.settings import AfterClosing, CallTemplate, IncomingServer, MessageTemplate, Partition
from schemas.settings.notification_rules import Group, NotificationRule
from schemas.snapshot import SettingsSnapshot

FIRST_PARTITION = Partition(
    impacts=("High", "Medium", "Low"),
    urgencies=("High", "Medium", "Low"),
    priorities=("P1", "P2", "P3", "P4", "P5"),
    priority_matrix={
        "High": {"High": "P1", "Medium": "P2", "Low": "P3"},
        "Medium": {"High": "P2", "Medium": "P3", "Low": "P4"},
        "Low": {"High": "P3", "Medium": "P4", "Low": "P5"},
    },
)
_ACTION, _DAYS = "after_closing.{}.action", "after_closing.{}.within_days"
MAX_RULES = 20
Form = Mapping[str, Sequence[str]]
_ACTIONS = {
    "reopen": "Reopen the item",
    "new-call": "Log a new call, linked to it",
    "journal": "Keep it in the item's journal, and no more",
}


@dataclass(frozen=True, slots=True)
class PartitionUse:
    """Ids, each in ascending order. `outgoing_server`: the one that sends for it, its own or the default; None where
    nothing is sent. `without_priority`: its call templates whose impact and urgency have no priority in it."""

    incoming_servers: tuple[str, ...]
    outgoing_server: str | None
    is_default_server: bool
    call_templates: tuple[str, ...]
    message_templates: tuple[str, ...]
    notification_rules: tuple[str, ...]
    groups: tuple[str, ...]
    without_priority: tuple[str, ...]


def use_of(settings: SettingsSnapshot, partition: Partition) -> PartitionUse:
    templates = [one for one in settings.all_of(CallTemplate) if one.partition == partition.id]
    ids = {template.id for template in templates}
    sending = settings.outgoing_server_for(partition.id)
    return PartitionUse(
        incoming_servers=tuple(one.id for one in settings.all_of(IncomingServer) if one.call_template in ids),
        outgoing_server=sending.id if sending else None,
        is_default_server=partition.outgoing_server is None,
        call_templates=tuple(template.id for template in templates),
        message_templates=_of(settings, MessageTemplate, partition),
        notification_rules=_of(settings, NotificationRule, partition),
        groups=_of(settings, Group, partition),
        without_priority=tuple(
            one.id for one in templates if partition.priority(one.impact, one.urgency) not in partition.priorities
        ),
    )


def _of(
    settings: SettingsSnapshot, kind: type[MessageTemplate | NotificationRule | Group], partition: Partition
) -> tuple[str, ...]:
    return tuple(one.id for one in settings.all_of(kind) if one.partition == partition.id)


@dataclass(frozen=True, slots=True)
class RuleRow:
    """One row as typed; `action` is empty in a row that says nothing."""

    place: int
    action: str = ""
    within_days: str = ""

    @property
    def action_field(self) -> str:
        return _ACTION.format(self.place)

    @property
    def days_field(self) -> str:
        return _DAYS.format(self.place)


def closing_rows(rules: Iterable[AfterClosing]) -> tuple[RuleRow, ...]:
    """The rules, and one row to add another."""
    return _with_free_row(
        RuleRow(place, rule.action, "" if rule.within_days is None else str(rule.within_days))
        for place, rule in enumerate(rules)
    )


def read_closing_rows(form: Form) -> tuple[RuleRow, ...]:
    """What was typed, row by row, without those that say nothing, and one row to add another."""
    places = takewhile(lambda place: place < MAX_RULES and _ACTION.format(place) in form, count())
    typed = ((_first(form, _ACTION.format(place)), _first(form, _DAYS.format(place)).strip()) for place in places)
    return _with_free_row(
        RuleRow(place, action, days) for place, (action, days) in enumerate(one for one in typed if any(one))
    )


def closing_entry(rows: Iterable[RuleRow]) -> list[dict[str, Any]]:
    """The rows as a settings file has them; a value that is no number is reported when the entry is checked."""
    return [
        {"action": row.action, **({"within_days": row.within_days} if row.within_days else {})}
        for row in rows
        if row.action or row.within_days
    ]


def _with_free_row(rows: Iterable[RuleRow]) -> tuple[RuleRow, ...]:
    kept = tuple(rows)
    return (*kept, RuleRow(len(kept)))


def _first(form: Form, name: str) -> str:
    return next(iter(form.get(name, ())), "")


def closing_rules(rules: Iterable[AfterClosing]) -> list[str]:
    """The rules for mail to closed items as sentences, in their order."""
    return [f"{_ACTIONS[rule.action]}{_within(rule.within_days)}" for rule in rules]


def closing_actions() -> tuple[tuple[str, str], ...]:
    """Word and sentence of each."""
    return tuple(_ACTIONS.items())


def _within(days: int | None) -> str:
    return ", however long it has been closed" if days is None else f", if it was closed within {days} days"
