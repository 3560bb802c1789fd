"""The window's stylesheet and scripts, each under an address that holds its hash, so that browsers keep it for good."""

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

_FOLDER = Path(__file__).with_name("static")
_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
_FOR_GOOD = {"Cache-Control": "public, max-age=31536000, immutable", "Vary": "Accept-Encoding"}
PATH = "/static/{digest}/{name}"


@dataclass(frozen=True, slots=True)
class StaticFile:
    """A file as it is served; `digest` is of its content."""

    name: str
    digest: str
    content_type: str
    content: bytes
    packed: bytes

    @property
    def path(self) -> str:
        return PATH.format(digest=self.digest, name=self.name)


@cache
def static_files() -> Mapping[str, StaticFile]:
    """By name. Some hundred kB in all, read once: no request reaches a path of this machine."""
    paths = (path for path in sorted(_FOLDER.iterdir()) if path.suffix in _TYPES)
    return {path.name: _read(path) for path in paths}


async def serve(request: Request) -> Response:
    """Under an old address there is nothing: the page that names it is old as well."""
    file = static_files().get(request.path_params["name"])
    if file is None or file.digest != request.path_params["digest"]:
        raise HTTPException(404)
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(file.packed, 200, {**_FOR_GOOD, "Content-Encoding": "gzip"}, file.content_type)
    return Response(file.content, 200, _FOR_GOOD, file.content_type)


def _read(path: Path) -> StaticFile:
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()[:16]
    return StaticFile(path.name, digest, _TYPES[path.suffix], content, gzip.compress(content, mtime=0))
