"""What the pages of mail servers have in common: the state they work on, and the details that somebody has open."""

from collections.abc import Iterable

from starlette.exceptions import HTTPException
from starlette.requests import Request

from console.access.rights import Identity
from console.errors import UserError
from console.servers.drafts import Draft
from console.servers.rows import ServerRow, row_of
from console.settings.saving import Author, PerhapsSavedError
from console.settings.state import State
from console.views.snapshot import ViewSnapshot
from console.web.current import reason_of
from console.web.form_errors import PageError, capital, error_text
from desk.engine import read_transaction
from desk.persons import load_persons
from runtime.outages import OutageError
from schemas.persons import Person
from schemas.settings import IncomingServer
from schemas.settings.notification_rules import Group


def account_of(request: Request) -> Identity:
    identity: Identity = request.state.identity
    return identity


def state_of(request: Request, view: ViewSnapshot, further: Iterable[str] = ()) -> State:
    """Settings, and the persons that they name; `further`: ids of others. Raises `OutageError`."""
    named = {server.default_logging_analyst for server in view.settings.all_of(IncomingServer)}
    named |= {member for group in view.settings.all_of(Group) for member in group.members}
    persons = persons_of(request, named | set(further))
    return State(view.settings, persons, view.undecodable, managed=view.managed)


def persons_of(request: Request, ids: Iterable[str]) -> dict[str, Person]:
    """By id, from the desk. Raises `OutageError`."""
    with read_transaction(request.app.state.services.engine) as connection:
        return load_persons(connection, [id_ for id_ in ids if id_])


def wanted_row(request: Request, view: ViewSnapshot) -> ServerRow:
    """The server that the path names; 404 where there is none."""
    direction, server_id = request.path_params["direction"], request.path_params["server_id"]
    row = row_of(view, direction, server_id) if direction in ("incoming", "outgoing") else None
    if row is None:
        raise HTTPException(404)
    return row


def open_draft(request: Request) -> Draft | None:
    """The details that this account has open with something typed into them."""
    found: Draft | None = request.app.state.services.drafts.of(account_of(request).account_id)
    return found


def author_of(request: Request) -> Author:
    """Who makes the change that is posted, and why."""
    return Author(account_of(request).name, reason_of(request))


def failure(error: UserError | OutageError, undone: str) -> PageError:
    """Why a change is not made; `undone` says that it is not, where that is known."""
    if isinstance(error, PerhapsSavedError):
        undone = "It is not known whether it was done: send it again, which does no harm."
    if isinstance(error, OutageError):
        return PageError("", f"{undone} {capital(str(error))}. {capital(error.remedy)}")
    field = error.problems[0].place if len(error.problems) == 1 else ""
    return PageError(field if field == "change_reason" else "", error_text(error))


def name_of(draft: Draft) -> str:
    """What people call the server of open details."""
    named = draft.typed.get("name") or draft.typed.get("id") or draft.server_id
    return str(named) if named else f"the new {draft.type.direction} server"
