"""One's own account: password, sessions, the login at an OpenID provider."""

from starlette.requests import Request
from starlette.responses import Response

from console.access.access import NotSignedIn
from console.access.account_changes import set_password, unlink_subject
from console.access.accounts import Account, needed
from console.access.credentials import hash_password
from console.access.history import record
from console.access.middleware import OWN_PATH
from console.access.sessions import Session, end_session, end_sessions, live_sessions
from console.access.visitor import SECRET, access_of, by, client_of, new_password, typed
from console.web.form_errors import PageError
from console.web.page import Page
from console.web.render import page, redirect
from desk.engine import read_transaction, write_transaction

OLD = "old"


def own(request: Request) -> Response:
    return _own_page(request)


def post_password(request: Request) -> Response:
    access, form, account = access_of(request), request.state.form, _account(request)
    errors = []
    if _needs_old_password(account, request.state.session):
        proved = access.prove(account.name, typed(form, OLD + SECRET), client_of(request))
        if isinstance(proved, NotSignedIn):
            text = "Too many attempts: try again in a quarter of an hour." if proved.wait_until else "It is wrong."
            errors.append(PageError(OLD, text))
    password, faults = new_password(form, account)
    if errors or faults:
        return _own_page(request, *errors, *faults)
    hashed = hash_password(password)
    with write_transaction(access.engine) as connection:
        set_password(connection, by(request), account, hashed, keep_session=request.state.session.id)
    return redirect(request, "access.account", "The new password holds. All your other sessions are ended.")


def post_end_session(request: Request) -> Response:
    """One of them, or all but this one."""
    access, account = access_of(request), _account(request)
    id_, this = typed(request.state.form, "session"), request.state.session.id
    with write_transaction(access.engine) as connection:
        if id_ and id_ != this:
            ended = int(end_session(connection, account.id, id_, access.now()))
        else:
            ended = end_sessions(connection, account.id, access.now(), but=this)
        record(connection, by(request), "sessions-ended", account.name, after={"sessions": ended})
    return redirect(request, "access.account", "It is ended." if ended == 1 else f"{ended} sessions are ended.")


def post_unlink(request: Request) -> Response:
    access, account = access_of(request), _account(request)
    if account.password is None:
        return _own_page(request, PageError("new", "Set a password first: else you could not sign in any more."))
    with write_transaction(access.engine) as connection:
        unlink_subject(connection, by(request), account)
    return redirect(request, "access.account", "Your login there is no longer linked with this account.")


def _account(request: Request) -> Account:
    with read_transaction(access_of(request).engine) as connection:
        return needed(connection, request.state.identity.account_id)


def _needs_old_password(account: Account, session: Session) -> bool:
    """Not where there is none, and not after signing in by a link, since it was lost."""
    return account.password is not None and session.signed_in_by != "link"


def _own_page(request: Request, *errors: PageError) -> Response:
    access, account = access_of(request), _account(request)
    with read_transaction(access.engine) as connection:
        sessions = live_sessions(connection, account.id, access.now(), access.times)
    return page(
        request,
        "access/own.html",
        title="Your account",
        status=422 if errors else 200,
        errors=errors,
        account=account,
        needs_old=_needs_old_password(account, request.state.session),
        sessions=sessions,
        this_session=request.state.session.id,
        provider=access.oidc.provider.label if access.oidc else None,
    )


PAGES = (
    Page("access.account", OWN_PATH, own, None),
    Page("access.password", OWN_PATH + "/password", post_password, None, ("POST",)),
    Page("access.end-own-session", OWN_PATH + "/sessions/end", post_end_session, None, ("POST",)),
    Page("access.oidc-unlink", OWN_PATH + "/oidc/unlink", post_unlink, None, ("POST",)),
)
