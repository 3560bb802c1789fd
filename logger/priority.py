"""Requirement R4.17: a call gets its priority from the Priority Matrix of its partition."""

from runtime.outcomes import Dead
from schemas.reasons import Reason
from schemas.settings import CallTemplate, Partition


def priority(template: CallTemplate, partition: Partition) -> str | Dead:
    """The priority that the partition's matrix gives to the template's impact and urgency."""
    found = partition.priority(template.impact, template.urgency)
    if found is None:
        return Dead(
            Reason.UNKNOWN_TEMPLATE,
            f"call template {template.id!r}: partition {partition.id!r} has no priority for its impact and urgency",
        )
    return found
