"""Who is notified of what: roles, rules and groups, and limits on auto-replies."""

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from schemas.addresses import SafeAddress
from schemas.base import Checked, Id, Line, Model, together

# Author: whose mail, or whose request, caused it. The others: as what somebody stands in the item.
Role = Literal["author", "user", "logging-analyst", "assigned-group", "watchers"]
DeskEvent = Literal[
    "CallLogged",
    "CallUpdated",
    "CallClosed",
    "CallReopened",
    "TaskLogged",
    "TaskUpdated",
    "TaskClosed",
    "TaskReopened",
    "RequestLogged",
    "RequestUpdated",
    "RequestClosed",
    "RequestReopened",
    "ActionRefused",
    "PersonCreated",
]

_LOGGED: tuple[Role, ...] = ("author", "user", "assigned-group")
_CHANGED: tuple[Role, ...] = ("author", "user", "logging-analyst", "watchers")

# Who is told where no rule says otherwise. Whoever stands in several roles is told once, as the first of them.
DEFAULT_RULES: Mapping[DeskEvent, tuple[Role, ...]] = {
    **dict.fromkeys(("CallLogged", "TaskLogged", "RequestLogged"), _LOGGED),
    **dict.fromkeys(("CallUpdated", "TaskUpdated", "RequestUpdated"), _CHANGED),
    **dict.fromkeys(("CallClosed", "TaskClosed", "RequestClosed"), _CHANGED),
    **dict.fromkeys(("CallReopened", "TaskReopened", "RequestReopened"), _CHANGED),
    "ActionRefused": ("author",),
    "PersonCreated": (),
}


class NotificationRule(Model):
    """Who is told of one event, in one partition or in all of them."""

    kind: Literal["notification-rule"] = "notification-rule"
    id: Id = Field(description="the rule's own name")
    event: DeskEvent = Field(description="the event that somebody is told of")
    partition: Id | None = Field(None, description="the partition it is for; every partition when left out")
    tell: tuple[Role, ...] = Field(description="who is told; nobody where it is empty")


class Group(Checked):
    """Requirement R2.1: a Group that calls are assigned to, and where it is notified."""

    kind: Literal["group"] = "group"
    id: Id = Field(description="the group's own name")
    name: Line = Field("", description="as call templates name it in assigned_group; the id when left out")
    partition: Id | None = Field(None, description="the partition whose group it is; every partition when left out")
    address: SafeAddress | None = Field(None, description="the group's mailing list, told in place of its members")
    members: tuple[Id, ...] = Field((), description="persons, each told at their own address")

    TOGETHER = (
        together(
            "address members",
            lambda group: group.address is not None or bool(group.members),
            "address or members has to be set: else nobody is told",
            "give the group's mailing list, or name persons",
        ),
    )


class AutoReplyLimits(Model):
    """How many mails the desk sends by itself in answer to mails (RFC 3834); 0: any number."""

    per_sender_and_item: int = Field(1, ge=0, description="answers to one sender about one call, task or request")
    per_sender_and_hour: int = Field(5, ge=0, description="answers to one sender within an hour")
    all_in_ten_minutes: int = Field(
        2000, ge=0, description="answers to all senders within ten minutes; above it nobody is answered for a while"
    )
    unproved_in_hour: int | None = Field(
        None,
        ge=0,
        description="answers within an hour, above which senders who are not proved get none for a while; where it is "
        "not set, as many as there are persons that no mail has made, and at least 60",
    )
