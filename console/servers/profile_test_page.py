"""Testing a MAPI profile's login: as it is shown in its form, saved or not, and as it is saved."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from console.access.rights import Right
from console.errors import UserError
from console.servers import server_tests
from console.servers.test_runs import ServerTestRun, asked_run, start_run, status_of
from console.settings import drafts
from console.settings.editing import Wanted, plan_change, settings_of
from console.settings.kinds import BY_NAME
from console.settings.page_context import PROFILE_MAILBOX, errors_of
from console.web.form_errors import FormRefusedError, PageError, error_text
from console.web.page import Page
from console.web.render import page, redirect, url
from schemas.settings import MapiProfile

_KIND = BY_NAME["mapi-profile"]


def of_shown(request: Request) -> Response:
    """What the form holds, which stays open beside this page; `?of=` names the profile that it changes."""
    form = request.state.form
    mailbox = str(form.get(PROFILE_MAILBOX, "")).strip()
    try:
        profile = _shown(request)
    except FormRefusedError as refused:
        errors = [PageError("", error.text) for error in refused.errors]  # their fields are on the other page
        return _page(request, None, mailbox, None, errors)
    started = _started(request, profile, mailbox)
    if isinstance(started, PageError):
        return _page(request, profile, mailbox, None, (PageError("", started.text),))
    return _to_run(request, "mapi-profile.test", started)


def shown(request: Request) -> Response:
    """The Status of what was started from the form."""
    run = asked_run(request)
    if run is None or not isinstance(run.server, MapiProfile):
        return redirect(request, "mapi-profile.list")
    return _page(request, run.server, run.typed[server_tests.MAILBOX], run)


def of_saved(request: Request) -> Response:
    profile = settings_of(request).mapi_profile(request.path_params["id"])
    if profile is None:
        raise HTTPException(404)
    if request.method == "GET":
        run = asked_run(request)
        return _page(request, profile, run.typed.get(server_tests.MAILBOX, "") if run else "", run, saved=True)
    mailbox = str(request.state.form.get(server_tests.MAILBOX, "")).strip()
    started = _started(request, profile, mailbox)
    if isinstance(started, PageError):
        return _page(request, profile, mailbox, None, (started,), saved=True)
    return _to_run(request, "mapi-profile.test-saved", started, id=profile.id)


def _to_run(request: Request, name: str, run: ServerTestRun, **place: Any) -> Response:
    return Response(status_code=303, headers={"location": url(request, name, {"run": run.test_id}, **place)})


def _shown(request: Request) -> MapiProfile:
    """The profile in the form; a saved secret is in it where it goes where it goes now. Raises `FormRefusedError`."""
    settings, form, id_ = settings_of(request), request.state.form, request.query_params.get("of", "")
    stored = settings.mapi_profile(id_)
    draft = drafts.typed(_KIND, form, stored)
    if id_ and stored is None:  # deleted meanwhile
        draft = replace(draft, values={**draft.values, "id": id_})
    wanted = Wanted(draft.entry(form, stored), stored.id if stored else None, draft.reported())
    [change] = plan_change(request, _KIND, wanted, errors_of(request, _KIND, settings, draft)).changes
    assert isinstance(change.after, MapiProfile)
    return change.after


def _started(request: Request, profile: MapiProfile, mailbox: str) -> ServerTestRun | PageError:
    try:
        asked = server_tests.make_profile_request(profile, mailbox, datetime.now(UTC))
    except UserError as error:
        return PageError(server_tests.MAILBOX, f"Mailbox: {error_text(error)}")
    return start_run(request, profile, asked, {server_tests.MAILBOX: mailbox})


def _page(
    request: Request,
    profile: MapiProfile | None,
    mailbox: str,
    run: ServerTestRun | None,
    errors: Sequence[PageError] = (),
    *,
    saved: bool = False,
) -> Response:
    name = (profile.name or profile.id) if profile else ""
    return page(
        request,
        "servers/profile_test.html",
        title=f"Test MAPI Profile {name}".rstrip(),
        status=422 if errors else 200,
        errors=errors,
        profile=profile,
        mailbox=mailbox,
        saved=saved,
        wrong={error.field: error.text for error in errors},
        **status_of(request, run),
    )


_SHOWN = "/settings/mapi-profile-test"
PAGES = (
    Page("mapi-profile.test", _SHOWN, shown, Right.SYSTEM_SET_UP),
    Page("mapi-profile.test-shown", _SHOWN, of_shown, Right.SYSTEM_SET_UP, ("POST",)),
    Page(
        "mapi-profile.test-saved", "/settings/mapi-profiles/{id}/test", of_saved, Right.SYSTEM_SET_UP, ("GET", "POST")
    ),
)
