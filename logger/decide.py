"""What becomes of one mail: a frozen intent from frozen values. No database, clock or randomness here."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from desk.references import parse_reference
from logger.call_fields import CallFields, call_fields
from logger.properties import properties
from runtime.outcomes import Dead
from schemas.events import ItemKind
from schemas.ids import OWN_MESSAGE_ID
from schemas.mail import ResolvedMail
from schemas.persons import Person
from schemas.reasons import Reason
from schemas.settings import CallTemplate
from schemas.snapshot import SettingsSnapshot

MAX_MESSAGE_ID = 998  # octets of a line: RFC 5322, 2.1.1. What is longer is no id, and more than an index can hold.

# Requirement: "logging a new call, updating existing call, task or request, or closing a call or task".
CLOSED_BY_MAIL: frozenset[ItemKind] = frozenset(("call", "task"))


@dataclass(frozen=True, slots=True)
class ItemState:
    """What a decision needs to know of an item. `number` is negative as long as the item is not stored."""

    number: int
    kind: ItemKind
    is_open: bool
    partition: str
    subject: str
    user: str
    logging_analyst: str
    priority: str


@dataclass(frozen=True, slots=True)
class LogCall:
    """A new call. `linked_to`: the number of the closed item that the mail referred to."""

    mail: ResolvedMail
    person: Person
    item: ItemState
    template: CallTemplate
    content: CallFields
    settings_versions: Mapping[str, int]
    linked_to: int | None = None


@dataclass(frozen=True, slots=True)
class UpdateItem:
    mail: ResolvedMail
    person: Person
    item: ItemState


@dataclass(frozen=True, slots=True)
class CloseItem:
    mail: ResolvedMail
    person: Person
    item: ItemState


@dataclass(frozen=True, slots=True)
class Refuse:
    """The mail is kept in the item's journal; what it asked for is not done."""

    mail: ResolvedMail
    person: Person
    item: ItemState
    action: Literal["update", "close"]
    reason: Reason


Intent = LogCall | UpdateItem | CloseItem | Refuse


class Known(Protocol):
    """What the desk knows, as far as the mails at hand refer to it."""

    @property
    def items(self) -> Mapping[int, ItemState]:
        """By number."""
        ...

    @property
    def hints(self) -> Mapping[str, int]:
        """Numbers of items by Message-ID, and by id of a notification of ours."""
        ...


def decide(
    mail: ResolvedMail, person: Person, settings: SettingsSnapshot, known: Known, new_number: int
) -> Intent | Dead:
    """`person` performs the action; `new_number` is the number of the call, should it be a new one.

    `Dead` where a new call cannot be logged because its template or partition does not exist.
    """
    item = find_item(mail, person, known)
    if item is None:
        return _log(mail, person, settings, new_number, None)
    if mail.wanted == "close":
        reason = _why_not_closed(item, person)
        return CloseItem(mail, person, item) if reason is None else Refuse(mail, person, item, "close", reason)
    if not item.is_open:
        return _log(mail, person, settings, new_number, item.number)
    return UpdateItem(mail, person, item)


def find_item(mail: ResolvedMail, person: Person, known: Known) -> ItemState | None:
    """The item that the mail belongs to: the first in the order of trust that the desk knows.

    1. The id of a notification of ours: nobody guesses one. 2. Any Message-ID that the desk has seen, nearest first.
    3. An item reference in the subject: anybody can write a number, so only a party of that item is believed.
    """
    for key in hint_keys(mail):
        item = known.items.get(known.hints.get(key, 0))
        if item is not None:
            return item
    for kind, number in item_references(mail):
        item = known.items.get(number)
        if item is not None and item.kind == kind and is_party(person, item):
            return item
    return None


def hint_keys(mail: ResolvedMail) -> Iterator[str]:
    """The keys under which the mail's references may be known, in the order of trust."""
    for own in mail.conversation.own_message_ids:
        match = OWN_MESSAGE_ID.match(own)
        if match:
            yield match[1]
    for message_id in mail.conversation.message_ids:
        key = message_key(message_id)
        if key is not None:
            yield key


def message_key(message_id: str | None) -> str | None:
    """The key of a Message-ID of a mail; None where it is not fit for one. The `<` keeps it apart from our own ids."""
    if message_id is None or not message_id.startswith("<") or len(message_id.encode()) > MAX_MESSAGE_ID:
        return None
    return message_id


def item_references(mail: ResolvedMail) -> Iterator[tuple[ItemKind, int]]:
    return filter(None, map(parse_reference, mail.conversation.item_references))


def is_party(person: Person, item: ItemState) -> bool:
    """The item's User, its Logging Analyst, or any Analyst. A disabled person acts as no Analyst."""
    return person.id in (item.user, item.logging_analyst) or (person.is_analyst and not person.disabled)


def _why_not_closed(item: ItemState, person: Person) -> Reason | None:
    if not is_party(person, item):
        return Reason.NOT_A_PARTY
    if not item.is_open:
        return Reason.ITEM_CLOSED
    if item.kind not in CLOSED_BY_MAIL:
        return Reason.REQUEST_NOT_CLOSED_BY_MAIL
    return None


def _log(
    mail: ResolvedMail, person: Person, settings: SettingsSnapshot, number: int, linked_to: int | None
) -> LogCall | Dead:
    found = properties(mail.call_template, settings)
    if isinstance(found, Dead):
        return found
    content = call_fields(found.template, mail.subject, mail.text)
    item = ItemState(
        number=number,
        kind="call",
        is_open=True,
        partition=found.partition,
        subject=content.subject,
        user=person.id,
        logging_analyst=mail.sender.logging_analyst,
        priority=found.priority,
    )
    return LogCall(mail, person, item, found.template, content, {**mail.settings_versions, **found.versions}, linked_to)
