"""What happened to an item, who is to be notified, and the outcome of each notification."""

import re
from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from schemas.addresses import SafeAddress
from schemas.base import Id, Line, Model
from schemas.reasons import Reason
from schemas.settings import Format
from schemas.settings.notification_rules import Role
from schemas.undelivered import Trouble

_REFERENCE = re.compile(r"[CTR]-[0-9]{6,18}")
ItemKind = Literal["call", "task", "request"]


class ItemEvent(Model):
    """What every event of an item carries. `reference` is the record's key."""

    reference: Line
    item_kind: ItemKind
    partition: Id
    at: datetime
    mail_id: str | None = Field(None, description="the mail that caused it")
    request_id: str | None = Field(None, description="the record of desk.requested that caused it")
    person_id: Id = Field(description="the person performing the action")
    part_proved: bool = Field(
        True, description="whether that person is proved to have a part in the item; else Analysts alone are told"
    )


class ItemLogged(ItemEvent):
    """What every event of a new item carries."""

    user: Id
    logging_analyst: Id
    call_template: Id
    impact: Line
    urgency: Line
    priority: Line
    subject: str
    settings_versions: dict[str, int] = Field(default_factory=dict)


class CallLogged(ItemLogged):
    event: Literal["CallLogged"] = "CallLogged"


class TaskLogged(ItemLogged):
    event: Literal["TaskLogged"] = "TaskLogged"


class RequestLogged(ItemLogged):
    event: Literal["RequestLogged"] = "RequestLogged"


class CallUpdated(ItemEvent):
    event: Literal["CallUpdated"] = "CallUpdated"


class TaskUpdated(ItemEvent):
    event: Literal["TaskUpdated"] = "TaskUpdated"


class RequestUpdated(ItemEvent):
    event: Literal["RequestUpdated"] = "RequestUpdated"


class CallClosed(ItemEvent):
    event: Literal["CallClosed"] = "CallClosed"


class TaskClosed(ItemEvent):
    event: Literal["TaskClosed"] = "TaskClosed"


class RequestClosed(ItemEvent):
    event: Literal["RequestClosed"] = "RequestClosed"


class CallReopened(ItemEvent):
    event: Literal["CallReopened"] = "CallReopened"


class TaskReopened(ItemEvent):
    event: Literal["TaskReopened"] = "TaskReopened"


class RequestReopened(ItemEvent):
    event: Literal["RequestReopened"] = "RequestReopened"


class ActionRefused(ItemEvent):
    """Something was asked for that is not done by mail, not for this person, or not with this item as it is."""

    event: Literal["ActionRefused"] = "ActionRefused"
    action: Literal["update", "close", "reopen", "watch", "unwatch"]
    reason: Reason


class WatchersChanged(ItemEvent):
    """Somebody watches an item, or watches it no more. Nobody is told of it by mail."""

    event: Literal["WatchersChanged"] = "WatchersChanged"
    watcher: Id
    watches: bool


CallEvent = Annotated[
    CallLogged
    | TaskLogged
    | RequestLogged
    | CallUpdated
    | TaskUpdated
    | RequestUpdated
    | CallClosed
    | TaskClosed
    | RequestClosed
    | CallReopened
    | TaskReopened
    | RequestReopened
    | ActionRefused
    | WatchersChanged,
    Field(discriminator="event"),
]


class NotificationRequested(Model):
    """Who is to be told what, with all that rendering needs: outbound looks nothing up in the desk's items.

    `event` chooses the message template and `data` fills it (strings only); or `subject` and `text` are given as they
    are.
    """

    notification_id: str = Field(pattern=r"^[0-9a-f]{32}$")
    recipient: SafeAddress
    recipient_name: str = ""
    recipient_format: Format | None = Field(None, description="the person's own Email Format")
    cc: tuple[SafeAddress, ...] = Field((), max_length=100, description="further recipients, named in the mail")
    bcc: tuple[SafeAddress, ...] = Field((), max_length=100, description="further recipients, named nowhere in it")
    role: Role | None = Field(None, description="as what the recipient is told; chooses the message template too")
    partition: Id | None = None
    event: Line
    data: dict[str, str] = Field(default_factory=dict)
    subject: Line | None = None
    text: str | None = None
    in_reply_to: str | None = Field(None, description="Message-ID of the mail that is answered")
    references: tuple[str, ...] = ()
    mail_id: str | None = Field(None, description="the mail that caused it")
    requested_at: datetime

    @property
    def reference(self) -> str | None:
        """The item that it tells of, if it tells of one."""
        reference = self.data.get("reference", "")
        return reference if _REFERENCE.fullmatch(reference) else None


# `ce_source` of the results that a report by mail told of; the others are those of attempts to send.
REPORTS = "/mailcall/resolver"
# CloudEvents attribute of results: a reader can pass over those that it does not need without reading them.
OUTCOME = "outcome"
# CloudEvents attribute, `true` in results with a `sent_message_id` and in no others.
RENAMED = "renamed"


class NotificationResult(Model):
    """What became of one notification for one recipient: one record for every attempt, and one for a bounce."""

    notification_id: str
    outcome: Literal["sent", "deferred", "failed", "bounced"]
    recipient: str
    server_id: Id | None = None
    attempt: int = 1
    reason: Reason | None = None
    smtp_reply: str = Field("", description="the server's own words; of a bounce, its enhanced status code (RFC 3463)")
    trouble: Trouble | None = Field(None, description="of a bounce: what was in the way")
    message_id: str | None = None
    sent_message_id: str | None = Field(
        None,
        max_length=998,
        description="the Message-ID that the mail really has, where the server put its own in the place of ours "
        "(Exchange): answers name it",
    )
    mail_id: str | None = Field(
        None, description="of the mail that caused the notification, or that reported the bounce"
    )
    reference: Line | None = Field(None, description="the item that the notification told of")
    at: datetime
