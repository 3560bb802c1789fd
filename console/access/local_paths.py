"""Where to go after signing in: a path of this window, and nowhere else."""

import re

from starlette.requests import HTTPConnection

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
