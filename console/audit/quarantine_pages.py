"""Quarantine: why each mail is held and until when; releasing and discarding, many at once, with a reason."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from starlette.requests import Request
from starlette.responses import Response

from console.access.rights import Right
from console.audit.quarantine import discard, release
from console.errors import UserError
from console.mails.index.conditions import Query
from console.mails.index.ends import QUARANTINED
from console.mails.index.search import are_within, find_mails
from console.mails.index.updater import catch_up
from console.mails.pages import place_asked, visible_mails
from console.mails.presentation import SHOWN
from console.web import keyset
from console.web.form_errors import PageError
from console.web.page import Entry, Page
from console.web.render import page, redirect, url
from desk.engine import read_transaction
from schemas.ids import MAIL_ID
from schemas.topics import MAIL_FETCHED, MAIL_REJECTED

MOST_AT_ONCE = 200
NOT_OF_THE_LIST = f"Choose at most {MOST_AT_ONCE} mails of the list."
_KEPT = timedelta(milliseconds=MAIL_REJECTED.retention_ms or 0)


def show_list(request: Request, status: int = 200, errors: Sequence[PageError] = ()) -> Response:
    form = getattr(request.state, "form", None)
    chosen = frozenset(form.getlist("mail")) if form is not None else frozenset()
    words = request.query_params.get("words", "").strip()
    after, within = place_asked(request), visible_mails(request)
    with read_transaction(request.app.state.services.engine) as connection:
        found = find_mails(connection, Query(words=words, outcome=QUARANTINED), after, within=within)
    given = {"words": words or None}
    return page(
        request,
        "audit/quarantine.html",
        title="Quarantine",
        status=status,
        errors=errors,
        words=words,
        found=found,
        chosen=chosen,
        choose_all="all" in request.query_params,
        note=str(form.get("note", "")) if form is not None else "",
        kept=_KEPT,
        all_of_these=url(request, "quarantine.list", {**given, "after": request.query_params.get("after"), "all": "1"}),
        more=url(request, "quarantine.list", {**given, "after": keyset.written(found.after)}) if found.after else None,
        newest=url(request, "quarantine.list", given) if after else None,
        index=request.app.state.services.mail_index,
        **SHOWN,
    )


def settle(request: Request) -> Response:
    services, form = request.app.state.services, request.state.form
    act = {"release": release, "discard": discard}.get(str(form.get("action", "")))
    mail_ids = [one for one in form.getlist("mail") if isinstance(one, str)]
    note = str(form.get("note", "")).strip()
    errors = _faults(mail_ids, note)
    if not errors and not _are_visible(request, mail_ids):
        errors.append(PageError("", NOT_OF_THE_LIST))
    if act is None:
        errors.append(PageError("", "Choose Release or Discard."))
    if errors or act is None:
        return show_list(request, 422, errors)
    who, now = request.state.identity.name, datetime.now(UTC)
    try:
        done = act(services.mail_records, services.publisher, mail_ids, who, now, note)
    except UserError as refused:
        return show_list(request, 422, [PageError("", f"Nothing was done: {refused}")])
    catch_up(services.config, services.engine, (MAIL_REJECTED, MAIL_FETCHED))
    verb = "released" if act is release else "discarded"
    said = f"1 mail was {verb}." if len(done) == 1 else f"{len(done)} mails were {verb}."
    return redirect(request, "quarantine.list", said)


def _are_visible(request: Request, mail_ids: Sequence[str]) -> bool:
    within = visible_mails(request)
    if within is None:
        return True
    with read_transaction(request.app.state.services.engine) as connection:
        return are_within(connection, mail_ids, within)


def _faults(mail_ids: Sequence[str], note: str) -> list[PageError]:
    errors = []
    if not mail_ids:
        errors.append(PageError("", "Choose at least one mail."))
    if len(mail_ids) > MOST_AT_ONCE or not all(map(MAIL_ID.fullmatch, mail_ids)):
        errors.append(PageError("", NOT_OF_THE_LIST))
    if not note:
        errors.append(PageError("note", "Say why: it stays with the mails."))
    elif len(note) > 1000 or not note.isprintable():
        errors.append(PageError("note", "Write one line of at most 1,000 characters."))
    return errors


PAGES = (
    Page("quarantine.list", "/quarantine", show_list, Right.HELD_MAIL),
    Page("quarantine.settle", "/quarantine", settle, Right.HELD_MAIL, ("POST",)),
)
ENTRIES = (Entry("Mail", "Quarantine", "quarantine.list"),)
