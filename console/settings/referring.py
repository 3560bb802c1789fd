"""What refers to a setting or person: it cannot be deleted while something does."""

from collections.abc import Iterator, Mapping

from schemas.base import Model
from schemas.notification_rules import Group, NotificationRule
from schemas.settings import (
    CallTemplate,
    EmailOptions,
    IncomingServer,
    MapiProfile,
    MessageTemplate,
    OutgoingServer,
    Partition,
    Setting,
)
from schemas.snapshot import SettingsSnapshot

# Which fields of a model hold ids, and of what.
NAMING: Mapping[type[Model], Mapping[str, str]] = {
    Partition: {"outgoing_server": "outgoing-server"},
    CallTemplate: {"partition": "partition"},
    IncomingServer: {
        "call_template": "call-template",
        "default_logging_analyst": "person",
        "profile": "mapi-profile",
    },
    OutgoingServer: {"fallback": "outgoing-server", "profile": "mapi-profile"},
    MapiProfile: {},
    EmailOptions: {"default_outgoing_server": "outgoing-server"},
    MessageTemplate: {"partition": "partition"},
    NotificationRule: {"partition": "partition"},
    Group: {"partition": "partition", "members": "person"},
}


def find_referrers(settings: SettingsSnapshot, key: str) -> tuple[str, ...]:
    """Every place that names a setting or person (`kind/id`, `person/id`), such as `partition/it: outgoing_server`."""
    return tuple(
        f"{place}: {field}"
        for place, setting in sorted(settings.settings.items())
        for field in _fields_that_name(settings, setting, key)
        if place != key
    )


def _fields_that_name(settings: SettingsSnapshot, setting: Setting, key: str) -> Iterator[str]:
    kind, _, id_ = key.partition("/")
    for field, named in NAMING[type(setting)].items():
        value = getattr(setting, field)
        if named == kind and id_ in (value if isinstance(value, tuple) else (value,)):
            yield field
    if kind == "group" and isinstance(setting, CallTemplate):  # by the group's name, and the partition's own goes first
        group = settings.group(setting.assigned_group, setting.partition)
        if group is not None and group.id == id_:
            yield "assigned_group"
