"""The commands that the page of an item sends to the desk: add a text, close, reopen, watch."""

import secrets
from collections.abc import Mapping, Sequence
from concurrent.futures import CancelledError
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from console.access.accounts import find_account
from console.desk.desk_commands import CommandResult, ask, build, check
from console.errors import UserError
from console.services import Services
from console.settings.state import State
from console.web.form_errors import PageError
from console.web.forms import Field
from console.web.render import redirect
from desk.engine import read_transaction
from desk.item_detail import Item
from desk.persons import find_persons, load_persons
from schemas.addresses import normalise
from schemas.desk_commands import (
    DeskCommand,
    ExistingItem,
    ItemToClose,
    ItemToReopen,
    ItemToUnwatch,
    ItemToUpdate,
    ItemToWatch,
)
from schemas.persons import Person, first_found

WAIT_SECONDS = 5.0  # for the outcome


@dataclass(frozen=True, slots=True)
class ItemAction:
    """`label` of its button, which names the item's kind: elsewhere, Close alone leaves a page.

    `done`: what is said once it is. `when`: the status that the item has to have.
    """

    model: type[ExistingItem]
    label: str
    done: str
    when: str = ""
    has_text: bool = True


ACTIONS: Mapping[str, ItemAction] = {
    "update": ItemAction(ItemToUpdate, "Update", "The text is in the journal.", "open"),
    "close": ItemAction(ItemToClose, "Close the {kind}", "It is closed.", "open"),
    "reopen": ItemAction(ItemToReopen, "Reopen the {kind}", "It is open again.", "closed"),
    "watch": ItemAction(ItemToWatch, "Watch", "The person is notified of what happens to it.", has_text=False),
    "unwatch": ItemAction(ItemToUnwatch, "Watch no more", "The person is not notified any more.", has_text=False),
}
_FIELDS = ("by", "text", "person")


def refused(request: Request, item: Item) -> Response | Sequence[PageError]:
    """Asks for it, and answers with the way back to the item; or what is wrong with what was typed."""
    services, form, identity = request.app.state.services, request.state.form, request.state.identity
    action = ACTIONS.get(_text(form, "action"))
    if action is None:
        return [PageError("", "There is no such action. Choose one of the buttons.")]
    now = datetime.now(UTC)
    by, errors = _performer(request, form)
    if by is None:
        return errors
    try:
        watcher = _find(request, typed) if (typed := _text(form, "person")) and not action.has_text else None
        if typed and not action.has_text and watcher is None:
            return [PageError("person", "There is no such person. Give the id or address of a person.")]
        given = _given(form, item, action, by.id, identity.account_id)
        asked = build(action.model, {**given, **({"person": watcher.id} if watcher else {})}, now)
        check(asked, State(persons={one.id: one for one in (by, watcher) if one}))
    except UserError as wrong:
        return [_page_error(problem) for problem in wrong.problems]
    answer = _answer(services, asked, now)
    if answer is not None and answer.reason:
        return redirect(request, "items.open", f"Not done. {answer.note}", "warning", reference=item.reference)
    if answer is None:
        said = "Asked for. No logger has answered yet: it is done once one comes to it."
        return redirect(request, "items.open", said, "info", reference=item.reference)
    return redirect(request, "items.open", action.done, reference=item.reference)


def _answer(services: Services, asked: DeskCommand, now: datetime) -> CommandResult | None:
    """The outcome; None if it is not known in time. A command that was sent already is not sent again."""
    future = services.answers.answer(asked.request_id)
    if future is None:
        future = services.answers.expect(asked.request_id)
        ask(services.config, services.publisher, asked, now, 0)
    try:
        answer: CommandResult = future.result(WAIT_SECONDS)
    except (TimeoutError, CancelledError):
        return None
    return answer


def form_values(request: Request, item: Item, errors: Sequence[PageError]) -> dict[str, Any]:
    """The fields and buttons of the item's form, with what was typed."""
    form = getattr(request.state, "form", FormData())
    told = {name: tuple(error.text for error in errors if error.field == name) for name in _FIELDS}
    by = Field(
        "by",
        "Person performing the action",
        "text",
        help="Id or address of an Analyst. The journal names this person.",
        value=_text(form, "by") if form else _own_address(request),
        errors=told["by"],
    )
    text = Field("text", "Text", "text-area", value=_text(form, "text"), rows=4, optional=True, errors=told["text"])
    watcher = Field(
        "person",
        "Watcher",
        "text",
        help="Id or address of who is notified; the person performing the action when left out.",
        value=_text(form, "person"),
        optional=True,
        errors=told["person"],
    )
    buttons = [(name, one) for name, one in ACTIONS.items() if one.when in ("", item.status)]
    return {
        "by": by,
        "text": text,
        "watcher": watcher,
        "buttons": [(name, one.label.format(kind=item.kind)) for name, one in buttons if one.has_text],
        "watch_buttons": [(name, one.label) for name, one in buttons if not one.has_text],
        "notify": Field("notify", "Notify those concerned by mail", "checkbox", value=not form or "notify" in form),
        "request_id": _text(form, "request_id") or secrets.token_hex(12),
    }


def _given(form: FormData, item: Item, action: ItemAction, by: str, account_id: str) -> dict[str, Any]:
    """The id tells in the journal's events which account it was; a form that is sent twice has one effect."""
    given: dict[str, Any] = {
        "item": item.reference,
        "by": by,
        "notify": "notify" in form,
        "request_id": f"window/{account_id}/{_text(form, 'request_id') or secrets.token_hex(12)}",
    }
    text = str(form.get("text", "")).replace("\r\n", "\n").strip()
    return {**given, "text": text} if action.has_text else given


def _performer(request: Request, form: FormData) -> tuple[Person | None, list[PageError]]:
    typed = _text(form, "by")
    if not typed:
        return None, [PageError("by", "Person performing the action is missing. Give the id or address of an Analyst.")]
    person = _find(request, typed)
    if person is None or not _may_perform(person):
        why = "There is no such person" if person is None else "This person is no Analyst, or is disabled"
        return None, [PageError("by", f"{why}. Give the id or address of an Analyst.")]
    return person, []


def _own_address(request: Request) -> str:
    """Of the signed-in account, where it is an Analyst's: then nobody has to be named."""
    with read_transaction(request.app.state.services.engine) as connection:
        account = find_account(connection, request.state.identity.account_id)
    person = _find(request, account.address) if account and account.address else None
    return account.address if account and person and _may_perform(person) else ""


def _may_perform(person: Person) -> bool:
    return person.is_analyst and not person.disabled


def _find(request: Request, typed: str) -> Person | None:
    with read_transaction(request.app.state.services.engine) as connection:
        if "@" in typed:
            found = find_persons(connection, [normalise(typed)]).get(normalise(typed), ())
            if found:
                return first_found(found)
        return load_persons(connection, [typed]).get(typed)


def _page_error(problem: Any) -> PageError:
    text = f"{problem.cause}. {problem.remedy}" if problem.remedy else problem.cause
    return PageError(problem.place if problem.place in _FIELDS else "", text)


def _text(form: FormData, name: str) -> str:
    return str(form.get(name, "")).strip()
