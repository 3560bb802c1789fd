"""Roles of the window: which rights, and whose calls and mails may be seen."""

from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from console.access.rights import LABELS, Right, known_rights
from console.access.roles import Role, accounts_by_role, add_role, change_role, delete_role, find_role, load_roles
from console.access.visitor import CHANGED, access_of, by, page_errors, typed, typed_all, with_errors
from console.errors import UserError
from console.web.current import version_of
from console.web.form_errors import PageError, problem_text
from console.web.forms import Field
from console.web.model_fields import Choice
from console.web.page import Page
from console.web.render import page, redirect
from desk.engine import read_transaction, write_transaction
from desk.errors import ConflictError
from schemas.settings import Partition

_PATH = "/access/roles"
_EXPLAINED = {
    Right.SYSTEM_SET_UP: "Email Settings and all that belongs to them",
    Right.PERSONS: "Users and Analysts, and their addresses",
    Right.HELD_MAIL: "mails, quarantine and dead letters: to see, release, replay and discard",
    Right.READ_CALLS: "calls, tasks, requests and deliveries",
    Right.USERS_AND_ROLES: "who may use the window, and for what",
}


def roles(request: Request) -> Response:
    with read_transaction(access_of(request).engine) as connection:
        found, numbers = load_roles(connection), accounts_by_role(connection)
    rows = [
        (role, [LABELS[right] for right in Right if right in role.rights], numbers.get(role.id, 0)) for role in found
    ]
    return page(request, "access/roles.html", title="Roles", rows=rows, read_calls=Right.READ_CALLS)


def add(request: Request) -> Response:
    return _page(request, None)


def post_add(request: Request) -> Response:
    form = request.state.form
    if faults := _faults(request, form):
        return _page(request, None, *faults)
    try:
        with write_transaction(access_of(request).engine) as connection:
            role = add_role(
                connection,
                by(request, typed(form, "change_reason")),
                typed(form, "name"),
                known_rights(typed_all(form, "rights")),
                _partitions(form),
            )
    except UserError as error:
        return _page(request, None, *page_errors(error, "name"))
    return redirect(request, "access.roles", f"{role.name} is added.")


def role(request: Request) -> Response:
    return _page(request, _role(request))


def post_role(request: Request) -> Response:
    form, before = request.state.form, _role(request)
    if faults := _faults(request, form):
        return _page(request, before, *faults)
    try:
        with write_transaction(access_of(request).engine) as connection:
            change_role(
                connection,
                by(request, typed(form, "change_reason")),
                before.id,
                version_of(request),
                name=typed(form, "name"),
                rights=known_rights(typed_all(form, "rights")),
                partitions=_partitions(form),
            )
    except UserError as error:
        return _page(request, before, *page_errors(error, "name"))
    except ConflictError:
        return _page(request, _role(request), PageError("", CHANGED), keep_typed=False)
    return redirect(request, "access.roles", "It is saved, and holds at once for all accounts with this role.")


def post_delete(request: Request) -> Response:
    found = _role(request)
    try:
        with write_transaction(access_of(request).engine) as connection:
            delete_role(connection, by(request, typed(request.state.form, "change_reason")), found.id)
    except UserError as error:
        return _page(request, found, *page_errors(error, "name"), keep_typed=False)
    return redirect(request, "access.roles", f"{found.name} is deleted.")


def _role(request: Request) -> Role:
    with read_transaction(access_of(request).engine) as connection:
        found = find_role(connection, request.path_params["id"])
    if found is None:
        raise HTTPException(404)
    return found


def _faults(request: Request, form: FormData) -> list[PageError]:
    """What a role would lack to be of use: partitions that there are, where it is to read those of some."""
    within = _partitions(form)
    if within is None or Right.READ_CALLS not in known_rights(typed_all(form, "rights")):
        return []
    there = _known_partitions(request)
    unknown = [one for one in within if there is not None and one not in there]
    if within and not unknown:
        return []
    cause = f"there is no partition {', '.join(unknown)}" if unknown else "none is named, so no call could be read"
    remedy = f"name one of these: {', '.join(there)}" if there else "name one, or choose all partitions"
    return [PageError("partition_ids", f"Partitions: {problem_text(cause, remedy)}")]


def _known_partitions(request: Request) -> list[str] | None:
    """Their ids; None where the settings have not been read: roles are managed without a broker, too."""
    views = getattr(request.app.state.services, "views", None)
    if views is None or not views.freshness.ready:
        return None
    return [one.id for one in views.current.settings.all_of(Partition)]


def _partitions(form: FormData) -> list[str] | None:
    """None for all of them. Nothing that is left out or mistyped opens more than was meant."""
    if typed(form, "partitions") == "all":
        return None
    return [line.strip() for line in typed(form, "partition_ids").splitlines() if line.strip()]


def _page(request: Request, found: Role | None, *errors: PageError, keep_typed: bool = True) -> Response:
    form = request.state.form if errors and keep_typed else None
    return page(
        request,
        "access/role.html",
        title=found.name if found else "Add a role",
        status=422 if errors else 200,
        errors=errors,
        role=found,
        fields=[with_errors(one, errors) for one in _fields(found, form, _known_partitions(request))],
    )


def _which(known: list[str] | None) -> str:
    text = "The id of one partition a line."
    return f"{text} There are: {', '.join(known)}." if known else text


def _fields(found: Role | None, form: FormData | None, known: list[str] | None) -> list[Field]:
    within: list[str] | None
    if form is not None:
        name, rights, within = typed(form, "name"), set(known_rights(typed_all(form, "rights"))), _partitions(form)
    elif found is not None:
        name, rights, within = (
            found.name,
            set(found.rights),
            None if found.partitions is None else sorted(found.partitions),
        )
    else:
        name, rights, within = "", set(), []
    return [
        Field("name", "Name", "text", value=name),
        Field(
            "rights",
            "Rights",
            "checks",
            value="\n".join(sorted(rights)),
            choices=tuple(Choice(right, f"{LABELS[right]}: {_EXPLAINED[right]}") for right in Right),
        ),
        Field(
            "partitions",
            "Calls and mails of",
            "radios",
            value="all" if within is None else "some",
            choices=(Choice("all", "all partitions"), Choice("some", "these partitions")),
        ),
        Field(
            "partition_ids",
            "Partitions",
            "lines",
            _which(known),
            "\n".join(within or ()),
            optional=True,
        ),
    ]


PAGES = (
    Page("access.roles", _PATH, roles, Right.USERS_AND_ROLES),
    Page("access.role-add", _PATH + "/add", add, Right.USERS_AND_ROLES),
    Page("access.post-role-add", _PATH + "/add", post_add, Right.USERS_AND_ROLES, ("POST",)),
    Page("access.role", _PATH + "/{id}", role, Right.USERS_AND_ROLES),
    Page("access.post-role", _PATH + "/{id}", post_role, Right.USERS_AND_ROLES, ("POST",)),
    Page("access.role-delete", _PATH + "/{id}/delete", post_delete, Right.USERS_AND_ROLES, ("POST",)),
)
