"""A whole batch, mail after mail: what is decided about one is known to the next."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from logger.decide import CloseItem, Intent, ItemState, LogCall, decide, message_key
from logger.floods import Accepted, Flood, flood_of
from runtime.outcomes import Dead
from schemas.mail import ResolvedMail
from schemas.persons import Person
from schemas.settings import Floods
from schemas.snapshot import SettingsSnapshot


@dataclass(slots=True)
class Desk:
    """The desk as far as the batch refers to it, and as the batch changes it. Keys as in `decide.Known`."""

    items: dict[int, ItemState] = field(default_factory=dict)
    hints: dict[str, int] = field(default_factory=dict)
    accepted: Accepted = field(default_factory=Accepted)

    def remember(self, intent: Intent) -> None:
        item = intent.item
        if isinstance(intent, CloseItem):
            item = replace(item, is_open=False)
        self.items[item.number] = item
        self.accepted.remember(intent)
        key = message_key(intent.mail.message_id)
        if key is not None:
            self.hints.setdefault(key, item.number)  # whoever came first keeps an id


@dataclass(frozen=True, slots=True)
class Plan:
    """Intents in the order of the mails, new calls numbered -1, -2 ...; `dead` by mail id; `floods` have no effect."""

    intents: tuple[Intent, ...]
    new_calls: int
    dead: Mapping[str, Dead]
    floods: tuple[Flood, ...]


def flood_limits(mails: Sequence[ResolvedMail], settings: SettingsSnapshot) -> Mapping[str, Floods]:
    """By incoming server. One that has been deleted meanwhile has no limits any more."""
    servers = map(settings.incoming_server, {mail.server_id for mail in mails})
    return {server.id: server.floods for server in servers if server is not None}


def plan(mails: Sequence[ResolvedMail], acting: Mapping[str, Person], settings: SettingsSnapshot, desk: Desk) -> Plan:
    """`acting`: the person by `sender.person_id`. Changes `desk` as it goes."""
    intents: list[Intent] = []
    dead: dict[str, Dead] = {}
    floods: list[Flood] = []
    limits = flood_limits(mails, settings)
    new_calls = 0
    for mail in mails:
        intent = decide(mail, acting[mail.sender.person_id], settings, desk, -new_calls - 1)
        if isinstance(intent, Dead):
            dead[mail.mail_id] = intent
            continue
        flood = flood_of(intent, limits, desk.accepted)
        if flood is not None:
            floods.append(flood)
            continue
        new_calls += isinstance(intent, LogCall)
        desk.remember(intent)
        intents.append(intent)
    return Plan(tuple(intents), new_calls, dead, tuple(floods))


def numbered(intents: Sequence[Intent], numbers: Sequence[int]) -> list[Intent]:
    """The intents with the numbers that the database gave: -1 becomes `numbers[0]`, and so on."""

    def final(number: int) -> int:
        return number if number > 0 else numbers[-number - 1]

    return [_with_numbers(intent, final) for intent in intents]


def _with_numbers(intent: Intent, final: Callable[[int], int]) -> Intent:
    if intent.item.number > 0:
        return intent
    item = replace(intent.item, number=final(intent.item.number))
    if isinstance(intent, LogCall):
        return replace(intent, item=item, linked_to=intent.linked_to and final(intent.linked_to))
    return replace(intent, item=item)
