"""What message templates make of an example of what happens in a desk: filled in a limited child, each version once."""

import hashlib
import sys
from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Lock
from typing import get_args

from console.templates import sample_child
from outbound.render import Rendered
from runtime.child.template_checks import TemplateChild, TemplateLimitError
from schemas.events import NotificationRequested
from schemas.reasons import Reason
from schemas.settings import MessageTemplate
from schemas.settings.notification_rules import DeskEvent, Role
from schemas.template_language import TemplateFault
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
_COMMAND = (sys.executable, "-m", sample_child.__name__)
_KEPT = 30  # samples; each is at most the bounds of a template's output


def sample_notification(template: MessageTemplate, partition_name: str) -> NotificationRequested:
    """What the desk would ask for after a mail of Ursula's, for the template's event and recipient.

    An integrator's event brings its own names: when the template is filled, each stands for itself.
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


@dataclass(frozen=True, slots=True)
class Sample:
    """A template's faults, or the mail that it makes. `name`: what the sample can be asked for by."""

    name: str
    faults: tuple[TemplateFault, ...]
    mail: Rendered | None


class Samples:
    """Of the templates that were looked at last. For any number of threads; one template is filled at a time."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._kept: OrderedDict[str, Sample] = OrderedDict()

    def of(self, template: MessageTemplate, partition_name: str = "") -> Sample:
        """Raises `OutageError` where no child can be started."""
        name = hashlib.sha256(f"{template.model_dump_json()}\0{partition_name}".encode()).hexdigest()
        with self._lock:
            sample = self._kept.pop(name, None) or _fill(name, template, partition_name)
            self._kept[name] = sample
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
            return sample

    def named(self, name: str) -> Sample | None:
        """One that was made lately."""
        with self._lock:
            return self._kept.get(name)


def _fill(name: str, template: MessageTemplate, partition_name: str) -> Sample:
    child = TemplateChild(_COMMAND)
    try:
        [(faults, mail)] = child.ask((template, sample_notification(template, partition_name)))
        return Sample(name, faults, mail)
    except TemplateLimitError as error:
        return Sample(name, (TemplateFault("text", None, str(error)),), None)
    finally:
        child.end()
