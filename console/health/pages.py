"""Health: everything on one page, what is wrong first, each with what to do about it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from console.access.rights import Right
from console.health.groups import processes
from console.health.problems import Known, problems
from console.health.words import duration
from console.servers.rows import state_and_tone
from console.views.snapshot import ViewSnapshot
from console.web.page import Entry, Page
from console.web.render import fragment, page
from schemas.servers import ServerStatus
from schemas.settings import IncomingServer, OutgoingServer


@dataclass(frozen=True, slots=True)
class ServerLine:
    """A mail server, and the last that was heard of it."""

    server: IncomingServer | OutgoingServer
    direction: str
    status: ServerStatus | None


def server_lines(view: ViewSnapshot) -> list[ServerLine]:
    """Outgoing servers before incoming ones, as in the Email Settings window."""
    outgoing, incoming = view.settings.all_of(OutgoingServer), view.settings.all_of(IncomingServer)
    return [
        *(ServerLine(server, "outgoing", view.status("outgoing", server.id)) for server in outgoing),
        *(ServerLine(server, "incoming", view.status("incoming", server.id)) for server in incoming),
    ]


def show(request: Request) -> Response:
    return page(request, "health/health.html", title="Health", **_context(request))


def part(request: Request) -> Response:
    """What the page shows, for the page that is open."""
    return fragment(request, "health/part.html", **_context(request))


def _context(request: Request) -> Mapping[str, Any]:
    services = request.app.state.services
    now = datetime.now(UTC)
    known = Known(now, services.sampler.current, services.views.current, services.views.freshness)
    return {
        "now": now,
        "known": known,
        "problems": problems(known),
        "processes": processes(known.traffic.samples),
        "servers": server_lines(known.view),
        "duration": duration,
        "state_of": state_and_tone,
    }


PAGES = (
    Page("health.show", "/operations/health", show, Right.SYSTEM_SET_UP),
    Page("health.part", "/operations/health/part", part, Right.SYSTEM_SET_UP),
)
ENTRIES = (Entry("Operations", "Health", "health.show"),)
