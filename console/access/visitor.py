"""What a page of signing in asks of a request: the way in, where it comes from, where it wants to go."""

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from console.access import cookies
from console.access.access import Access, Began
from console.access.history import By
from console.access.local_paths import local_path
from console.access.sessions import Client


def access_of(request: Request) -> Access:
    found: Access = request.state.access
    return found


def client_of(request: Request) -> Client:
    """The address is the connection's, or what a proxy said that the server was told to trust."""
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
    before = cookies.read(request, cookies.SESSION)
    if before:
        access_of(request).sign_out(before)
    response = redirect_to(request, next_)
    cookies.write(request, response, cookies.SESSION, began.token)
    return response
