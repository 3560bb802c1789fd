"""The first page after signing in: System Administration. A new installation shows the short path to its first call."""

from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from console.access.rights import Right
from console.health.problems import Known, problems
from console.mails.index.ends import QUARANTINED
from console.mails.index.search import PAGE, Query, find_mails
from console.web.first_run import SetUp, is_finished, steps
from console.web.page import Entry, Page
from console.web.render import fragment, page
from console.web.set_up import desk_set_up
from desk.engine import read_transaction
from runtime.outcomes import OutageError

WORST = 3  # problems that the page shows; Health has all of them


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
