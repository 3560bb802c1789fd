"""Deliveries: what failed, what waits and why, what was sent."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from console.access.rights import Right
from console.desk.journal_words import explained
from console.desk.partitions import visible_partitions
from console.web.keyset import Cut, Part, asked, part
from console.web.page import Entry, Page
from console.web.render import page
from desk.delivery_list import Delivery, Ended, WaitingDelivery, list_deliveries, list_waiting
from desk.engine import reading

STATES: Mapping[str, tuple[Ended, ...]] = {"failed": ("failed", "bounced"), "sent": ("sent",)}
_FEW = 10  # rows of each kind where no kind was chosen
_MAX_TEXT = 320


def list_(request: Request) -> Response:
    """The failed ones first; where a state is chosen, all of that."""
    chosen = {name: _filter(request, name) for name in ("state", "recipient", "server")}
    state = chosen["state"] if chosen["state"] in (*STATES, "waiting") else ""
    with reading(request.app.state.services.engine) as connection:
        look = _Look(connection, request, chosen)
        lists: dict[str, Part[Any]] = {name: look(name, _cut(request, name, state)) for name in _shown(state)}
    return page(
        request,
        "desk/deliveries.html",
        title="Deliveries",
        lists=lists,
        state=state,
        chosen=chosen,
        asked={name: value for name, value in chosen.items() if value},
        explained=explained,
    )


class _Look:
    """One kind of deliveries with the other filters of the address."""

    def __init__(self, connection: Connection, request: Request, chosen: Mapping[str, str]) -> None:
        self._connection = connection
        self._partitions = visible_partitions(request)
        self._recipient = chosen["recipient"] or None
        self._server = chosen["server"] or None

    def __call__(self, name: str, cut: Cut) -> Part[Any]:
        place: Any = cut.key
        common: Any = {
            "partitions": self._partitions,
            "recipient": self._recipient,
            "place": place,
            "backwards": cut.backwards,
            "limit": cut.rows + 1,
        }
        if name == "waiting":
            waiting: Sequence[WaitingDelivery] = list_waiting(self._connection, **common)
            return part(waiting, cut, lambda one: one.place)
        ended: Sequence[Delivery] = list_deliveries(self._connection, STATES[name], server=self._server, **common)
        return part(ended, cut, lambda one: one.place)


def _shown(state: str) -> tuple[str, ...]:
    return (state,) if state else ("failed", "waiting", "sent")


def _cut(request: Request, name: str, state: str) -> Cut:
    if not state:
        return Cut(rows=_FEW)
    return asked(request, datetime, str) if name == "waiting" else asked(request, datetime, str, str)


def _filter(request: Request, name: str) -> str:
    return request.query_params.get(name, "").strip()[:_MAX_TEXT]


PAGES = (Page("deliveries.list", "/deliveries", list_, Right.READ_CALLS),)
ENTRIES = (Entry("Desk", "Deliveries", "deliveries.list"),)
