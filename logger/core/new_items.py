"""What a new item gets from its call template: properties, Priority, and where subject and text go. Pure.

Requirements R2.1 (the template's properties) and R4.17 (the Priority, from the partition's Priority Matrix).
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from logger.core.commands import ItemFields
from runtime.processing.outcomes import Dead
from schemas.reasons import Reason
from schemas.settings import CallTemplate, Partition
from schemas.snapshot import SettingsSnapshot

MAX_SUBJECT = 998  # characters; a longer one would make records that the broker refuses


class Properties(NamedTuple):
    """`versions`: of the settings that they come from, by `kind/id`."""

    template: CallTemplate
    partition: str
    priority: str
    versions: Mapping[str, int]


def properties(
    template_id: str, settings: SettingsSnapshot, fill: Callable[[CallTemplate], CallTemplate] | None = None
) -> Properties | Dead:
    """`fill` replaces values of the template. `Dead` where template, partition or Priority do not exist."""
    template = settings.call_template(template_id)
    if template is None:
        return Dead(Reason.UNKNOWN_TEMPLATE, f"call template {template_id!r} does not exist")
    partition = settings.partition(template.partition)
    if partition is None:
        return Dead(
            Reason.UNKNOWN_PARTITION,
            f"call template {template_id!r} names partition {template.partition!r}, which does not exist",
        )
    filled = template if fill is None else fill(template)
    found = priority(filled, partition)
    if isinstance(found, Dead):
        return found
    used = (f"call-template/{template_id}", f"partition/{partition.id}")
    versions = {key: settings.versions[key] for key in used if key in settings.versions}
    return Properties(filled, partition.id, found, versions)


def priority(template: CallTemplate, partition: Partition) -> str | Dead:
    """The Priority that the partition's matrix gives to the template's Impact and Urgency."""
    found = partition.priority(template.impact, template.urgency)
    if found is None:
        return Dead(
            Reason.UNKNOWN_TEMPLATE,
            f"call template {template.id!r}: partition {partition.id!r} has no priority for its impact and urgency",
        )
    return found


def item_fields(template: CallTemplate, subject: str, text: str) -> ItemFields:
    """By the template's `subject_to` and `body_to`. Where both go to one place, the subject comes first.

    An empty one leaves a field its default. A subject that goes elsewhere leaves the item's own empty.
    """
    placed: dict[str, str] = {}
    for value, names in ((subject, template.subject_to), (text, template.body_to)):
        for name in dict.fromkeys(names) if value else ():
            placed[name] = f"{placed[name]}\n\n{value}" if name in placed else value
    own = placed.pop("subject", "")
    return ItemFields(own[:MAX_SUBJECT], placed.pop("description", ""), {**template.fields, **placed})
