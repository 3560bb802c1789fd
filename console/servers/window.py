"""What the pages of mail servers have in common: the state they work on, and the details that somebody has open."""

from collections.abc import Iterable

from starlette.exceptions import HTTPException
from starlette.requests import Request

from console.access.identity import Identity
from console.errors import Problem, UserError
from console.servers.drafts import Draft
from console.servers.rows import ServerRow, last_test, row_of
from console.servers.server_settings import Server
from console.servers.test_runs import ServerTestRun
from console.settings.saving import Author, PerhapsSavedError
from console.settings.state import State
from console.views.snapshot import ViewSnapshot
from console.web.change_reason import reason_of
from console.web.forms import page_errors, told
from console.web.labels import in_labels, label
from console.web.render import PageError
from desk.directory import load_persons
from desk.engine import read_transaction
from runtime.outcomes import OutageError
from schemas.notification_rules import Group
from schemas.persons import Person
from schemas.servers import ServerTestResult
from schemas.settings import IncomingServer


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


def result_of(request: Request, run: ServerTestRun) -> ServerTestResult | None:
    """What the process has answered; None: nothing yet, or too long ago."""
    future = request.app.state.services.answers.answer(run.test_id)
    if future is None or not future.done() or future.cancelled():
        return None
    result: ServerTestResult = future.result()
    return result


def tested(request: Request, view: ViewSnapshot, server: Server) -> ServerTestResult | None:
    """The newest test of just these values: the account's own as soon as it is answered, since the view hears later."""
    run: ServerTestRun | None = request.app.state.services.test_runs.newest(account_of(request).account_id)
    own = result_of(request, run) if run and run.server == server else None
    return own or last_test(view, f"{server.kind}/{server.id}", server)


def errors_of(problems: Iterable[Problem], names: tuple[str, ...]) -> list[PageError]:
    """Problems at the fields of the details; what is about none of them is told above."""
    found: list[PageError] = []
    for problem in problems:
        text = in_labels(told(problem.cause, problem.remedy))
        places = page_errors(((path, text) for path in problem.fields), names)
        found += [PageError(one.field, _named(one.field, text)) for one in places] or [PageError("", text)]
    order = {name: number for number, name in enumerate(names)}
    return sorted(found, key=lambda error: order.get(error.field, -1))


def _named(field: str, text: str) -> str:
    """What is said of a field without its name is led by that: above the form it has to be clear by itself."""
    return f"{label(field)}: {text}" if field and text.startswith("It ") else text


def user_error(error: UserError) -> str:
    """All that an operation says, as one text."""
    return " ".join(sentence(f"{one.cause} – {one.remedy}" if one.remedy else one.cause) for one in error.problems)


def sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def author_of(request: Request) -> Author:
    """Who makes the change that is posted, and why."""
    return Author(account_of(request).name, reason_of(request))


def failure(error: UserError | OutageError, undone: str) -> PageError:
    """Why a change is not made; `undone` says that it is not, where that is known."""
    if isinstance(error, PerhapsSavedError):
        undone = "It is not known whether it was done: send it again, which does no harm."
    if isinstance(error, OutageError):
        return PageError("", f"{undone} {sentence(str(error))}. {sentence(error.remedy)}")
    field = error.problems[0].place if len(error.problems) == 1 else ""
    return PageError(field if field == "change_reason" else "", user_error(error))


def name_of(draft: Draft) -> str:
    """What people call the server of open details."""
    named = draft.typed.get("name") or draft.typed.get("id") or draft.server_id
    return str(named) if named else f"the new {draft.type.direction} server"
