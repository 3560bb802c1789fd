"""Signing in and out: by password, by a one-time link; and what was posted after a session had ended."""

from datetime import UTC, datetime
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from console.access import browser, kept_input
from console.access.access import NotSignedIn
from console.access.accounts import find_account
from console.access.browser import local_path
from console.access.middleware import KEPT_PATH, RESEND, SIGN_IN_PATH, SIGN_OUT_PATH
from console.access.sessions import LINK_PATH, account_of_link
from console.access.visitor import access_of, client_of, new_password, redirect_to, signed_in, typed
from console.web.form_errors import PageError
from console.web.page import Page
from console.web.render import page
from desk.engine import read_transaction, write_transaction

_WRONG = "The name or the password is wrong."


def sign_in(request: Request) -> Response:
    next_ = request.query_params.get("next", "/")
    if request.state.identity is not None:
        return redirect_to(request, next_)
    return _sign_in_page(request, "", next_)


def post_sign_in(request: Request) -> Response:
    form = request.state.form
    name, next_ = typed(form, "name"), typed(form, "next")
    began = access_of(request).sign_in(name, typed(form, "password.secret"), client_of(request))
    if not isinstance(began, NotSignedIn):
        return signed_in(request, began, next_)
    if not began.wait_until:
        return _sign_in_page(request, name, next_, PageError("name", _WRONG))
    until = datetime.fromtimestamp(began.wait_until, UTC)
    text = f"Too many attempts. Try again at {until:%H:%M} UTC, or ask an administrator for a sign-in link."
    return _sign_in_page(request, name, next_, PageError("name", text), 429)


def sign_out(request: Request) -> Response:
    access_of(request).sign_out(request.state.session_token)
    response = redirect_to(request, SIGN_IN_PATH)
    browser.drop_cookie(request, response, browser.SESSION)
    return response


def link(request: Request) -> Response:
    """Looking does not use it up: programs open the links of mails before people do."""
    return _link_page(request)


def post_link(request: Request) -> Response:
    access, form = access_of(request), request.state.form
    token = request.path_params["token"]
    with read_transaction(access.engine) as connection:
        account_id = account_of_link(connection, token, access.now())
        account = find_account(connection, account_id) if account_id else None
    if account is None:
        return _link_page(request)
    password = None
    if account.must_change and "without-password" not in form:
        password, errors = new_password(form, account)
        if errors:
            return _link_page(request, *errors)
    began = access.sign_in_by_link(token, client_of(request), password)
    return signed_in(request, began, "/") if began else _link_page(request)


def kept(request: Request) -> Response:
    """What was typed before the session ended: sent by the person who typed it, or not at all."""
    access, account_id = access_of(request), request.state.identity.account_id
    key = browser.read_cookie(request, browser.KEPT)
    with read_transaction(access.engine) as connection:
        posted = kept_input.look(connection, account_id, key, access.now()) if key else None
    action = None
    if posted:
        action = f"{request.scope.get('root_path', '')}{local_path(quote(posted.path))}?{RESEND}=1"
    return page(request, "access/kept.html", title="Your session had ended", action=action)


def post_kept(request: Request) -> Response:
    """It is thrown away."""
    access = access_of(request)
    with write_transaction(access.engine) as connection:
        kept_input.forget(connection, request.state.identity.account_id, browser.read_cookie(request, browser.KEPT))
    response = redirect_to(request, "/")
    browser.drop_cookie(request, response, browser.KEPT)
    return response


def _sign_in_page(request: Request, name: str, next_: str, error: PageError | None = None, status: int = 0) -> Response:
    oidc = access_of(request).oidc
    return page(
        request,
        "access/sign-in.html",
        title="Sign in",
        status=status or (422 if error else 200),
        errors=[error] if error else (),
        name=name,
        next=next_,
        provider=oidc.provider.label if oidc else None,
    )


def _link_page(request: Request, *errors: PageError) -> Response:
    access = access_of(request)
    with read_transaction(access.engine) as connection:
        account_id = account_of_link(connection, request.path_params["token"], access.now())
        account = find_account(connection, account_id) if account_id else None
    return page(
        request,
        "access/link.html",
        title=f"Sign in as {account.name}" if account else "This link is good no longer",
        status=(422 if errors else 200) if account else 410,
        errors=errors,
        account=account,
        provider=access.oidc.provider.label if access.oidc else None,
    )


PAGES = (
    Page("access.sign-in", SIGN_IN_PATH, sign_in, None, public=True),
    Page("access.post-sign-in", SIGN_IN_PATH, post_sign_in, None, ("POST",), public=True),
    Page("access.link", LINK_PATH + "{token}", link, None, public=True),
    Page("access.post-link", LINK_PATH + "{token}", post_link, None, ("POST",), public=True),
    Page("access.kept", KEPT_PATH, kept, None),
    Page("access.forget-kept", KEPT_PATH, post_kept, None, ("POST",)),
    Page("access.sign-out", SIGN_OUT_PATH, sign_out, None, ("POST",)),
)
