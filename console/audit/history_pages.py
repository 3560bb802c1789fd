"""Change history: who changed what, when and why; one change, field by field; restoring what it replaced."""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from console.access.rights import Right
from console.audit.change_display import Names, compact_rows, persons_named, persons_of
from console.audit.history import PastChange, past_change
from console.audit.restore import plan_restore
from console.errors import UserError
from console.settings.apply import Plan
from console.settings.editing import names_of
from console.settings.presentation import difference_rows
from console.settings.saving import Author, save
from console.settings.state import PERSON, State
from console.web import form_errors, keyset
from console.web.current import reason_of, version_of, view_of
from console.web.form_errors import PageError
from console.web.page import Entry, Page
from console.web.render import page, redirect, url
from desk.engine import read_transaction
from desk.persons import load_persons
from schemas.settings import IncomingServer

EFFECTS = {
    "new": "added",
    "changed": "changed",
    "rewritten": "published again",
    "deleted": "deleted",
}
_TOLD = 4  # fields of a change that the list names
_PATIENCE = 5.0


def show_list(request: Request) -> Response:
    """The newest first; `?of=` and `?by=` leave those of one setting, or kind, or of one administrator."""
    of, by = (request.query_params.get(name, "").strip() for name in ("of", "by"))
    view = view_of(request)
    found = [
        (kept, id_)
        for id_, kept in view.changes.items()
        if _may_see(request, kept.change.key)
        and (not of or kept.change.key == of or kept.change.key.startswith(f"{of.rstrip('/')}/"))
        and (not by or kept.change.who == by)
    ]
    part = keyset.cut_list(found, keyset.asked(request, int), lambda one: (one[0].offset,), descending=True)
    pasts = [(id_, past_change(id_, kept.change)) for kept, id_ in part.rows]
    names = Names(view.settings, names_of(request, persons_of(past for _, past in pasts)))
    here = partial(url, request, "audit.list")
    asked = {"of": of or None, "by": by or None}
    return page(
        request,
        "audit/list.html",
        title="Change history",
        rows=[_row(id_, past, names) for id_, past in pasts],
        of=of,
        by=by,
        whole=view.changes_whole,
        before=part.before and here({**asked, "before": part.before}),
        after=part.after and here({**asked, "after": part.after}),
    )


def show(request: Request) -> Response:
    return _page(request, *_wanted(request))


def restore(request: Request) -> Response:
    """Puts back what the change has replaced."""
    id_, past = _wanted(request)
    services = request.app.state.services
    author = Author(request.state.identity.name, reason_of(request))
    try:
        state = _state(request, past)
        planned = plan_restore(past, state, _later(request, id_))
        looked_at = {} if past.key.startswith(PERSON) else {past.key: version_of(request)}
        save(services, planned, author, datetime.now(UTC), looked_at)
    except UserError as error:
        services.views.catch_up(_PATIENCE)
        return _page(request, id_, past, form_errors.errors_of(error, ("change_reason",)))
    services.views.catch_up(_PATIENCE)
    if not planned.effective:
        return redirect(request, "audit.list", "Nothing was changed: it is so already.")
    names = Names(view_of(request).settings, names_of(request, persons_of([past])))
    return redirect(request, "audit.list", f"{names.title(past)} is as it was before.")


def _page(request: Request, id_: str, past: PastChange, errors: Sequence[PageError] = ()) -> Response:
    state = _state(request, past)
    planned, why_not = _planned(past, state, _later(request, id_))
    version = state.version(past.key)
    restored = planned.changes[0].fields if planned else ()
    people = {*persons_of([past]), *persons_named(past.key, (*past.fields, *restored))}
    names = Names(state.settings, names_of(request, sorted(people)))
    called = names.title(past)
    return page(
        request,
        "audit/change.html",
        title=f"Change of {called}",
        status=422 if errors else 200,
        errors=errors,
        id=id_,
        past=past,
        called=called,
        effect=EFFECTS.get(past.effect, past.effect),
        rows=compact_rows(names.fields(past.key, past.fields)),
        restored=compact_rows(names.fields(past.key, restored)),
        deletes=bool(planned) and past.before is None,
        is_so=planned is not None and not planned.effective,
        why_not=why_not,
        version="" if version is None else version,
        change_reason=reason_of(request),
        reason_required=state.settings.email_options().change_reason_required,
    )


def _planned(past: PastChange, state: State, later: Sequence[PastChange]) -> tuple[Plan | None, str]:
    """What restoring would do; or why it cannot be done."""
    try:
        return plan_restore(past, state, later), ""
    except UserError as error:
        return None, " ".join(form_errors.problem_text(one.cause, one.remedy) for one in error.problems)


def _row(id_: str, past: PastChange, names: Names) -> dict[str, Any]:
    fields = [label for label, _, _ in difference_rows(past.fields)]
    more = len(fields) - _TOLD
    return {
        "id": id_,
        "past": past,
        "called": names.title(past),
        "effect": EFFECTS.get(past.effect, past.effect),
        "fields": ", ".join(fields[:_TOLD]) + (f" and {more} more" if more > 0 else ""),
    }


def _wanted(request: Request) -> tuple[str, PastChange]:
    """The change that the path names; 404 where there is none, or the visitor may not see it."""
    id_ = request.path_params["id"]
    kept = view_of(request).changes.get(id_)
    if kept is None or not _may_see(request, kept.change.key):
        raise HTTPException(404)
    return id_, past_change(id_, kept.change)


def _later(request: Request, id_: str) -> list[PastChange]:
    """The changes of the same setting after this one; the view leaves out old ones only."""
    changes = view_of(request).changes
    key, place = changes[id_].change.key, changes[id_].offset
    return [
        past_change(one, kept.change) for one, kept in changes.items() if kept.change.key == key and kept.offset > place
    ]


def _may_see(request: Request, key: str) -> bool:
    """Changes of persons need the right to persons besides."""
    may: bool = request.state.identity.may(Right.PERSONS)
    return may or not key.startswith(PERSON)


def _state(request: Request, past: PastChange) -> State:
    """Settings, and the persons that are concerned."""
    view = view_of(request)
    named = {server.default_logging_analyst for server in view.settings.all_of(IncomingServer)}
    kind, _, id_ = past.key.partition("/")
    named |= {id_} if kind == "person" else set()
    named |= {str(one) for one in _named_by(past)}
    with read_transaction(request.app.state.services.engine) as connection:
        persons = load_persons(connection, sorted(named))
    return State(view.settings, persons, view.undecodable, managed=view.managed)


def _named_by(past: PastChange) -> Sequence[object]:
    before = past.before or {}
    return (*before.get("members", ()), before.get("default_logging_analyst", ""))


PAGES = (
    Page("audit.list", "/history", show_list, Right.SYSTEM_SET_UP),
    Page("audit.change", "/history/{id}", show, Right.SYSTEM_SET_UP),
    Page("audit.restore", "/history/{id}", restore, Right.SYSTEM_SET_UP, ("POST",)),
)
ENTRIES = (Entry("System", "Change history", "audit.list"),)
