"""The offices, Screen Sets, IPK Statuses and Streams that are in use: offered where one is to be typed. Pure."""

from collections.abc import Iterable, Mapping

from schemas.notification_rules import Group
from schemas.settings import CallTemplate
from schemas.snapshot import SettingsSnapshot

FIELDS = ("screen_set", "ipk_status", "ipk_stream", "assigned_office", "assigned_group", "call_type")
MAX_OFFERED = 200  # of one field: a longer list helps nobody who types


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
