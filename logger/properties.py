"""Requirement R2.1: what a new item gets from its call template."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from logger.priority import priority
from runtime.outcomes import Dead
from schemas.reasons import Reason
from schemas.settings import CallTemplate
from schemas.snapshot import SettingsSnapshot


@dataclass(frozen=True, slots=True)
class Properties:
    """`versions`: of the settings that they come from, by `kind/id`."""

    template: CallTemplate
    partition: str
    priority: str
    versions: Mapping[str, int]


def properties(
    template_id: str, settings: SettingsSnapshot, fill: Callable[[CallTemplate], CallTemplate] = lambda one: one
) -> Properties | Dead:
    """`fill` puts other values in the template's stead. `Dead` where template, partition or priority do not exist."""
    template = settings.call_template(template_id)
    if template is None:
        return Dead(Reason.UNKNOWN_TEMPLATE, f"call template {template_id!r} does not exist")
    partition = settings.partition(template.partition)
    if partition is None:
        return Dead(
            Reason.UNKNOWN_PARTITION,
            f"call template {template_id!r} names partition {template.partition!r}, which does not exist",
        )
    filled = fill(template)
    found = priority(filled, partition)
    if isinstance(found, Dead):
        return found
    used = (f"call-template/{template_id}", f"partition/{partition.id}")
    versions = {key: settings.versions[key] for key in used if key in settings.versions}
    return Properties(filled, partition.id, found, versions)
