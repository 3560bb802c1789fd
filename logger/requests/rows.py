"""What is stored of requests: tuples for `desk.bulk.BulkInsert`. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from logger.requests.decide import Change, Intent, Make, Refuse, Watch
from logger.rows import Row, item_row
from logger.state import ItemState
from schemas.desk_commands import Action, DeskCommand

HANDLED = ("key", "outcome", "item_id", "handled_at")
OUTCOMES: Mapping[Action, str] = {
    "log-call": "call-logged",
    "create-task": "task-logged",
    "create-request": "request-logged",
    "update": "item-updated",
    "close": "item-closed",
    "reopen": "item-reopened",
    "watch": "item-watched",
    "unwatch": "item-unwatched",
}


def cause(request: DeskCommand) -> str:
    """Its id among all that has an effect on the desk: key of the table `handled`, and what other ids derive from."""
    return f"request/{request.request_id}"


def outcome(intent: Intent) -> str:
    return "action-refused" if isinstance(intent, Refuse) else OUTCOMES[intent.request.action]


def item_rows(intents: Iterable[Intent], now: datetime) -> Iterator[Row]:
    for one in intents:
        if isinstance(one, Make):
            found = one.properties
            yield item_row(one.item, found.template, one.content, found.versions, one.linked_to, now)


def changed_items(intents: Iterable[Intent], now: datetime) -> list[Mapping[str, Any]]:
    """Each changed item once, as its last change leaves it."""
    last = {one.item.number: one.item for one in intents if isinstance(one, Change)}
    return [_state(item, now) for _, item in sorted(last.items())]


def _state(item: ItemState, now: datetime) -> Mapping[str, Any]:
    status, closed = ("open", None) if item.is_open else ("closed", now)
    return {"number": item.number, "now_status": status, "now_closed": closed}


def watchers_after(intents: Iterable[Intent]) -> Mapping[tuple[int, str], bool]:
    """By item number and person's id, whether that person watches the item in the end."""
    return {(one.item.number, one.watcher): one.watches for one in intents if isinstance(one, Watch)}


def journal_rows(intents: Sequence[Intent], now: datetime) -> Iterator[Row]:
    for one in intents:
        if isinstance(one, Watch):
            continue
        text = one.request.text
        described = isinstance(one, Make) and one.content.description == text
        reason = one.reason if isinstance(one, Refuse) else None
        yield (
            *(one.item.number, now, outcome(one), one.request.by, None, reason),
            *(None if described else text, None, None),
        )


def handled_rows(intents: Iterable[Intent], now: datetime) -> Iterator[Row]:
    for one in intents:
        yield (cause(one.request), outcome(one), one.item.number, now)
