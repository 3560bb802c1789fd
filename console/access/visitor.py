"""A visitor's request, as the pages about access take it: who asks, what was typed, and what is wrong with it."""

from collections.abc import Iterable
from dataclasses import replace

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from console.access import browser
from console.access.access import Access, Began
from console.access.accounts import Account
from console.access.browser import local_path
from console.access.credentials import faults
from console.access.history import By
from console.access.sessions import Client
from console.errors import UserError
from console.web.form_errors import PageError, problem_text
from console.web.forms import Field


def access_of(request: Request) -> Access:
    found: Access = request.state.access
    return found


def client_of(request: Request) -> Client:
    """The address is the connection's, or what a proxy said that the server was problem_text to trust."""
    return Client(request.client.host if request.client else "", request.headers.get("user-agent", ""))


def by(request: Request, reason: str = "") -> By:
    """Who is signed in changes something now."""
    return By(request.state.identity.name, access_of(request).now(), reason)


def typed(form: FormData, name: str) -> str:
    """ "" where the field is not there, or is a file."""
    value = form.get(name)
    return value if isinstance(value, str) else ""


def typed_all(form: FormData, name: str) -> list[str]:
    """Of a field that may be there several times."""
    return [value for value in form.getlist(name) if isinstance(value, str)]


def redirect_to(request: Request, path: str) -> Response:
    """To a path of this window, whatever was asked for."""
    return RedirectResponse(str(request.scope.get("root_path", "")) + local_path(path), 303)


def signed_in(request: Request, began: Began, next_: str) -> Response:
    """The browser has the new session from here on; the one that it had before ends: nobody can have put it there."""
    before = browser.read_cookie(request, browser.SESSION)
    if before:
        access_of(request).sign_out(before)
    response = redirect_to(request, next_)
    browser.write_cookie(request, response, browser.SESSION, began.token)
    return response


CHANGED = "Somebody else changed it in the meantime: what is shown now is theirs. Enter your change again."


def page_errors(error: UserError, field: str) -> list[PageError]:
    """At the field that it is about; at this one where it names none."""
    return [PageError(one.place or field, problem_text(one.cause, one.remedy)) for one in error.problems]


def with_errors(field: Field, errors: Iterable[PageError]) -> Field:
    return replace(field, errors=tuple(error.text for error in errors if error.field == field.name))


FIELD, AGAIN = "new", "again"
SECRET = ".secret"  # how the names of fields end that are never shown again


def new_password(form: FormData, account: Account) -> tuple[str, list[PageError]]:
    """The password, and what is wrong with it."""
    password = typed(form, FIELD + SECRET)
    errors = [PageError(FIELD, fault) for fault in faults(password, account.name, account.address)]
    if not errors and typed(form, AGAIN + SECRET) != password:
        errors.append(PageError(AGAIN, "It is not the same as the first time."))
    return password, errors
