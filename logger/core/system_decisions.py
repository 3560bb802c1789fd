"""The decision about one command of another system. Pure: no database, clock or randomness here."""

from collections.abc import Mapping
from dataclasses import dataclass

from desk.item_references import parse_reference
from logger.core.commands import (
    BY_A_SYSTEM,
    ChangeWatchers,
    CloseItem,
    CreateItem,
    Decision,
    RefuseCommand,
    ReopenItem,
    SystemCommand,
    UpdateItem,
)
from logger.core.new_items import item_fields, properties
from logger.core.state import ItemState
from runtime.processing.outcomes import Dead
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
class KnownEntities:
    """What the desk knows of all that the commands name: items by number, persons by id, Users as they are named."""

    items: Mapping[int, ItemState]
    persons: Mapping[str, Person]
    users: Mapping[str, Person]

    def item(self, reference: str) -> ItemState | None:
        kind, number = parse_reference(reference) or (None, 0)
        item = self.items.get(number)
        return item if item is not None and item.kind == kind else None


def decide_new_item(
    command: SystemCommand, new_item: NewItem, known: KnownEntities, settings: SettingsSnapshot, number: int
) -> CreateItem | Dead:
    """`number`: of the new item. `Dead` where the command names something that does not exist."""
    user = known.users.get(new_item.user or new_item.by)
    fault = _unknown_person(new_item, known, user)
    if fault is not None or user is None:
        return Dead(Reason.UNKNOWN_PERSON, fault or "")
    linked = known.item(new_item.linked_to) if new_item.linked_to else None
    if new_item.linked_to and linked is None:
        return Dead(Reason.UNKNOWN_ITEM, f"linked_to: there is no item {new_item.linked_to}")
    wrong = _unknown_value(new_item, settings)
    if wrong is not None:
        return wrong
    found = properties(new_item.call_template, settings, new_item.filled)
    if isinstance(found, Dead):
        return found
    content = item_fields(found.template, new_item.subject, new_item.text)
    item = ItemState(
        number=number,
        kind=KINDS[type(new_item)],
        is_open=True,
        partition=found.partition,
        subject=content.subject,
        user=user.id,
        logging_analyst=new_item.logging_analyst or new_item.by,
        priority=found.priority,
        assigned_group=found.template.assigned_group,
    )
    person, linked_to = known.persons[new_item.by], linked.number if linked else None
    return CreateItem(command, person, item, BY_A_SYSTEM, user, found.template, content, found.versions, linked_to)


def decide_change(command: SystemCommand, change: ExistingItem, known: KnownEntities) -> Decision | Dead:
    item = known.item(change.item)
    if item is None:
        return Dead(Reason.UNKNOWN_ITEM, f"item: there is no item {change.item}")
    person = known.persons.get(change.by)
    reason = Reason.UNKNOWN_PERSON if person is None else _why_not(change, item, known)
    if person is None or reason is not None:
        by = person or Person.model_construct(id=change.by)
        return RefuseCommand(command, by, item, BY_A_SYSTEM, change.action, reason or Reason.UNKNOWN_PERSON)
    if isinstance(change, ItemToWatch | ItemToUnwatch):
        watches = isinstance(change, ItemToWatch)
        return ChangeWatchers(command, person, item, BY_A_SYSTEM, change.person or change.by, watches)
    if isinstance(change, ItemToReopen):
        return ReopenItem(command, person, item, BY_A_SYSTEM)
    return (CloseItem if isinstance(change, ItemToClose) else UpdateItem)(command, person, item, BY_A_SYSTEM)


def named_persons(desk_command: DeskCommand) -> set[str]:
    """The ids of those who act, and what the item's User is named by."""
    if isinstance(desk_command, NewItem):
        return {desk_command.by, desk_command.logging_analyst or desk_command.by, desk_command.user or desk_command.by}
    return {desk_command.by, getattr(desk_command, "person", None) or desk_command.by}


def named_items(desk_command: DeskCommand) -> set[int]:
    """The numbers of the items that it refers to."""
    references = (getattr(desk_command, "item", None), getattr(desk_command, "linked_to", None))
    return {parsed[1] for reference in references if reference and (parsed := parse_reference(reference))}


def _why_not(change: ExistingItem, item: ItemState, known: KnownEntities) -> Reason | None:
    if isinstance(change, ItemToWatch | ItemToUnwatch):
        return None if (change.person or change.by) in known.persons else Reason.UNKNOWN_PERSON
    if isinstance(change, ItemToReopen):
        return Reason.ITEM_OPEN if item.is_open else None
    return None if item.is_open else Reason.ITEM_CLOSED


def _unknown_person(new_item: NewItem, known: KnownEntities, user: Person | None) -> str | None:
    """Which of its persons the desk does not have, or not in the capacity that it needs."""
    if new_item.by not in known.persons:
        return f"by: there is no person {new_item.by!r}"
    if user is None:
        return f"user: there is no person {new_item.user!r}"
    analyst = known.persons.get(new_item.logging_analyst or new_item.by)
    if analyst is None or not analyst.is_analyst or analyst.disabled:
        return f"logging_analyst: {new_item.logging_analyst or new_item.by!r} is no Analyst"
    return None


def _unknown_value(new_item: NewItem, settings: SettingsSnapshot) -> Dead | None:
    """The command's own field that names something the settings do not have, and what they have."""
    template = settings.call_template(new_item.call_template)
    if template is None:
        known = ", ".join(other.id for other in settings.all_of(CallTemplate)) or "none"
        text = f"call_template: there is no call template {new_item.call_template!r}; known are: {known}"
        return Dead(Reason.UNKNOWN_TEMPLATE, text)
    partition = settings.partition(template.partition)
    if partition is None:
        return None  # the template's fault, not the command's
    for field, given, values in (
        ("impact", new_item.impact, partition.impacts),
        ("urgency", new_item.urgency, partition.urgencies),
    ):
        if given is not None and given not in values:
            text = f"{field}: partition {partition.id!r} has no {field} {given!r}; known are: {', '.join(values)}"
            return Dead(Reason.UNKNOWN_VALUE, text)
    return None
