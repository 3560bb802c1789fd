"""A whole batch, mail after mail: what is decided about one is known to the next."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeVar

from logger.decide import CloseItem, Intent, LogCall, ReopenItem, decide
from logger.find_item import message_key, partition_of
from logger.floods import Accepted, Flood, flood_of
from logger.state import ItemState
from runtime.outcomes import Dead, Reject
from schemas.mail import ResolvedMail
from schemas.persons import Person
from schemas.reasons import Reason
from schemas.settings import RateLimits
from schemas.snapshot import SettingsSnapshot


@dataclass(frozen=True, slots=True)
class Duplicate:
    """One and the same mail come by a second way: it has had its effect on `item`, and has no other."""

    mail: ResolvedMail
    person: Person
    item: ItemState


@dataclass(slots=True)
class Desk:
    """The desk as far as the batch refers to it, and as the batch changes it. Keys as in `state.Known`.

    `contents`: the numbers of items by the content id of a mail that went to them.
    """

    items: dict[int, ItemState] = field(default_factory=dict)
    hints: dict[str, int] = field(default_factory=dict)
    contents: dict[str, int] = field(default_factory=dict)
    accepted: Accepted = field(default_factory=Accepted)

    def remember(self, intent: Intent, partition: str, now: datetime) -> None:
        """`partition`: that the mail came to."""
        item = intent.item
        if isinstance(intent, CloseItem):
            item = replace(item, is_open=False, closed_at=now)
        elif isinstance(intent, ReopenItem):
            item = replace(item, is_open=True, closed_at=None)
        self.items[item.number] = item
        self.accepted.remember(intent)
        key = message_key(intent.mail.message_id, partition)
        if key is not None:
            self.hints.setdefault(key, item.number)  # whoever came first keeps an id
        self.contents.update((key, item.number) for key in content_keys(intent.mail))

    def item_of_twin(self, mail: ResolvedMail) -> ItemState | None:
        """The item that this very mail went to when it came by another way."""
        numbers = (self.contents[key] for key in content_keys(mail) if key in self.contents)
        return self.items.get(next(numbers, 0))


def content_keys(mail: ResolvedMail) -> tuple[str, ...]:
    """What the mail's content may be known by. Nothing where it is not known."""
    return tuple(filter(None, (mail.content_id, mail.former_content_id)))


@dataclass(frozen=True, slots=True)
class Plan:
    """Intents in the order of the mails, new calls numbered -1, -2 ...; `dead` by mail id.

    `duplicates` and `floods` have no effect on an item.
    """

    intents: tuple[Intent, ...]
    duplicates: tuple[Duplicate, ...]
    new_calls: int
    dead: Mapping[str, Dead]
    floods: tuple[Flood, ...]

    @property
    def undone(self) -> Mapping[str, Dead | Reject]:
        """By mail id, those that change nothing in the desk."""
        return {**self.dead, **{one.mail.mail_id: Reject(Reason.FLOOD) for one in self.floods}}


def flood_limits(mails: Sequence[ResolvedMail], settings: SettingsSnapshot) -> Mapping[str, RateLimits]:
    """By incoming server. One that has been deleted meanwhile has no limits any more."""
    servers = map(settings.incoming_server, {mail.server_id for mail in mails})
    return {server.id: server.floods for server in servers if server is not None}


def plan(
    mails: Sequence[ResolvedMail],
    acting: Mapping[str, Person],
    settings: SettingsSnapshot,
    desk: Desk,
    now: datetime,
) -> Plan:
    """`acting`: the person by `sender.person_id`. Changes `desk` as it goes; `now` is when that happens."""
    intents: list[Intent] = []
    duplicates: list[Duplicate] = []
    dead: dict[str, Dead] = {}
    floods: list[Flood] = []
    limits = flood_limits(mails, settings)
    new_calls = 0
    for mail in mails:
        person = acting[mail.sender.person_id]
        twin = desk.item_of_twin(mail)
        if twin is not None:
            duplicates.append(Duplicate(mail, person, twin))
            continue
        intent = decide(mail, person, settings, desk, -new_calls - 1)
        if isinstance(intent, Dead):
            dead[mail.mail_id] = intent
            continue
        flood = flood_of(intent, limits, desk.accepted)
        if flood is not None:
            floods.append(flood)
            continue
        new_calls += isinstance(intent, LogCall)
        desk.remember(intent, partition_of(mail, settings), now)
        intents.append(intent)
    return Plan(tuple(intents), tuple(duplicates), new_calls, dead, tuple(floods))


Numbered = TypeVar("Numbered", bound=Intent | Duplicate)


def numbered(intents: Sequence[Numbered], numbers: Sequence[int]) -> list[Numbered]:
    """The intents with the numbers that the database gave: -1 becomes `numbers[0]`, and so on."""

    def final(number: int) -> int:
        return number if number > 0 else numbers[-number - 1]

    return [_with_numbers(intent, final) for intent in intents]


def _with_numbers(intent: Numbered, final: Callable[[int], int]) -> Numbered:
    if intent.item.number > 0:
        return intent
    item = replace(intent.item, number=final(intent.item.number))
    if isinstance(intent, LogCall):
        return replace(intent, item=item, linked_to=intent.linked_to and final(intent.linked_to))
    return replace(intent, item=item)
