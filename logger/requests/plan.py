"""A whole batch, request after request: what is decided about one is known to the next."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from logger.requests.decide import Change, Intent, Known, decide_change, decide_new
from runtime.outcomes import Dead
from schemas.desk_commands import ItemRequest, NewItem
from schemas.snapshot import SettingsSnapshot


@dataclass(frozen=True, slots=True)
class Plan:
    """Intents in the order of the requests; `dead` by request id."""

    intents: tuple[Intent, ...]
    dead: Mapping[str, Dead]


def plan(requests: Iterable[ItemRequest], known: Known, settings: SettingsSnapshot, numbers: Iterator[int]) -> Plan:
    """`numbers`: one for each item that may be made; those of dead letters stay unused."""
    items = dict(known.items)
    now_known = replace(known, items=items)
    intents: list[Intent] = []
    dead: dict[str, Dead] = {}
    for request in requests:
        if isinstance(request, NewItem):
            intent: Intent | Dead = decide_new(request, now_known, settings, next(numbers))
        else:
            intent = decide_change(request, now_known)
        if isinstance(intent, Dead):
            dead[request.request_id] = intent
            continue
        if isinstance(intent, Change):
            items[intent.item.number] = intent.item
        intents.append(intent)
    return Plan(tuple(intents), dead)
