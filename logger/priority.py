"""Requirement: "define Call Impact, Call Urgency and Call Priority values and a Priority Matrix in each partition".

"... to ensure that calls logged through an incoming email account will automatically be assigned the correct Call
Priority."
"""

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
