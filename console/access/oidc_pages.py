"""Signing in at an OpenID provider, and linking one's account with a login there. Off: none of these pages is there."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from console.access import browser
from console.access.account_changes import add_new_login, link_subject
from console.access.accounts import account_of_subject, needed
from console.access.history import By
from console.access.middleware import OWN_PATH, SIGN_IN_PATH
from console.access.oidc import Attempt, Login, OidcClient, attempt_of, begin_attempt
from console.access.oidc_http import OidcError
from console.access.visitor import access_of, by, client_of, signed_in
from console.errors import UserError
from console.web.page import Page
from console.web.render import page, redirect
from console.web.render import url as url_of
from desk.engine import write_transaction
from runtime.telemetry.logs import get_logger

log = get_logger(__name__)

_SECONDS = 600  # how long an attempt is valid


def begin(request: Request) -> Response:
    """Off to the provider."""
    client = _client(request)
    return _off(request, client, begin_attempt(request.query_params.get("next", "/")))


def post_link(request: Request) -> Response:
    """Off to the provider, to link this account. A POST: no other site can begin it, and have its own login linked."""
    client = _client(request)
    return _off(request, client, begin_attempt(OWN_PATH, request.state.session_token))


def back(request: Request) -> Response:
    """Back from the provider."""
    client, attempt = _client(request), attempt_of(browser.read_cookie(request, browser.OIDC))
    if attempt is None:
        return _failed(request, "the sign-in took too long, or was begun in another browser")
    try:
        login = client.finish(attempt, dict(request.query_params), _redirect_uri(request))
        response = _linked(request, attempt, login) if attempt.link_proof else _signed_in(request, attempt, login)
    except OidcError as error:
        return _failed(request, error.text)
    except UserError as error:
        return _failed(request, error.problems[0].cause, error.problems[0].remedy)
    browser.drop_cookie(request, response, browser.OIDC)
    return response


def _off(request: Request, client: OidcClient, attempt: Attempt) -> Response:
    """A page that leads there, not a redirect: after a POST the page's policy keeps the browser from following one."""
    try:
        url = client.authorization_url(attempt, _redirect_uri(request))
    except OidcError as error:
        return _failed(request, error.text)
    response: Response
    if request.method == "GET":
        response = RedirectResponse(url, 303)
    else:
        label = client.provider.label
        response = page(
            request, "access/off.html", title=f"On to {label}", url_there=url, headers={"Refresh": f"0; url={url}"}
        )
    browser.write_cookie(request, response, browser.OIDC, attempt.cookie(), _SECONDS)
    return response


def _signed_in(request: Request, attempt: Attempt, login: Login) -> Response:
    access = access_of(request)
    with write_transaction(access.engine) as connection:
        account = account_of_subject(connection, login.issuer, login.subject)
        if account is None:
            account = add_new_login(connection, By("sign-in", access.now()), login, access.oidc_role)
    began = access.sign_in_by_oidc(account.id, client_of(request))
    if began is None:
        raise UserError("your account is disabled", "ask an administrator")
    return signed_in(request, began, attempt.next)


def _linked(request: Request, attempt: Attempt, login: Login) -> Response:
    access = access_of(request)
    if request.state.identity is None or not attempt.links(request.state.session_token):
        raise OidcError("this was not begun from your account's page")
    with write_transaction(access.engine) as connection:
        account = needed(connection, request.state.identity.account_id)
        link_subject(connection, by(request), account, login.issuer, login.subject)
    return redirect(request, "access.account", f"From now on {login.name or 'this login'} signs you in.")


def _client(request: Request) -> OidcClient:
    """404 where nobody signs in that way."""
    client = access_of(request).oidc
    if client is None:
        raise HTTPException(404)
    return client


def _redirect_uri(request: Request) -> str:
    return f"{request.url.scheme}://{request.url.netloc}{url_of(request, 'access.oidc-back')}"


def _failed(request: Request, why: str, remedy: str = "Try again, or sign in by name and password.") -> Response:
    log.warning("a login at the OpenID provider failed", why=why, client=client_of(request).address)
    client = _client(request)
    response = page(
        request,
        "access/oidc-failed.html",
        title="That sign-in did not work",
        status=403,
        why=why,
        remedy=remedy,
        label=client.provider.label,
    )
    browser.drop_cookie(request, response, browser.OIDC)
    return response


PAGES = (
    Page("access.oidc", SIGN_IN_PATH + "/oidc", begin, None, public=True),
    Page("access.oidc-back", SIGN_IN_PATH + "/oidc/back", back, None, public=True),
    Page("access.oidc-link", OWN_PATH + "/oidc", post_link, None, ("POST",)),
)
