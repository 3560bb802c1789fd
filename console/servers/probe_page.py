"""What changes on the way: a mail of many sorts of headers and parts, sent and fetched by saved servers, as a job."""

from collections.abc import Sequence

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from console.access.rights import Right
from console.errors import UserError
from console.jobs.pages import started
from console.servers.probe import address_to_probe
from console.web.current import view_of
from console.web.form_errors import PageError, error_text
from console.web.forms import Field
from console.web.model_fields import Choice
from console.web.page import Page
from console.web.render import page
from schemas.addresses import check_address
from schemas.settings import IncomingServer, OutgoingServer


def ask(request: Request) -> Response:
    return _page(request, _outgoing(request), "", "")


def probe(request: Request) -> Response:
    server = _outgoing(request)
    incoming_id, to = (str(request.state.form.get(name, "")).strip()[:500] for name in ("incoming", "to"))
    incoming = view_of(request).settings.incoming_server(incoming_id)
    if incoming is None:
        error = PageError("incoming", "Incoming server: Choose the one whose mailbox the mail is to go to.")
        return _page(request, server, incoming_id, to, [error])
    try:
        address = check_address(to) if to else address_to_probe(incoming)
    except ValueError as fault:
        return _page(request, server, incoming_id, to, [PageError("to", f"To Address: {fault}")])
    except UserError as refused:
        return _page(request, server, incoming_id, to, [PageError("to", f"To Address: {error_text(refused)}")])
    return started(request, "probe", {"outgoing": server.id, "incoming": incoming.id, "to": address})


def _page(
    request: Request, server: OutgoingServer, incoming: str, to: str, errors: Sequence[PageError] = ()
) -> Response:
    servers = [one for one in view_of(request).settings.all_of(IncomingServer) if one.enabled]
    choices = (Choice("", "Choose one"), *(Choice(one.id, one.name or one.id) for one in servers))

    def told(name: str) -> tuple[str, ...]:
        return tuple(error.text for error in errors if error.field == name)

    to_its_own = "Left empty, the address of its mailbox, where its settings say it."
    return page(
        request,
        "servers/probe.html",
        title=f"Probe {server.name or server.id}",
        status=422 if errors else 200,
        errors=errors,
        server=server,
        fields=(
            Field("incoming", "Incoming server", "select", "", incoming, choices, errors=told("incoming")),
            Field("to", "To Address", "text", to_its_own, to, optional=True, errors=told("to")),
        ),
    )


def _outgoing(request: Request) -> OutgoingServer:
    server = view_of(request).settings.outgoing_server(request.path_params["server_id"])
    if server is None:
        raise HTTPException(404)
    return server


_PATH = "/email-settings/servers/outgoing/{server_id}/probe"
PAGES = (
    Page("servers.probe", _PATH, ask, Right.SYSTEM_SET_UP),
    Page("servers.start-probe", _PATH, probe, Right.SYSTEM_SET_UP, ("POST",)),
)
