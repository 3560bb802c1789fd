"""Testing Outgoing and Incoming Email Settings: what is shown in the details, saved or not, step by step."""

from collections.abc import Sequence
from datetime import UTC, datetime

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from console.access.rights import Right
from console.servers.details_editing import check_draft, form_page
from console.servers.drafts import Draft
from console.servers.rows import address_of
from console.servers.server_settings import Server, direction_of
from console.servers.server_tests import make_request as request_test
from console.servers.server_types import type_of
from console.servers.test_runs import ServerTestRun, asked_run, start_run, status_of
from console.servers.window import account_of, name_of, open_draft, wanted_row
from console.web.current import view_of
from console.web.form_errors import PageError, errors_at_fields
from console.web.page import Page
from console.web.render import page, redirect, url
from schemas.addresses import check_address
from schemas.servers import ServerTest

_LISTS = ("to", "cc", "bcc")
_TEXTS = ("subject", "message", "marker")
_LABELS = {"to": "To Address", "cc": "CC", "bcc": "BCC", "subject": "Subject", "message": "Message"}
MAX_ADDRESSES = 20
MAX_MESSAGE = 20_000  # characters


def show(request: Request) -> Response:
    """The test window for the details that are open."""
    draft = open_draft(request)
    if draft is None:
        return redirect(request, "servers.list")
    return _of_draft(request, draft)


def run(request: Request) -> Response:
    draft = open_draft(request)
    if draft is None:
        return redirect(request, "servers.list", "These details are open no more: nothing was tested.", "warning")
    return _of_draft(request, draft)


def of_saved(request: Request) -> Response:
    """The test window for a server as it is saved."""
    row = wanted_row(request, view_of(request))
    if row.server is None:
        return redirect(request, "servers.open", direction=row.direction, server_id=row.id)
    return _window(request, row.server, row.name, None)


def _of_draft(request: Request, draft: Draft) -> Response:
    checked = check_draft(request, draft)
    if checked.server is None:
        return form_page(request, draft, errors_at_fields(checked.problems, draft.type.fields))
    return _window(request, checked.server, name_of(draft), draft)


def _window(request: Request, server: Server, name: str, draft: Draft | None) -> Response:
    if request.method == "GET":
        return _page(request, server, name, draft, _typed_before(request, server), asked_run(request))
    form: FormData = request.state.form
    typed = {field: str(form.get(field, "")).replace("\r\n", "\n").strip() for field in (*_LISTS, *_TEXTS)}
    asked, errors = _asked(server, typed)
    if asked is None:
        return _page(request, server, name, draft, typed, None, errors)
    started = start_run(request, server, asked, typed)
    if isinstance(started, PageError):
        return _page(request, server, name, draft, typed, None, (started,))
    place = {} if draft else {"direction": direction_of(server), "server_id": server.id}
    where = url(request, "servers.test" if draft else "servers.test-saved", {"run": started.test_id}, **place)
    return Response(status_code=303, headers={"location": where})


def _asked(server: Server, typed: dict[str, str]) -> tuple[ServerTest | None, list[PageError]]:
    """The request, with what is wrong with it."""
    lists = {field: _addresses(typed[field]) for field in _LISTS}
    errors = [PageError(field, f"{_LABELS[field]}: {fault}") for field, (_, fault) in lists.items() if fault]
    if server.kind == "outgoing-server" and not typed["to"]:
        errors.append(PageError("to", "Key in the email address to which the message is being sent."))
    for field in ("subject", "marker"):
        if len(typed[field]) > 500 or any(ord(character) < 32 or ord(character) == 127 for character in typed[field]):
            errors.append(PageError(field, "Write it on one line of at most 500 characters."))
    if len(typed["message"]) > MAX_MESSAGE:
        errors.append(PageError("message", f"Shorten it to {MAX_MESSAGE:,} characters."))
    if errors:
        return None, errors
    common = {"server": server, "server_id": server.id}
    if server.kind == "incoming-server":
        return request_test(datetime.now(UTC), **common, marker=typed["marker"]), []
    mail = {field: addresses for field, (addresses, _) in lists.items()}
    return request_test(datetime.now(UTC), **common, **mail, subject=typed["subject"], message=typed["message"]), []


def _addresses(text: str) -> tuple[tuple[str, ...], str]:
    """Addresses with commas, semicolons or blanks between them, and what is wrong with one."""
    found: list[str] = []
    for word in text.replace(",", " ").replace(";", " ").split():
        try:
            found.append(check_address(word))
        except ValueError as error:
            return (), str(error)
    return tuple(found), "" if len(found) <= MAX_ADDRESSES else f"at most {MAX_ADDRESSES} addresses"


def _typed_before(request: Request, server: Server) -> dict[str, str]:
    """What stood in the fields when the account tested this server last: details are corrected and tested in turns."""
    newest: ServerTestRun | None = request.app.state.services.test_runs.newest(account_of(request).account_id)
    if newest is None or (newest.server.kind, newest.server.id) != (server.kind, server.id):
        return {}
    return dict(newest.typed)


def _page(
    request: Request,
    server: Server,
    name: str,
    draft: Draft | None,
    typed: dict[str, str],
    found: ServerTestRun | None,
    errors: Sequence[PageError] = (),
) -> Response:
    direction = direction_of(server)
    return page(
        request,
        "servers/test.html",
        title=f"Test {direction} email settings: {name}",
        status=422 if errors else 200,
        errors=errors,
        server=server,
        draft=draft,
        direction=direction,
        type_label=type_of(server).label,
        address=address_of(server, view_of(request).settings),
        typed={field: typed.get(field, "") for field in (*_LISTS, *_TEXTS)},
        wrong={error.field: error.text for error in errors},
        **status_of(request, found),
    )


PAGES = (
    Page("servers.test", "/email-settings/test", show, Right.SYSTEM_SET_UP),
    Page("servers.run", "/email-settings/test", run, Right.SYSTEM_SET_UP, ("POST",)),
    Page(
        "servers.test-saved",
        "/email-settings/servers/{direction}/{server_id}/test",
        of_saved,
        Right.SYSTEM_SET_UP,
        ("GET", "POST"),
    ),
)
