"""The desk's own settings: partitions, Call Templates, message templates, e-mail options."""

from collections.abc import Iterator
from enum import StrEnum
from typing import Literal

from pydantic import Field

from schemas.addresses import SenderPattern
from schemas.base import Checked, FieldName, Id, Line, Misfit, Model, Together, together
from schemas.settings.notification_rules import AutoReplyLimits, Role

UNPARTITIONED = "desk"  # the id of the one partition of a desk without partitioning


class Format(StrEnum):
    """Requirement R3.9: the format of a mail that goes out."""

    HTML = "html"
    TEXT = "text"


class CallTemplate(Checked):
    """Requirement R2.1: what a call gets that is logged from this template."""

    kind: Literal["call-template"] = "call-template"
    id: Id = Field(description="the template's name; incoming servers refer to it")
    partition: Id = Field(UNPARTITIONED, description="the partition that the call belongs to")
    screen_set: Line = Field("", description="the Screen Set that shows the call")
    ipk_status: Line = Field("", description="the call's first IPK Status")
    ipk_stream: Line = Field("", description="the call's IPK Stream")
    assigned_office: Line = Field("", description="the Office that the call is assigned to")
    assigned_group: Line = Field("", description="the Group that the call is assigned to")
    call_type: Line = Field("", description="the type of the call")
    impact: Line = Field(description="one of the partition's impacts; with urgency it gives the Priority")
    urgency: Line = Field(description="one of the partition's urgencies")
    fields: dict[str, Line] = Field(default_factory=dict, description="defaults for further fields of the call")
    subject_to: tuple[FieldName, ...] = Field(
        ("subject",),
        max_length=5,
        description="where the mail's subject goes: subject, description, or names of further fields",
    )
    body_to: tuple[FieldName, ...] = Field(
        ("description",),
        min_length=1,
        max_length=5,
        description="where the mail's text goes: description, or names of further fields",
    )

    TOGETHER = (
        together(
            "body_to",
            lambda template: "subject" not in template.body_to,
            "body_to: a text of many lines is no subject",
            "name description or a further field",
        ),
    )


ClosedAction = Literal["reopen", "new-call", "journal"]


class AfterClosing(Model):
    """What becomes of a mail to an item that has been closed for at most `within_days` days; None: however long."""

    action: ClosedAction = Field(
        description="reopen the item; log a new-call that is linked to it; keep the mail in its journal, and no more"
    )
    within_days: int | None = Field(None, ge=0, description="how many days it may be closed; any number when left out")


def _unfit_cells(partition: "Partition") -> Iterator[Misfit]:
    """Each cell of the matrix that is empty, or holds no priority of the partition."""
    known = ", ".join(partition.priorities)
    for impact in partition.impacts:
        for urgency in partition.urgencies:
            cell = (("priority_matrix", impact, urgency),)
            priority = partition.priority(impact, urgency)
            if priority is None:
                text = f"the priority matrix has no priority for impact {impact!r}, urgency {urgency!r}"
                yield Misfit(cell, text, f"give it one of: {known}")
            elif priority not in partition.priorities:
                text = f"{priority!r} in the priority matrix is none of the partition's priorities"
                yield Misfit(cell, text, f"give it one of: {known}; or add it to priorities")


class Partition(Checked):
    """A department's part of the desk: its own impact, urgency and priority values and its Priority Matrix."""

    kind: Literal["partition"] = "partition"
    id: Id = Field(
        UNPARTITIONED,
        description="the partition's name in templates, events and commands; a desk without partitioning has one "
        "partition and need not name it",
    )
    name: Line = Field("", description="what people call it; stands in notifications")
    outgoing_server: Id | None = Field(None, description="the default outgoing server when left out")
    impacts: tuple[Line, ...] = Field(min_length=1, description="the Call Impact values")
    urgencies: tuple[Line, ...] = Field(min_length=1, description="the Call Urgency values")
    priorities: tuple[Line, ...] = Field(min_length=1, description="the Call Priority values")
    priority_matrix: dict[str, dict[str, Line]] = Field(description="impact -> urgency -> priority")
    after_closing: tuple[AfterClosing, ...] = Field(
        (AfterClosing(action="reopen", within_days=14), AfterClosing(action="new-call")),
        description="what becomes of a mail to a closed item: the first rule that fits; new-call where none does",
    )

    TOGETHER = (Together(("impacts", "urgencies", "priorities", "priority_matrix"), _unfit_cells),)

    def priority(self, impact: str, urgency: str) -> str | None:
        """The priority of a call, or None where impact or urgency is not the partition's."""
        return self.priority_matrix.get(impact, {}).get(urgency)


class MessageTemplate(Model):
    """Subject, text and HTML of one event's notification, for one partition or all. Jinja2, sandboxed."""

    kind: Literal["message-template"] = "message-template"
    id: Id = Field(description="the template's own name")
    event: Line = Field(description="the event it tells of, such as CallLogged, or one of an integrator's own")
    partition: Id | None = Field(None, description="the partition it is for; every partition when left out")
    recipient: Role | None = Field(None, description="whom it is for; everybody who is told when left out")
    subject: Line = Field(description="template of the subject; the item reference is put before it")
    text: str = Field(description="template of the plain text")
    html: str | None = Field(None, description="template of the HTML; made from the text when left out")


class EmailOptions(Model):
    """The two fields at the top of the Email Settings window, and the default outgoing server. One record."""

    kind: Literal["email-options"] = "email-options"
    id: Literal["email-options"] = Field("email-options", description="there is one such record")
    default_format: Format = Field(Format.HTML, description="Default Format of outgoing mail (Requirement R3.9)")
    message_format_per_person: bool = Field(False, description="Message Format per Analyst/User (Requirement R3.10)")
    default_outgoing_server: Id | None = Field(
        None, description="sends for every partition that names no server of its own"
    )
    blocked_senders: tuple[SenderPattern, ...] = Field(
        (),
        description="whose mail is rejected: addresses (ann@example.com) and domains without their subdomains "
        "(@example.com)",
    )
    plus_tags: bool = Field(
        False, description="ann+printer@example.com is ann@example.com where nobody has the longer address"
    )
    give_up_after_hours: int = Field(
        48, ge=1, le=240, description="how long a notification is tried that no server takes"
    )
    bounces_until_marked: int = Field(
        3, ge=0, description="hard bounces after which nothing more is sent to an address; 0: never"
    )
    answers: AutoReplyLimits = Field(
        default_factory=AutoReplyLimits, description="how often a sender is answered by the desk itself"
    )
    change_reason_required: bool = Field(
        False, description="whether whoever changes a setting or a person has to give a Change Reason"
    )
    token_days: int = Field(365, ge=1, le=3650, description="how long a reply to one of our mails proves its item")
