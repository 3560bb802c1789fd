"""Who is told of each event, as things are: by a partition's rule, by the rule for all, or by habit. Pure."""

from dataclasses import dataclass

from schemas.notification_rules import DEFAULT_RULES, DeskEvent, NotificationRule, Role
from schemas.snapshot import SettingsSnapshot


@dataclass(frozen=True, slots=True)
class Told:
    """`partition` None: in all that have no line of their own. `rule`: its id, empty for the desk's own habit."""

    event: DeskEvent
    partition: str | None
    roles: tuple[Role, ...]
    rule: str


def told_of_events(settings: SettingsSnapshot) -> list[Told]:
    """Event by event: the partitions with rules of their own, then all others."""
    rules = {(rule.event, rule.partition): rule for rule in settings.all_of(NotificationRule)}
    found = []
    for event, habit in DEFAULT_RULES.items():
        own = (rule for (told_of, partition), rule in rules.items() if told_of == event and partition is not None)
        found += [Told(event, rule.partition, rule.tell, rule.id) for rule in own]
        general = rules.get((event, None))
        found.append(Told(event, None, general.tell, general.id) if general else Told(event, None, habit, ""))
    return found
