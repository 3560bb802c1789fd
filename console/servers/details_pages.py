"""The Email Server Details: add, open, update, close. Only one server's details are open at a time."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from console.access.rights import Right
from console.servers.details import (
    draft_of,
)
from console.servers.details_editing import (
    close_first_page,
    details_page,
    other_open_draft,
    read_sections,
)
from console.servers.rows import ServerRow
from console.servers.server_types import find_type, type_of, types_of
from console.servers.window import (
    account_of,
    name_of,
    open_draft,
    wanted_row,
)
from console.web.current import view_of
from console.web.form_errors import PageError
from console.web.page import Page
from console.web.render import page, redirect


def add(request: Request) -> Response:
    """The types of one table, to choose from; then on to the details of that type."""
    direction = request.path_params["direction"]
    types = types_of(direction)
    if not types:
        raise HTTPException(404)
    if other := other_open_draft(request, None):
        return close_first_page(request, other)
    wanted = request.query_params.get("type")
    type_ = next((one for one in types if one.id == wanted), None)
    if type_ is not None:
        return redirect(request, "servers.new", type=type_.id)
    errors = () if wanted is None else (PageError("type", "Select an email server type from the drop-down list."),)
    return page(
        request,
        "servers/add.html",
        title=f"Add an {direction} email server",
        status=422 if errors else 200,
        errors=errors,
        direction=direction,
        types=types,
        explained=[(one.label, one.about) for one in types],
    )


def new(request: Request) -> Response:
    """The details of a server that is not there yet."""
    type_ = find_type(request.path_params["type"])
    if type_ is None:
        raise HTTPException(404)
    return details_page(request, draft_of(type_, None, None))


def update(request: Request) -> Response:
    """The details of a server, to be changed."""
    view = view_of(request)
    row = wanted_row(request, view)
    if row.server is None or row.unreadable:
        return _read_only(request, row)
    return details_page(request, draft_of(type_of(row.server), row.server, view.settings.versions.get(row.key)))


def show(request: Request) -> Response:
    """Open: all settings of a server, which are only read."""
    return _read_only(request, wanted_row(request, view_of(request)))


def resume(request: Request) -> Response:
    """The details that are open, wherever they were left."""
    draft = open_draft(request)
    if draft is None:
        return redirect(request, "servers.list")
    if draft.server_id is None:
        return redirect(request, "servers.new", type=draft.type.id)
    return redirect(request, "servers.update", direction=draft.type.direction, server_id=draft.server_id)


def close(request: Request) -> Response:
    """Discards what was typed; the page asked before."""
    draft = open_draft(request)
    request.app.state.services.drafts.close(account_of(request).account_id)
    return redirect(request, "servers.list", f"The changes of {name_of(draft)} are discarded." if draft else "", "info")


def _read_only(request: Request, row: ServerRow) -> Response:
    server = row.server
    draft = draft_of(type_of(server), server, None) if server else None
    return page(
        request,
        "servers/open.html",
        title=f"Email Server Details: {row.name}",
        row=row,
        sections=read_sections(request, draft) if draft else (),
    )


_BOTH = ("GET", "POST")
_SERVER = "/email-settings/servers/{direction}/{server_id}"
PAGES = (
    Page("servers.add", "/email-settings/add/{direction}", add, Right.SYSTEM_SET_UP),
    Page("servers.new", "/email-settings/new/{type}", new, Right.SYSTEM_SET_UP, _BOTH),
    Page("servers.details", "/email-settings/details", resume, Right.SYSTEM_SET_UP),
    Page("servers.close", "/email-settings/close", close, Right.SYSTEM_SET_UP, ("POST",)),
    Page("servers.open", _SERVER, show, Right.SYSTEM_SET_UP),
    Page("servers.update", f"{_SERVER}/update", update, Right.SYSTEM_SET_UP, _BOTH),
)
