"""Commands of other systems and of `mailcall`: the values of `desk.requested`, one model per action.

The desk does by the same rules what it does for a mail, and tells of it by the same events.
"""

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, StringConstraints

from schemas.addresses import SafeAddress
from schemas.base import FieldName, Id, Line, Model, Text
from schemas.settings import CallTemplate

ItemReference = Annotated[str, StringConstraints(pattern=r"^[CTR]-[0-9]{6,18}$")]
RequestId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/@+-]*$", max_length=200)]

Action = Literal[
    "log-call", "create-task", "create-request", "update", "close", "reopen", "watch", "unwatch", "unmark-address"
]


class Command(Model):
    """What every request says. A request that comes twice with one `request_id` is done once."""

    action: Action
    request_id: RequestId = Field(
        description="derived from the cause, with the system's name before it: webshop/order-7/late"
    )
    requested_at: AwareDatetime = Field(description="nobody is told by mail of what is more than an hour old")
    by: Id = Field(description="the person performing the action")
    notify: bool = Field(True, description="whether those concerned are told by mail")


class NewItem(Command):
    """A call, task or request to be made. Whatever is left out comes from the call template."""

    call_template: Id = Field(description="gives the properties, and with impact and urgency the Priority")
    user: Id | SafeAddress | None = Field(
        None, description="who asks: id of a person, or an address, of which a new User is made as by a mail; else `by`"
    )
    logging_analyst: Id | None = Field(None, description="an Analyst; `by` when left out")
    subject: Annotated[Line, Field(min_length=1, max_length=998)]
    text: Text = ""
    linked_to: ItemReference | None = Field(None, description="the item that this one belongs to")
    impact: Line | None = None
    urgency: Line | None = None
    assigned_group: Line | None = None
    fields: dict[FieldName, Line] = Field(
        default_factory=dict, max_length=100, description="further fields, beside the template's own"
    )

    def filled(self, template: CallTemplate) -> CallTemplate:
        """The template with what the request gives in its stead."""
        given = {name: getattr(self, name) for name in ("impact", "urgency", "assigned_group")}
        changes = {name: value for name, value in given.items() if value is not None}
        return template.model_copy(update={**changes, "fields": {**template.fields, **self.fields}})


class CallToLog(NewItem):
    action: Literal["log-call"] = "log-call"


class TaskToCreate(NewItem):
    action: Literal["create-task"] = "create-task"


class RequestToCreate(NewItem):
    action: Literal["create-request"] = "create-request"


class ExistingItem(Command):
    """Something to be done with an item of the desk. `text` goes into its journal."""

    item: ItemReference
    text: Text = ""


class ItemToUpdate(ExistingItem):
    action: Literal["update"] = "update"
    text: Annotated[Text, Field(min_length=1)]


class ItemToClose(ExistingItem):
    action: Literal["close"] = "close"


class ItemToReopen(ExistingItem):
    action: Literal["reopen"] = "reopen"


class ItemToWatch(ExistingItem):
    """`person` wants to be told what happens to the item. One who is told already is told as before."""

    action: Literal["watch"] = "watch"
    person: Id | None = Field(None, description="who watches it; `by` when left out")


class ItemToUnwatch(ExistingItem):
    """`person` does not want to be told as a watcher any more."""

    action: Literal["unwatch"] = "unwatch"
    person: Id | None = Field(None, description="who watches it no more; `by` when left out")


class AddressToUnmark(Command):
    """Mails may be sent again to an address that they came back from too often."""

    action: Literal["unmark-address"] = "unmark-address"
    address: SafeAddress


DeskRequested = Annotated[
    CallToLog
    | TaskToCreate
    | RequestToCreate
    | ItemToUpdate
    | ItemToClose
    | ItemToReopen
    | ItemToWatch
    | ItemToUnwatch
    | AddressToUnmark,
    Field(discriminator="action"),
]


ItemRequest = NewItem | ExistingItem
DeskCommand = ItemRequest | AddressToUnmark


def record_key(request: DeskCommand) -> str:
    """Key of its record: requests to one item keep their order."""
    match request:
        case ExistingItem():
            return request.item
        case AddressToUnmark():
            return request.address
    return request.request_id
