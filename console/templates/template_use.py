"""Who is told by a message template, by which notification rule, and what is said where there is none. Pure."""

from dataclasses import dataclass
from typing import cast, get_args

from outbound.render import Templates, built_in
from schemas.notification_rules import DeskEvent, NotificationRule, Role
from schemas.settings import MessageTemplate, Partition
from schemas.snapshot import SettingsSnapshot


@dataclass(frozen=True, slots=True)
class TemplateUse:
    """One recipient in one partition. `rule`: id of the rule that says so, empty where the desk's own habit does."""

    partition: str
    recipient: Role
    rule: str


def use_of(settings: SettingsSnapshot, template: MessageTemplate) -> list[TemplateUse]:
    """Of an event of the desk's; whom an integrator's event is for, its record says."""
    if template.event not in get_args(DeskEvent):
        return []
    event = cast(DeskEvent, template.event)
    templates, name = Templates(settings), f"message-template/{template.id}"
    rules = {(rule.event, rule.partition): rule.id for rule in settings.all_of(NotificationRule)}
    return [
        TemplateUse(partition.id, role, rules.get((event, partition.id)) or rules.get((event, None)) or "")
        for partition in settings.all_of(Partition)
        for role in settings.told(event, partition.id)
        if (found := templates.find(event, role, partition.id)) and found.name == name
    ]


def built_in_parts(event: str, recipient: str) -> dict[str, str]:
    """Subject and text that are sent while there is no template: to begin with."""
    role = next((role for role in get_args(Role) if role == recipient), None)
    source = built_in(event, role)
    return {"subject": source.subject, "text": source.text} if source else {}
