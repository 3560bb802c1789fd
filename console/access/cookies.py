"""The cookies of signing in: unreadable for scripts, not sent along from other sites, bound to the host under TLS."""

from starlette.requests import HTTPConnection
from starlette.responses import Response

SESSION = "mailcall-session"
KEPT = "mailcall-kept"
OIDC = "mailcall-oidc"


def read(request: HTTPConnection, name: str) -> str:
    """ "" where there is none. Under TLS one without its prefix is not believed: another host may have set it."""
    return request.cookies.get(_full_name(request, name), "")


def write(request: HTTPConnection, response: Response, name: str, value: str, seconds: int | None = None) -> None:
    """Until the browser is closed, or for so many seconds."""
    response.set_cookie(
        _full_name(request, name),
        value,
        max_age=seconds,
        path=_path(request),
        secure=_is_secure(request),
        httponly=True,
        samesite="lax",
    )


def drop(request: HTTPConnection, response: Response, name: str) -> None:
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
