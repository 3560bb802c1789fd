"""The first page after signing in: System Administration. A new installation shows the short path to its first call."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select
from starlette.requests import Request
from starlette.responses import Response

from console.access.rights import Right
from console.health.problems import Known, problems
from console.mails.index.conditions import Query
from console.mails.index.ends import QUARANTINED
from console.mails.index.search import PAGE, find_mails
from console.web.first_run import SetUp, is_finished, steps
from console.web.page import Entry, Page
from console.web.render import NextStep, fragment, page, url
from desk.engine import read_transaction
from desk.item_references import reference
from desk.tables import items, persons
from runtime.outages import OutageError

WORST = 3  # problems that the page shows; Health has all of them


@dataclass(frozen=True, slots=True)
class DeskSetUp:
    """`first_item`: the reference of the first call, task or request; `is_only`: there is no other."""

    has_analyst: bool = False
    first_item: str | None = None
    is_only: bool = False


def desk_set_up(request: Request) -> DeskSetUp:
    """Nothing while the database is away, which the page says as a problem."""
    analyst = select(persons.c.id).where(persons.c.is_analyst, ~persons.c.disabled).limit(1)
    first = select(items.c.kind, items.c.id).order_by(items.c.id).limit(2)
    try:
        with read_transaction(request.app.state.services.engine) as connection:
            found = connection.execute(first).all()
            is_there = connection.scalar(analyst) is not None
    except OutageError:
        return DeskSetUp()
    return DeskSetUp(is_there, reference(found[0].kind, found[0].id) if found else None, len(found) == 1)


def next_step(request: Request) -> NextStep | None:
    """What comes next on the path, for the page after something was saved; None once the first call is there, and for
    a user who may not set anything up."""
    services = request.app.state.services
    if not request.state.identity.may(Right.SYSTEM_SET_UP) or not services.views.freshness.ready:
        return None
    desk = desk_set_up(request)
    known = SetUp(services.views.current, desk.has_analyst, desk.first_item)
    if is_finished(known):
        return None
    step = next((step for step in steps(known) if step.state != "done"), None)
    if step is None:
        return None
    place = step.place
    is_here = place.page == getattr(request.state, "page_name", "")
    return NextStep(step.title, step.text, "" if is_here else url(request, place.page, place.query, **place.parameters))


def home(request: Request) -> Response:
    return page(request, "web/home.html", title="System Administration", **_context(request))


def part(request: Request) -> Response:
    """What of the page is live."""
    return fragment(request, "web/home_part.html", **_context(request))


def _context(request: Request) -> dict[str, Any]:
    """Whoever may not set anything up sees where they may go, and what waits for them there."""
    held = _held(request) if request.state.identity.may(Right.HELD_MAIL) else ""
    if not request.state.identity.may(Right.SYSTEM_SET_UP):
        return {"steps": (), "only_item": "", "problems": (), "worst": WORST, "is_known": False, "held": held}
    services = request.app.state.services
    found = desk_set_up(request)
    known = SetUp(services.views.current, found.has_analyst, found.first_item)
    traffic = services.sampler.current
    wrong = problems(Known(datetime.now(UTC), traffic, services.views.current, services.views.freshness))
    return {
        "steps": () if is_finished(known) or not services.views.freshness.ready else steps(known),
        "only_item": found.first_item if found.is_only else "",
        "problems": wrong,
        "worst": WORST,
        "is_known": traffic.last is not None,
        "held": held,
    }


def _held(request: Request) -> str:
    """How many mails are in quarantine, as a number or "more than"; empty where none is."""
    try:
        with read_transaction(request.app.state.services.engine) as connection:
            found = find_mails(connection, Query(outcome=QUARANTINED))
    except OutageError:
        return ""
    return f"more than {PAGE}" if found.after else str(len(found.mails) or "")


PAGES = (
    Page("home", "/", home, None),
    Page("home.part", "/home/part", part, None),
)
ENTRIES: tuple[Entry, ...] = ()
