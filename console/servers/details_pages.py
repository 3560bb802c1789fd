"""The Email Server Details: add, open, update, close. What is typed is kept for the account until it is saved or
discarded, and only one server's details are open at a time."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from console.access.rights import Right
from console.errors import Problem, UserError
from console.servers.analysts import Found, find_analyst
from console.servers.checking import Checked, check_entry
from console.servers.details import (
    draft_of,
    entry_of,
    is_changed,
    missing,
    read_form,
    shown_values,
)
from console.servers.details_form import ShownSection, sections_of
from console.servers.drafts import Draft
from console.servers.rows import ServerRow
from console.servers.server_types import find_type, type_of, types_of
from console.servers.window import (
    account_of,
    errors_of,
    name_of,
    open_draft,
    state_of,
    wanted_row,
)
from console.settings.editing import names_of
from console.settings.secrets import sealer
from console.web.current import view_of
from console.web.page import Page
from console.web.render import PageError, page, redirect

_SEARCHED = "default_logging_analyst"


def add(request: Request) -> Response:
    """The types of one table, to choose from; then on to the details of that type."""
    direction = request.path_params["direction"]
    types = types_of(direction)
    if not types:
        raise HTTPException(404)
    if other := _other(request, None):
        return _close_first(request, other)
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
    return _details(request, draft_of(type_, None, None))


def update(request: Request) -> Response:
    """The details of a server, to be changed."""
    view = view_of(request)
    row = wanted_row(request, view)
    if row.server is None or row.unreadable:
        return _read_only(request, row)
    return _details(request, draft_of(type_of(row.server), row.server, view.settings.versions.get(row.key)))


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


def check_draft(request: Request, draft: Draft) -> Checked:
    """What saving the details would change, or what is wrong with them. Raises `OutageError`."""
    view = view_of(request)
    saved = view.settings.settings.get(draft.before.kind + "/" + draft.before.id) if draft.before else None
    entry = entry_of(draft, draft.before)
    state = state_of(request, view, (str(entry.get(_SEARCHED, "")),))
    checked = check_entry(entry, draft.type.model, state, draft.before, draft.secrets)
    if lacking := tuple(missing(draft)):
        return Checked(problems=(*lacking, *_untold(checked.problems, lacking)))
    if checked.server is not None and draft.before is not None and saved is None:
        return Checked(problems=(Problem("this server has been deleted meanwhile", "add it again, or discard this"),))
    return checked


def _details(request: Request, fresh: Draft) -> Response:
    """The form, as opened or as it was left, or what is done with what is posted."""
    if other := _other(request, fresh):
        return _close_first(request, other)
    left = open_draft(request)
    draft = left or fresh
    if request.method == "GET":
        return form_page(request, draft)
    return _posted(request, draft)


def _posted(request: Request, earlier: Draft) -> Response:
    form: FormData = request.state.form
    services, account = request.app.state.services, account_of(request)
    wanted = str(form.get("do", "save"))
    try:
        seal = sealer(services.config.public_key_file) if services.config.public_key_file else None
    except UserError:
        seal = None
    posted = read_form(form, earlier, seal, datetime.now(UTC))
    draft, found = _with_analyst(request, posted.draft)
    services.drafts.keep(account.account_id, draft)
    if wanted == "keep":
        return Response(status_code=204)
    if wanted == "close":
        if is_changed(draft):
            return _close_first(request, draft, "Discard the changes?")
        services.drafts.close(account.account_id)
        return redirect(request, "servers.list")
    if wanted == "find":
        return form_page(request, draft, found=found, searched=True)
    checked = check_draft(request, draft)
    problems = (*posted.problems, *found.problems, *_untold(checked.problems, posted.problems, found.problems))
    if problems:
        return form_page(request, draft, errors_of(problems, draft.type.fields), found)
    return redirect(request, "servers.test" if wanted == "test" else "servers.review")


def _untold(problems: Sequence[Problem], *told: Sequence[Problem]) -> list[Problem]:
    """Those at fields of which nothing else is told."""
    known = {path for some in told for problem in some for path in problem.fields}
    return [problem for problem in problems if not known.intersection(problem.fields)]


def _with_analyst(request: Request, draft: Draft) -> tuple[Draft, Found]:
    """With the id of the Analyst who was meant, where words of a name or an address were typed."""
    typed = draft.typed.get(_SEARCHED)
    if typed is None:
        return draft, Found()
    found = find_analyst(request.app.state.services.engine, str(typed))
    if found.id is None:
        return draft, found
    return replace(draft, typed={**draft.typed, _SEARCHED: found.id}), found


def form_page(
    request: Request,
    draft: Draft,
    errors: Sequence[PageError] = (),
    found: Found | None = None,
    searched: bool = False,
) -> Response:
    view = view_of(request)
    analyst = str(draft.typed.get(_SEARCHED, ""))
    values = shown_values(draft, draft.before)
    return page(
        request,
        "servers/details.html",
        title=f"Email Server Details: {name_of(draft)}"
        if draft.server_id
        else f"Email Server Details: new {draft.type.label}",
        status=422 if errors else 200,
        errors=errors,
        draft=draft,
        sections=sections_of(draft, values, view.settings, errors),
        found=found or find_analyst(request.app.state.services.engine, analyst),
        searched=searched,
        changed=is_changed(draft),
        action=_action(draft),
    )


def _action(draft: Draft) -> tuple[str, dict[str, str]]:
    if draft.server_id is None:
        return "servers.new", {"type": draft.type.id}
    return "servers.update", {"direction": draft.type.direction, "server_id": draft.server_id}


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


def read_sections(request: Request, draft: Draft) -> list[ShownSection]:
    """The details to be read: what was chosen is called as it was to choose, persons by their names."""
    ids = [str(typed)] if (typed := draft.typed.get(_SEARCHED)) else []
    people, settings = names_of(request, ids), view_of(request).settings
    return sections_of(draft, shown_values(draft, draft.before), settings, people=people)


def _other(request: Request, fresh: Draft | None) -> Draft | None:
    """Details of another server that are open, with something in them that would be lost."""
    left = open_draft(request)
    if left is None or (fresh is not None and left.key == fresh.key):
        return None
    if is_changed(left):
        return left
    request.app.state.services.drafts.close(account_of(request).account_id)
    return None


def _close_first(request: Request, draft: Draft, title: str = "Close these details first") -> Response:
    return page(
        request,
        "servers/close_first.html",
        title=title,
        status=409,
        name=name_of(draft),
        draft=draft,
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
