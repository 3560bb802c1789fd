"""What becomes of one request: a frozen intent from frozen values. No database, clock or randomness here."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from desk.item_references import parse_reference
from logger.call_fields import CallFields, call_fields
from logger.properties import Properties, properties
from logger.state import ItemState
from runtime.outcomes import Dead
from schemas.desk_commands import (
    CallToLog,
    DeskCommand,
    ExistingItem,
    ItemToClose,
    ItemToReopen,
    ItemToUnwatch,
    ItemToWatch,
    NewItem,
    RequestToCreate,
    TaskToCreate,
)
from schemas.events import ItemKind
from schemas.persons import Person
from schemas.reasons import Reason
from schemas.settings import CallTemplate
from schemas.snapshot import SettingsSnapshot

KINDS: Mapping[type[NewItem], ItemKind] = {CallToLog: "call", TaskToCreate: "task", RequestToCreate: "request"}


@dataclass(frozen=True, slots=True)
class Make:
    """A new item. `linked_to`: the number of the item that it belongs to."""

    request: NewItem
    item: ItemState
    user: Person
    properties: Properties
    content: CallFields
    linked_to: int | None


@dataclass(frozen=True, slots=True)
class Change:
    """`item` is as it stands afterwards."""

    request: ExistingItem
    item: ItemState


@dataclass(frozen=True, slots=True)
class Watch:
    """`watcher`: id of the person who is told of what happens to the item; no more, where not `watches`."""

    request: ExistingItem
    item: ItemState
    watcher: str
    watches: bool


@dataclass(frozen=True, slots=True)
class Refuse:
    """What is written goes into the item's journal; what is asked for is not done."""

    request: ExistingItem
    item: ItemState
    reason: Reason


Intent = Make | Change | Watch | Refuse


@dataclass(frozen=True, slots=True)
class Known:
    """What the desk knows of all that the requests name: items by number, persons by id, Users as they are named."""

    items: Mapping[int, ItemState]
    persons: Mapping[str, Person]
    users: Mapping[str, Person]

    def item(self, reference: str) -> ItemState | None:
        kind, number = parse_reference(reference) or (None, 0)
        item = self.items.get(number)
        return item if item is not None and item.kind == kind else None


def decide_new(request: NewItem, known: Known, settings: SettingsSnapshot, number: int) -> Make | Dead:
    """`number`: of the new item. `Dead` where the request names what does not exist."""
    user = known.users.get(request.user or request.by)
    fault = _unknown_person(request, known, user)
    if fault is not None or user is None:
        return Dead(Reason.UNKNOWN_PERSON, fault or "")
    linked = known.item(request.linked_to) if request.linked_to else None
    if request.linked_to and linked is None:
        return Dead(Reason.UNKNOWN_ITEM, f"linked_to: there is no item {request.linked_to}")
    wrong = _wrong_value(request, settings)
    if wrong is not None:
        return wrong
    found = properties(request.call_template, settings, request.filled)
    if isinstance(found, Dead):
        return found
    content = call_fields(found.template, request.subject, request.text)
    item = ItemState(
        number=number,
        kind=KINDS[type(request)],
        is_open=True,
        partition=found.partition,
        subject=content.subject,
        user=user.id,
        logging_analyst=request.logging_analyst or request.by,
        priority=found.priority,
        assigned_group=found.template.assigned_group,
    )
    return Make(request, item, user, found, content, linked.number if linked else None)


def decide_change(request: ExistingItem, known: Known) -> Change | Watch | Refuse | Dead:
    """Whoever may write to the topic acts for any person: systems are not asked whether they are a party."""
    item = known.item(request.item)
    if item is None:
        return Dead(Reason.UNKNOWN_ITEM, f"item: there is no item {request.item}")
    if request.by not in known.persons:
        return Refuse(request, item, Reason.UNKNOWN_PERSON)
    if isinstance(request, ItemToWatch | ItemToUnwatch):
        return _watch(request, item, known)
    if isinstance(request, ItemToReopen) and item.is_open:
        return Refuse(request, item, Reason.ITEM_OPEN)
    if not isinstance(request, ItemToReopen) and not item.is_open:
        return Refuse(request, item, Reason.ITEM_CLOSED)
    return Change(request, replace(item, is_open=not isinstance(request, ItemToClose)))


def _watch(request: ItemToWatch | ItemToUnwatch, item: ItemState, known: Known) -> Watch | Refuse:
    watcher = request.person or request.by
    if watcher not in known.persons:
        return Refuse(request, item, Reason.UNKNOWN_PERSON)
    return Watch(request, item, watcher, isinstance(request, ItemToWatch))


def named_persons(request: DeskCommand) -> set[str]:
    """The ids of those who act, and what its User is named by."""
    if isinstance(request, NewItem):
        return {request.by, request.logging_analyst or request.by, request.user or request.by}
    return {request.by, getattr(request, "person", None) or request.by}


def named_items(request: DeskCommand) -> set[int]:
    """The numbers of the items that it refers to."""
    references = (getattr(request, "item", None), getattr(request, "linked_to", None))
    return {parsed[1] for one in references if one and (parsed := parse_reference(one))}


def _unknown_person(request: NewItem, known: Known, user: Person | None) -> str | None:
    """Which of its persons the desk does not have, or not as what it needs."""
    if request.by not in known.persons:
        return f"by: there is no person {request.by!r}"
    if user is None:
        return f"user: there is no person {request.user!r}"
    analyst = known.persons.get(request.logging_analyst or request.by)
    if analyst is None or not analyst.is_analyst or analyst.disabled:
        return f"logging_analyst: {request.logging_analyst or request.by!r} is no Analyst"
    return None


def _wrong_value(request: NewItem, settings: SettingsSnapshot) -> Dead | None:
    """The request's own field that names what the settings do not have, and what they have."""
    template = settings.call_template(request.call_template)
    if template is None:
        known = ", ".join(one.id for one in settings.all_of(CallTemplate)) or "none"
        text = f"call_template: there is no call template {request.call_template!r}; known are: {known}"
        return Dead(Reason.UNKNOWN_TEMPLATE, text)
    partition = settings.partition(template.partition)
    if partition is None:
        return None  # the template's fault, not the request's
    for field, given, values in (
        ("impact", request.impact, partition.impacts),
        ("urgency", request.urgency, partition.urgencies),
    ):
        if given is not None and given not in values:
            text = f"{field}: partition {partition.id!r} has no {field} {given!r}; known are: {', '.join(values)}"
            return Dead(Reason.UNKNOWN_VALUE, text)
    return None
