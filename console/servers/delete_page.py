"""Deleting an email server: what refers to it is named first, and where nothing does, it is confirmed."""

from collections.abc import Sequence
from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import Response

from console.access.rights import Right
from console.errors import UserError
from console.servers.rows import ServerRow
from console.servers.window import author_of, failure, state_of, wanted_row
from console.settings import saving
from console.settings.deletion import plan_deletion
from console.settings.links import places
from console.settings.referring import find_referrers
from console.web.change_reason import reason_of
from console.web.current import view_of
from console.web.looked_at import version_of
from console.web.page import Page
from console.web.render import PageError, page, redirect
from runtime.outcomes import OutageError


def ask(request: Request) -> Response:
    return _page(request, wanted_row(request, view_of(request)))


def delete(request: Request) -> Response:
    view = view_of(request)
    row = wanted_row(request, view)
    services = request.app.state.services
    looked_at = {row.key: version_of(request)}
    try:
        planned = plan_deletion(state_of(request, view), row.key)
        saving.save(services, planned, author_of(request), datetime.now(UTC), looked_at)
    except (UserError, OutageError) as error:
        return _page(request, row, (failure(error, "Nothing was deleted."),))
    services.views.catch_up(5)
    return redirect(request, "servers.list", f"{row.name} is deleted.")


def _page(request: Request, row: ServerRow, errors: Sequence[PageError] = ()) -> Response:
    view = view_of(request)
    return page(
        request,
        "servers/delete.html",
        title=f"Delete {row.name}",
        status=422 if errors else 200,
        errors=errors,
        row=row,
        referrers=places(request, find_referrers(view.settings, row.key)),
        version=view.settings.versions.get(row.key),
        change_reason=reason_of(request),
        reason_required=view.settings.email_options().change_reason_required,
    )


PATH = "/email-settings/servers/{direction}/{server_id}/delete"
PAGES = (
    Page("servers.delete", PATH, ask, Right.SYSTEM_SET_UP),
    Page("servers.delete-confirmed", PATH, delete, Right.SYSTEM_SET_UP, ("POST",)),
)
