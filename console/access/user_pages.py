"""Users of the window: list, add, invite, change, disable, sign out."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from console.access.account_changes import add_account, change_account, end_all_sessions, unlink_subject
from console.access.accounts import Account, find_account, list_accounts
from console.access.rights import LABELS, Right
from console.access.roles import Role, load_roles
from console.access.sessions import LINK_LIFETIME, link_path, live_sessions, make_link
from console.access.visitor import CHANGED, access_of, by, page_errors, typed, typed_all, with_errors
from console.errors import UserError
from console.web.current import version_of
from console.web.form_errors import PageError
from console.web.forms import Field
from console.web.model_fields import Choice
from console.web.page import Page
from console.web.render import page, redirect, url
from desk.engine import read_transaction, write_transaction
from desk.errors import ConflictError

_PATH = "/access/users"
_PAGE_SIZE = 50


def users(request: Request) -> Response:
    key, id_ = request.query_params.get("after", ""), request.query_params.get("id", "")
    with read_transaction(access_of(request).engine) as connection:
        found = list_accounts(connection, after=(key, id_) if id_ else None, limit=_PAGE_SIZE + 1)
    shown = found[:_PAGE_SIZE]
    after = None
    if len(found) > len(shown):
        after = url(request, "access.users", {"after": shown[-1].key, "id": shown[-1].id})
    return page(request, "access/users.html", title="Accounts", users=shown, after=after, is_first=not id_)


def add(request: Request) -> Response:
    return _add_page(request)


def post_add(request: Request) -> Response:
    access, form = access_of(request), request.state.form
    by_ = by(request, typed(form, "change_reason"))
    try:
        with write_transaction(access.engine) as connection:
            account = add_account(
                connection, by_, typed(form, "name"), typed(form, "address"), typed_all(form, "roles")
            )
            token = make_link(connection, by_, account.id)
    except UserError as error:
        return _add_page(request, *page_errors(error, "name"))
    return _link_made(request, account, token)


def user(request: Request) -> Response:
    return _user_page(request, _account(request))


def post_user(request: Request) -> Response:
    access, form, account = access_of(request), request.state.form, _account(request)
    try:
        with write_transaction(access.engine) as connection:
            change_account(
                connection,
                by(request, typed(form, "change_reason")),
                account.id,
                version_of(request),
                name=typed(form, "name"),
                address=typed(form, "address"),
                role_ids=typed_all(form, "roles"),
                disabled=bool(typed(form, "disabled")),
            )
    except UserError as error:
        return _user_page(request, account, *page_errors(error, "name"))
    except ConflictError:
        return _user_page(request, _account(request), PageError("", CHANGED), keep_typed=False)
    return redirect(request, "access.users", f"{account.name} is saved.")


def post_link(request: Request) -> Response:
    """A link is shown once, to the person who asked for it: nothing that could be read later holds it."""
    access, account = access_of(request), _account(request)
    if account.disabled:
        return _user_page(request, account, PageError("disabled", "Enable the account before it gets a link."))
    with write_transaction(access.engine) as connection:
        token = make_link(connection, by(request), account.id)
    return _link_made(request, account, token)


def post_end_sessions(request: Request) -> Response:
    access, account = access_of(request), _account(request)
    with write_transaction(access.engine) as connection:
        ended = end_all_sessions(connection, by(request), account)
    if account.id == request.state.identity.account_id:
        return redirect(request, "access.sign-in")
    return redirect(request, "access.user", f"{account.name} is signed out everywhere ({ended}).", id=account.id)


def post_unlink(request: Request) -> Response:
    access, account = access_of(request), _account(request)
    with write_transaction(access.engine) as connection:
        unlink_subject(connection, by(request), account)
    return redirect(request, "access.user", f"{account.name} signs in by the provider no longer.", id=account.id)


def _account(request: Request) -> Account:
    with read_transaction(access_of(request).engine) as connection:
        account = find_account(connection, request.path_params["id"])
    if account is None:
        raise HTTPException(404)
    return account


def _add_page(request: Request, *errors: PageError) -> Response:
    fields = _fields(request, None, errors)
    return page(
        request,
        "access/user-add.html",
        title="Add an account",
        status=422 if errors else 200,
        errors=errors,
        fields=fields,
    )


def _user_page(request: Request, account: Account, *errors: PageError, keep_typed: bool = True) -> Response:
    access = access_of(request)
    with read_transaction(access.engine) as connection:
        sessions = live_sessions(connection, account.id, access.now(), access.times)
    return page(
        request,
        "access/user.html",
        title=account.name,
        status=422 if errors else 200,
        errors=errors,
        account=account,
        fields=_fields(request, account, errors, keep_typed),
        sessions=sessions,
        provider=access.oidc.provider.label if access.oidc else None,
    )


def _fields(
    request: Request, account: Account | None, errors: tuple[PageError, ...], keep_typed: bool = True
) -> list[Field]:
    """As typed, where something was sent and is wrong; else as stored."""
    form = getattr(request.state, "form", None) if errors and keep_typed else None
    with read_transaction(access_of(request).engine) as connection:
        roles = load_roles(connection)
    if form is not None:
        name, address, chosen = typed(form, "name"), typed(form, "address"), set(typed_all(form, "roles"))
        disabled = bool(typed(form, "disabled"))
    elif account is not None:
        name, address, chosen = account.name, account.address, {id_ for id_, _ in account.roles}
        disabled = account.disabled
    else:
        name, address, chosen, disabled = "", "", set(), False
    fields = [
        Field("name", "Name", "text", "Signs in by this name; stands in the history of changes.", name),
        Field("address", "E-mail address", "text", "For people to know. It signs nobody in.", address, optional=True),
        Field(
            "roles",
            "Roles",
            "checks",
            "The rights of all of them add up.",
            "\n".join(sorted(chosen)),
            tuple(Choice(role.id, f"{role.name}: {_rights(role)}") for role in roles),
        ),
    ]
    if account is not None:
        text = "Nobody signs in by it; its sessions end at once."
        fields.append(Field("disabled", "Disabled", "checkbox", text, disabled))
    return [with_errors(one, errors) for one in fields]


def _rights(role: Role) -> str:
    return ", ".join(LABELS[right] for right in Right if right in role.rights) or "no right"


def _link_made(request: Request, account: Account, token: str) -> Response:
    link = f"{request.url.scheme}://{request.url.netloc}{request.scope.get('root_path', '')}{link_path(token)}"
    hours = int(LINK_LIFETIME.total_seconds() // 3600)
    return page(
        request,
        "access/link-made.html",
        title=f"A sign-in link for {account.name}",
        account=account,
        link=link,
        hours=hours,
    )


PAGES = (
    Page("access.users", _PATH, users, Right.USERS_AND_ROLES),
    Page("access.user-add", _PATH + "/add", add, Right.USERS_AND_ROLES),
    Page("access.post-user-add", _PATH + "/add", post_add, Right.USERS_AND_ROLES, ("POST",)),
    Page("access.user", _PATH + "/{id}", user, Right.USERS_AND_ROLES),
    Page("access.post-user", _PATH + "/{id}", post_user, Right.USERS_AND_ROLES, ("POST",)),
    Page("access.user-link", _PATH + "/{id}/link", post_link, Right.USERS_AND_ROLES, ("POST",)),
    Page("access.user-end-sessions", _PATH + "/{id}/end-sessions", post_end_sessions, Right.USERS_AND_ROLES, ("POST",)),
    Page("access.user-unlink", _PATH + "/{id}/unlink", post_unlink, Right.USERS_AND_ROLES, ("POST",)),
)
