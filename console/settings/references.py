"""Which settings name which others; and deleting a setting or person, unless something names it."""

from collections.abc import Iterator, Mapping, Sequence

from console.errors import Remedy, UserError
from console.settings.apply import Change, Plan
from console.settings.entries import nearest
from console.settings.settings_file import SECTIONS
from console.settings.state import PERSON, State
from schemas.base import Model
from schemas.persons import Person
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
from schemas.settings.notification_rules import Group, NotificationRule
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
KINDS = tuple(
    PERSON.rstrip("/") if model is Person else str(model.model_fields["kind"].default) for model in SECTIONS.values()
)


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


def plan_deletion(state: State, key: str) -> Plan:
    """The plan that deletes `kind/id` or `person/id`. Raises `UserError` where it is not there, or in use.

    A record that cannot be decoded can be deleted, too; then `before` is the value in force before it, or None.
    """
    before = state.value(key)
    if before is None and key not in state.undecodable:
        raise _unknown(state, key)
    places = find_referrers(state.settings, key)
    if places:
        raise in_use_error(key, places)
    return Plan((Change(key, "deleted", before, None),), state.settings.at)


def in_use_error(key: str, places: Sequence[str]) -> UserError:
    """Of what cannot be deleted, since something refers to it."""
    return UserError(
        f"{key} is in use by\n" + "\n".join(f"  {place}" for place in places),
        "name another one there, or none; then delete it",
    )


def _unknown(state: State, key: str) -> UserError:
    kind, _, id_ = key.partition("/")
    if kind not in KINDS:
        return UserError(f"{key!r} names no kind of setting", f"write KIND/ID; of kinds, {nearest(kind, KINDS)}")
    known = (*state.settings.settings, *(PERSON + one for one in state.persons))
    remedy = nearest(id_, [one.removeprefix(f"{kind}/") for one in known if one.startswith(f"{kind}/")])
    _, meant, near = remedy.partition("did you mean ")
    if not meant:  # there may be too many to name all of them
        return UserError(f"there is no {key!r}", Remedy.FIND_SETTING)
    return UserError(f"there is no {key!r}", f"{meant}{kind}/{near}")
