"""Dead letters on pages: listed from the index by cause, one with all that is known of it, replayed, discarded."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import ColumnElement, Connection, func, select, true
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from console.access.rights import Right
from console.audit.dead_letter_actions import discard, replay
from console.audit.dead_letters import DeadLetter, letter_of
from console.errors import UserError
from console.mails.index.conditions import Within
from console.mails.index.facts import TOPICS_WITH_DEAD_LETTERS
from console.mails.index.store import OPEN
from console.mails.index.updater import catch_up
from console.mails.pages import visible_mails
from console.mails.presentation import SHOWN
from console.web import keyset
from console.web.form_errors import PageError
from console.web.page import Entry, Page
from console.web.render import page, redirect, url
from desk import tables
from desk.engine import read_transaction
from desk.queries import any_of

MOST_COUNTED = 10_000  # records that are looked at to count causes
_LETTER = tables.dead_letters.c
STATES = (OPEN, "replayed", "discarded")


@dataclass(frozen=True, slots=True)
class Listed:
    """`at`: when it was written, by the broker's or producer's clock; `of_mail`: the mail it belongs to, or empty."""

    at: datetime
    of_mail: str
    letter: DeadLetter


def list_letters(
    connection: Connection, state: str, reason: str, cut: keyset.Cut, within: Within | None = None
) -> keyset.Part[Listed]:
    """The newest first; `reason` "": of every cause; `within` None: of all partitions, and of what has none."""
    query = select(tables.dead_letters).where(_LETTER.state == state, _visible(within))
    if reason:
        query = query.where(_LETTER.reason == reason)
    rows = connection.execute(keyset.cut_query(query, (_LETTER.at, _LETTER.id), cut, descending=True)).all()
    listed = [Listed(row.at, row.mail_id, letter_of(row)) for row in rows]
    return keyset.part(listed, cut, lambda one: (one.at, one.letter.id))


def causes(connection: Connection, state: str, within: Within | None = None) -> Mapping[str, int]:
    """How many there are of each cause, of the first `MOST_COUNTED`."""
    some = select(_LETTER.reason).where(_LETTER.state == state, _visible(within)).limit(MOST_COUNTED).subquery()
    query = select(some.c.reason, func.count().label("letters")).group_by(some.c.reason).order_by(some.c.reason)
    return {row.reason: row.letters for row in connection.execute(query)}


def ids_of(connection: Connection, reason: str, most: int, within: Within | None = None) -> list[str]:
    """The oldest open ones of a cause."""
    query = select(_LETTER.id).where(_LETTER.state == OPEN, _LETTER.reason == reason, _visible(within))
    return list(connection.scalars(query.order_by(_LETTER.at, _LETTER.id).limit(most)))


def one_letter(connection: Connection, letter_id: str, within: Within | None = None) -> Listed | None:
    query = select(tables.dead_letters).where(_LETTER.id == letter_id, _visible(within))
    row = connection.execute(query).one_or_none()
    return None if row is None else Listed(row.at, row.mail_id, letter_of(row))


def are_visible(connection: Connection, ids: Collection[str], within: Within | None) -> bool:
    """Whether there are dead letters of all these ids, and all lie within."""
    query = select(_LETTER.id).where(any_of(_LETTER.id), _visible(within))
    return set(connection.scalars(query, {"keys": sorted(set(ids))})) == set(ids)


def _visible(within: Within | None) -> ColumnElement[bool]:
    """A dead letter is where its mail is: one of no mail is for visitors who see all partitions."""
    if within is None:
        return true()
    return _LETTER.mail_id.in_(select(tables.mail_index.c.mail_id).where(within.has(tables.mail_index.c)))


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
        "audit/dead_letters.html",
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
        request, "audit/dead_letter.html", title=title, status=status, errors=errors, listed=listed, note="", **SHOWN
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
