"""Email Settings: the two fields for outgoing mail, and the tables of servers below them; deleting one of these: what
refers to it is named first, and where nothing does, it is confirmed.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from console.access.rights import Right
from console.errors import UserError
from console.servers.details import is_changed
from console.servers.rows import ServerRow, rows_of
from console.servers.server_settings import Direction
from console.servers.window import (
    author_of,
    failure,
    name_of,
    open_draft,
    state_of,
    wanted_row,
)
from console.settings import saving
from console.settings.apply import plan
from console.settings.presentation import places
from console.settings.references import find_referrers, plan_deletion
from console.settings.settings_file import SettingsFile
from console.views.snapshot import ViewSnapshot
from console.web import form_values, forms
from console.web.current import reason_of, version_of, view_of
from console.web.form_errors import PageError
from console.web.page import Page
from console.web.render import fragment, page, redirect
from runtime.outages import OutageError
from schemas.settings import EmailOptions

TITLE = "Email Settings"
KEY = "email-options/email-options"
OPTIONS = ("default_format", "message_format_per_person")
_HELP = {
    "default_format": forms.Look(help="The format of any outgoing email, HTML or Plain Text.", widget="radios"),
    "message_format_per_person": forms.Look(
        help="Select it to be able to specify an Email Format in a person's details: the message has the format of the "
        "Analyst or User, which overrides the default format."
    ),
}
_TABLES: Mapping[Direction, str] = {"outgoing": "Outgoing Email Servers", "incoming": "Incoming Email Servers"}
_PAGES: Final = {"open": "servers.open", "update": "servers.update", "delete": "servers.delete"}
_SELECT_FIRST = "Select a server in the table first, then {}."


def show(request: Request) -> Response:
    view = view_of(request)
    return _page(request, view, form_values.values_of(view.settings.email_options(), OPTIONS))


def save(request: Request) -> Response:
    """Default Format and Message Format per Analyst/User."""
    form: FormData = request.state.form
    view = view_of(request)
    stored = view.settings.email_options()
    values = form_values.typed_values(EmailOptions, OPTIONS, form, {})
    changed = stored.model_copy(
        update={
            "message_format_per_person": bool(values["message_format_per_person"]),
            "default_format": _format(values, stored),
        }
    )
    services = request.app.state.services
    try:
        planned = plan(SettingsFile("", {KEY: changed}, {}), state_of(request, view))
        saving.save(services, planned, author_of(request), datetime.now(UTC), {KEY: version_of(request)})
    except (UserError, OutageError) as error:
        return _page(request, view, values, (failure(error, "Nothing was saved."),))
    services.views.catch_up(5)
    said = "Saved how outgoing emails are formatted." if planned.effective else "Nothing was changed."
    return redirect(request, "servers.list", said)


def rows(request: Request) -> Response:
    """The parts of the tables that change by themselves."""
    view = view_of(request)
    found = [row for direction in _TABLES for row in rows_of(view, direction)]
    return fragment(request, "servers/states.html", rows=found)


def choose(request: Request) -> Response:
    """Open, Update or Delete for the server that is selected in a table."""
    wanted, chosen = request.query_params.get("do", ""), request.query_params.get("server", "")
    direction, _, server_id = chosen.partition("/")
    if wanted not in _PAGES:
        return redirect(request, "servers.list")
    if direction not in _TABLES or not server_id:
        return redirect(request, "servers.list", _SELECT_FIRST.format(wanted.capitalize()), "warning")
    return redirect(request, _PAGES[wanted], direction=direction, server_id=server_id)


def _page(
    request: Request, view: ViewSnapshot, values: form_values.Values, errors: tuple[PageError, ...] = ()
) -> Response:
    draft = open_draft(request)
    tables: list[tuple[Direction, str, list[ServerRow]]] = [
        (direction, title, rows_of(view, direction)) for direction, title in _TABLES.items()
    ]
    return page(
        request,
        "servers/email_settings.html",
        title=TITLE,
        status=422 if errors else 200,
        errors=errors,
        fields=forms.fields(EmailOptions, OPTIONS, values, errors, _HELP),
        tables=tables,
        freshness=request.app.state.services.views.freshness,
        unsaved=name_of(draft) if draft and is_changed(draft) else "",
        unsaved_at=draft.at if draft else None,
        version=view.settings.versions.get(KEY),
        change_reason=reason_of(request),
        reason_required=view.settings.email_options().change_reason_required,
    )


def _format(values: form_values.Values, stored: EmailOptions) -> object:
    """As typed, where it is one: nothing else can be typed into this field."""
    formats = {one.value: one for one in type(stored.default_format)}
    return formats.get(str(values["default_format"]), stored.default_format)


PAGES = (
    Page("servers.list", "/email-settings", show, Right.SYSTEM_SET_UP),
    Page("servers.options", "/email-settings", save, Right.SYSTEM_SET_UP, ("POST",)),
    Page("servers.rows", "/email-settings/rows", rows, Right.SYSTEM_SET_UP),
    Page("servers.choose", "/email-settings/choose", choose, Right.SYSTEM_SET_UP),
)


def ask_to_delete(request: Request) -> Response:
    return deletion_page(request, wanted_row(request, view_of(request)))


def delete(request: Request) -> Response:
    view = view_of(request)
    row = wanted_row(request, view)
    services = request.app.state.services
    looked_at = {row.key: version_of(request)}
    try:
        planned = plan_deletion(state_of(request, view), row.key)
        saving.save(services, planned, author_of(request), datetime.now(UTC), looked_at)
    except (UserError, OutageError) as error:
        return deletion_page(request, row, (failure(error, "Nothing was deleted."),))
    services.views.catch_up(5)
    return redirect(request, "servers.list", f"{row.name} is deleted.")


def deletion_page(request: Request, row: ServerRow, errors: Sequence[PageError] = ()) -> Response:
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


DELETE_PATH = "/email-settings/servers/{direction}/{server_id}/delete"
DELETE_PAGES = (
    Page("servers.delete", DELETE_PATH, ask_to_delete, Right.SYSTEM_SET_UP),
    Page("servers.delete-confirmed", DELETE_PATH, delete, Right.SYSTEM_SET_UP, ("POST",)),
)
