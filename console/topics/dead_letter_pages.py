"""Dead letters: by cause, one with all that is known of it, replaying and discarding, many at once."""

from collections.abc import Sequence
from datetime import UTC, datetime

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from console.access.rights import Right
from console.errors import UserError
from console.mails.index.facts import TOPICS_WITH_DEAD_LETTERS
from console.mails.index.follower import catch_up
from console.mails.index.store import OPEN
from console.mails.pages import SHOWN
from console.mails.visible_mails import visible_mails
from console.topics.dead_letter_list import STATES, are_visible, causes, ids_of, list_letters, one_letter
from console.topics.dead_letters import discard, replay
from console.web import keyset
from console.web.page import Entry, Page
from console.web.render import PageError, page, redirect, url
from desk.engine import read_transaction

MOST_AT_ONCE = 500
NOT_OF_THE_LIST = f"Choose at most {MOST_AT_ONCE} dead letters of the list."


def show_list(request: Request, status: int = 200, errors: Sequence[PageError] = ()) -> Response:
    form = getattr(request.state, "form", None)
    given = request.query_params if form is None else form
    state = str(given.get("state", OPEN))
    state = state if state in STATES else OPEN
    reason, within = str(given.get("reason", "")), visible_mails(request)
    with read_transaction(request.app.state.services.engine) as connection:
        part = list_letters(connection, state, reason, keyset.asked(request, datetime, str), within)
        counted = causes(connection, state, within)
    kept = {"state": state if state != OPEN else None, "reason": reason or None}
    return page(
        request,
        "topics/dead_letters.html",
        title="Dead letters",
        status=status,
        errors=errors,
        part=part,
        counted=counted,
        state=state,
        states=STATES,
        reason=reason,
        chosen=frozenset(form.getlist("letter")) if form is not None else frozenset(),
        note=str(form.get("note", "")) if form is not None else "",
        most=MOST_AT_ONCE,
        before=url(request, "dead-letters.list", {**kept, "before": part.before}) if part.before else None,
        after=url(request, "dead-letters.list", {**kept, "after": part.after}) if part.after else None,
        index=request.app.state.services.mail_index,
        **SHOWN,
    )


def show_one(request: Request, status: int = 200, errors: Sequence[PageError] = ()) -> Response:
    given, within = request.path_params, visible_mails(request)
    with read_transaction(request.app.state.services.engine) as connection:
        listed = one_letter(connection, f"{given['topic']}/{given['partition']}/{given['offset']}", within)
    if listed is None:
        raise HTTPException(404)
    title = f"Dead letter {listed.letter.id}"
    return page(
        request, "topics/dead_letter.html", title=title, status=status, errors=errors, listed=listed, note="", **SHOWN
    )


def settle(request: Request) -> Response:
    """Those that are chosen, or all that are open of one cause (`-all`)."""
    services, form = request.app.state.services, request.state.form
    action, is_all = str(form.get("action", "")).removesuffix("-all"), str(form.get("action", "")).endswith("-all")
    note, reason = str(form.get("note", "")).strip(), str(form.get("reason", ""))
    ids = [one for one in form.getlist("letter") if isinstance(one, str)]
    within = visible_mails(request)
    with read_transaction(services.engine) as connection:
        if is_all:
            ids = ids_of(connection, reason, MOST_AT_ONCE, within)
        errors = _faults(action, ids, note)
        if within is not None and not errors and not are_visible(connection, ids, within):
            errors.append(PageError("", NOT_OF_THE_LIST))
    if errors:
        return show_list(request, 422, errors)
    who, now = request.state.identity.name, datetime.now(UTC)
    try:
        if action == "replay":
            done = replay(services.mail_records, services.publisher, now, ids=ids, who=who, why=note)
        else:
            done = discard(services.mail_records, services.publisher, now, ids, who, note)
    except UserError as refused:
        return show_list(request, 422, [PageError("", f"Nothing was done: {refused}")])
    catch_up(services.config, services.engine, (), TOPICS_WITH_DEAD_LETTERS)
    verb = "replayed" if action == "replay" else "discarded"
    said = f"1 dead letter was {verb}." if len(done) == 1 else f"{len(done)} dead letters were {verb}."
    return redirect(request, "dead-letters.list", said)


def _faults(action: str, ids: Sequence[str], note: str) -> list[PageError]:
    errors = []
    if action not in ("replay", "discard"):
        errors.append(PageError("", "Choose Replay or Discard."))
    if not ids:
        errors.append(PageError("", "Choose at least one dead letter."))
    if len(ids) > MOST_AT_ONCE:
        errors.append(PageError("", NOT_OF_THE_LIST))
    if action == "discard" and not note:
        errors.append(PageError("note", "Say why: it stays with the dead letters."))
    if len(note) > 1000 or not note.isprintable():
        errors.append(PageError("note", "Write one line of at most 1,000 characters."))
    return errors


PAGES = (
    Page("dead-letters.list", "/dead-letters", show_list, Right.HELD_MAIL),
    Page("dead-letters.settle", "/dead-letters", settle, Right.HELD_MAIL, ("POST",)),
    Page("dead-letters.show", "/dead-letters/{topic}/{partition:int}/{offset:int}", show_one, Right.HELD_MAIL),
)
ENTRIES = (Entry("Mail", "Dead letters", "dead-letters.list"),)
