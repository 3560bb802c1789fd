"""What is typed into the Email Server Details: kept for the account until it is saved or discarded, and checked. The
Default Logging Analyst is found by what was typed: an id, an address, or words of a name.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from sqlalchemy import Engine
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from console.errors import Problem, UserError
from console.servers.details import (
    entry_of,
    is_changed,
    missing,
    read_form,
    shown_values,
)
from console.servers.details_form import ShownSection, sections_of
from console.servers.drafts import Draft
from console.servers.server_settings import Checked, check_entry
from console.servers.window import account_of, name_of, open_draft, state_of
from console.settings.editing import names_of
from console.settings.secrets import sealer
from console.web.current import view_of
from console.web.form_errors import PageError, errors_at_fields
from console.web.render import page, redirect
from desk.engine import read_transaction
from desk.persons import PersonQuery, load_persons, search_persons
from schemas.persons import Person

MOST = 20  # are offered: who is not among them needs more words
_FIELD = (("default_logging_analyst",),)
_SEARCHED = "default_logging_analyst"


@dataclass(frozen=True, slots=True)
class Found:
    """`id`: of the one who is meant; None with `people` to choose from, or with nobody."""

    id: str | None = None
    person: Person | None = None
    people: tuple[Person, ...] = ()
    more: bool = False
    problems: tuple[Problem, ...] = ()


def find_analyst(engine: Engine, text: str) -> Found:
    """Raises `OutageError`."""
    text = text.strip()
    if not text:
        return Found()
    with read_transaction(engine) as connection:
        person = load_persons(connection, [text]).get(text)
        if person is not None:
            return Found(person.id, person)
        query = PersonQuery(text=text[:200], flag="analyst", disabled=False)
        people = tuple(search_persons(connection, query, limit=MOST + 1))
    if not people:
        problem = Problem(
            f"no Analyst is found by {text[:60]!r}", "type an id, an address or part of a name", fields=_FIELD
        )
        return Found(problems=(problem,))
    if len(people) == 1:
        return Found(people[0].id, people[0])
    problem = Problem(
        "several Analysts are found by this", "choose one of them, or type more of the name", fields=_FIELD
    )
    return Found(people=people[:MOST], more=len(people) > MOST, problems=(problem,))


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


def details_page(request: Request, fresh: Draft) -> Response:
    """The form, as opened or as it was left, or what is done with what is posted."""
    if other := other_open_draft(request, fresh):
        return close_first_page(request, other)
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
            return close_first_page(request, draft, "Discard the changes?")
        services.drafts.close(account.account_id)
        return redirect(request, "servers.list")
    if wanted == "find":
        return form_page(request, draft, found=found, searched=True)
    checked = check_draft(request, draft)
    problems = (*posted.problems, *found.problems, *_untold(checked.problems, posted.problems, found.problems))
    if problems:
        return form_page(request, draft, errors_at_fields(problems, draft.type.fields), found)
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


def read_sections(request: Request, draft: Draft) -> list[ShownSection]:
    """The details to be read: what was chosen is called as it was to choose, persons by their names."""
    ids = [str(typed)] if (typed := draft.typed.get(_SEARCHED)) else []
    people, settings = names_of(request, ids), view_of(request).settings
    return sections_of(draft, shown_values(draft, draft.before), settings, people=people)


def other_open_draft(request: Request, fresh: Draft | None) -> Draft | None:
    """Details of another server that are open, with something in them that would be lost."""
    left = open_draft(request)
    if left is None or (fresh is not None and left.key == fresh.key):
        return None
    if is_changed(left):
        return left
    request.app.state.services.drafts.close(account_of(request).account_id)
    return None


def close_first_page(request: Request, draft: Draft, title: str = "Close these details first") -> Response:
    return page(
        request,
        "servers/close_first.html",
        title=title,
        status=409,
        name=name_of(draft),
        draft=draft,
    )
