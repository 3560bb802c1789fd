"""A message template checked and shown while it is written: each fault at its field, or both formats of a mail; and who
is notified by it, by which rule.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast, get_args

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from console.access.rights import Right
from console.settings.entries import read_entry, refusal
from console.templates.samples import Sample
from console.web import form_errors, form_values
from console.web.form_errors import PageError
from console.web.form_values import Values
from console.web.labels import event_words, label, word
from console.web.page import Page
from outbound.render import Templates, built_in
from schemas.settings import MessageTemplate, Partition
from schemas.settings.notification_rules import DeskEvent, NotificationRule, Role
from schemas.snapshot import SettingsSnapshot
from schemas.template_language import TemplateFault
from schemas.template_words import WORDS

# The frame of the sample is a page of its own that may do nothing but look as the mail looks.
_FRAME = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'",
    "X-Frame-Options": "SAMEORIGIN",
}
_GONE = "<!doctype html><title>Preview</title><p>This preview is no longer kept. Choose Check and preview again."
_QUOTED = 60  # characters of a line at fault
_NAMES = tuple(WORDS.items())
_EVENTS = tuple((name, event_words(name)) for name in get_args(DeskEvent))


@dataclass(frozen=True, slots=True)
class TemplateUse:
    """One recipient in one partition. `rule`: id of the rule that says so, empty where the desk's own habit does."""

    partition: str
    recipient: Role
    rule: str


def use_of(settings: SettingsSnapshot, template: MessageTemplate) -> list[TemplateUse]:
    """Of an event of the desk's; whom an integrator's event is for, its record says."""
    if template.event not in get_args(DeskEvent):
        return []
    event = cast(DeskEvent, template.event)
    templates, name = Templates(settings), f"message-template/{template.id}"
    rules = {(rule.event, rule.partition): rule.id for rule in settings.all_of(NotificationRule)}
    return [
        TemplateUse(partition.id, role, rules.get((event, partition.id)) or rules.get((event, None)) or "")
        for partition in settings.all_of(Partition)
        for role in settings.notified_roles(event, partition.id)
        if (found := templates.find(event, role, partition.id)) and found.name == name
    ]


def built_in_parts(event: str, recipient: str) -> dict[str, str]:
    """Subject and text that are sent while there is no template: to begin with."""
    role = next((role for role in get_args(Role) if role == recipient), None)
    source = built_in(event, role)
    return {"subject": source.subject, "text": source.text} if source else {}


@dataclass(frozen=True, slots=True)
class Checked:
    """`context` for the form's template."""

    context: Mapping[str, Any] = field(default_factory=dict)
    errors: tuple[PageError, ...] = ()


UNCHECKED = Checked({"names": _NAMES, "events": _EVENTS, "sample": None, "is_draft": True})


def of_saved(request: Request, settings: SettingsSnapshot, template: MessageTemplate) -> dict[str, Any]:
    uses = [(use.partition, word(use.recipient), use.rule) for use in use_of(settings, template)]
    return {"sample": _sample(request, settings, template), "uses": uses}


def of_draft(request: Request, settings: SettingsSnapshot, values: Values) -> Checked:
    """Checked as it was typed; that it has no id yet is no fault of what it says."""
    entry = form_values.entry_of(MessageTemplate, values, request.state.form, None)
    template, faults = read_entry({"id": "new", **entry}, MessageTemplate, None)
    if template is None:
        return Checked(UNCHECKED.context, tuple(form_errors.errors_of(refusal(faults), tuple(values))))
    sample = _sample(request, settings, template)
    return Checked({**UNCHECKED.context, "sample": sample}, tuple(template_errors(template, sample)))


def template_errors(template: MessageTemplate, sample: Sample) -> list[PageError]:
    """Its faults, each at its field, with the line as it is there."""
    return [
        PageError(fault.part, f"{label(fault.part)}: {_said(fault, getattr(template, fault.part) or '')}")
        for fault in sample.faults
    ]


def show_sample(request: Request) -> Response:
    """The HTML of a sample, for a frame."""
    sample = request.app.state.services.samples.named(request.path_params["sample"])
    html = sample.mail.html if sample and sample.mail else None
    return HTMLResponse(html or _GONE, 200 if html else 404, _FRAME)


def _said(fault: TemplateFault, source: str) -> str:
    if fault.line is None:
        return fault.text
    lines = source.split("\n")
    line = lines[fault.line - 1].strip() if fault.line <= len(lines) else ""
    return f"line {fault.line} ({line[:_QUOTED]}): {fault.text}" if line else f"line {fault.line}: {fault.text}"


def _sample(request: Request, settings: SettingsSnapshot, template: MessageTemplate) -> Sample:
    partition = settings.partition(template.partition) if template.partition else None
    name = (partition.name or partition.id) if partition else ""
    sample: Sample = request.app.state.services.samples.of(template, name)
    return sample


PAGES = (
    Page("message-template.sample", "/settings/message-template-samples/{sample}", show_sample, Right.SYSTEM_SET_UP),
)
