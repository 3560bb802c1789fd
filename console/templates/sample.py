"""An example of what happens in a desk, to show what a message template makes of it."""

from datetime import UTC, datetime
from typing import get_args

from schemas.events import NotificationRequested
from schemas.notification_rules import DeskEvent, Role
from schemas.reasons import Reason
from schemas.settings import MessageTemplate
from schemas.template_words import template_variables

_READERS: dict[Role | None, str] = {
    None: "Ursula Usher",
    "author": "Ursula Usher",
    "user": "Ursula Usher",
    "logging-analyst": "Adam Analyst",
    "assigned-group": "Printers",
    "watchers": "Wanda Watcher",
}
_KINDS = {"Call": ("call", "C-000123"), "Task": ("task", "T-000124"), "Request": ("request", "R-000125")}
_TEXT = """The printer on the second floor prints nothing but stripes.

It says "Error 79 <service>", & restarts.
Ursula"""


def sample_notification(template: MessageTemplate, partition_name: str) -> NotificationRequested:
    """What the desk would ask for after a mail of Ursula's, for the template's event and recipient.

    An integrator's event brings names of its own: whoever fills the template lets each stand for itself.
    """
    event, role = template.event, template.recipient
    kind, reference = next((known for name, known in _KINDS.items() if event.startswith(name)), _KINDS["Call"])
    data = template_variables(
        event=event,
        role=role or "",
        reference=reference,
        kind=kind,
        subject="Printer: stripes",
        partition=partition_name,
        user="Ursula Usher",
        logging_analyst="Adam Analyst",
        group="Printers",
        priority="P2",
        person="Ursula Usher",
        text="" if role == "author" else _TEXT,
        reason=Reason.ITEM_CLOSED if event == "ActionRefused" else None,
    )
    return NotificationRequested(
        notification_id="0" * 32,
        recipient="reader@localhost.example",
        recipient_name=_READERS[role],
        role=role,
        event=event,
        data=data if event in get_args(DeskEvent) else {},
        requested_at=datetime(2026, 1, 1, tzinfo=UTC),
    )
