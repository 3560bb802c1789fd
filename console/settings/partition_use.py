"""What belongs to a partition, and whether calls that come by e-mail get their Priority in it. Pure."""

from dataclasses import dataclass

from schemas.notification_rules import Group, NotificationRule
from schemas.settings import CallTemplate, IncomingServer, MessageTemplate, Partition
from schemas.snapshot import SettingsSnapshot


@dataclass(frozen=True, slots=True)
class PartitionUse:
    """Ids, each in ascending order. `outgoing_server`: the one that sends for it, by itself or by default; None where
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
