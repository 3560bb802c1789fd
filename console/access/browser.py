"""A visitor's browser: the cookies of signing in, and the paths that it may be sent to.

The cookies are unreadable for scripts, not sent along from other sites, and bound to the host under TLS.
"""

import re

from starlette.requests import HTTPConnection
from starlette.responses import Response

SESSION = "mailcall-session"
KEPT = "mailcall-kept"
OIDC = "mailcall-oidc"


def read_cookie(request: HTTPConnection, name: str) -> str:
    """ "" where there is none. Under TLS one without its prefix is not believed: another host may have set it."""
    return request.cookies.get(_full_name(request, name), "")


def write_cookie(
    request: HTTPConnection, response: Response, name: str, value: str, seconds: int | None = None
) -> None:
    """Until the browser is closed, or for `seconds`."""
    response.set_cookie(
        _full_name(request, name),
        value,
        max_age=seconds,
        path=_path(request),
        secure=_is_secure(request),
        httponly=True,
        samesite="lax",
    )


def drop_cookie(request: HTTPConnection, response: Response, name: str) -> None:
    response.delete_cookie(
        _full_name(request, name), path=_path(request), secure=_is_secure(request), httponly=True, samesite="lax"
    )


def _full_name(request: HTTPConnection, name: str) -> str:
    """`__Host-` forbids a path, so a window behind a base path has the weaker prefix."""
    if not _is_secure(request):
        return name
    return f"__Host-{name}" if _path(request) == "/" else f"__Secure-{name}"


def _path(request: HTTPConnection) -> str:
    return request.scope.get("root_path") or "/"


def _is_secure(request: HTTPConnection) -> bool:
    return request.url.scheme == "https"


# One slash, then none and no backslash, which browsers take for one; nothing that they would leave out of a URL.
_LOCAL = re.compile(r"/(?![/\\])[!-\[\]-~]*\Z")
MAX_LENGTH = 2_000


def local_path(wanted: str) -> str:
    """The path, or "/" where it would lead to another host."""
    return wanted if len(wanted) <= MAX_LENGTH and _LOCAL.match(wanted) else "/"


def path_within(request: HTTPConnection) -> str:
    """The request's path behind the base path."""
    path: str = request.scope["path"]
    return path.removeprefix(request.scope.get("root_path", ""))
