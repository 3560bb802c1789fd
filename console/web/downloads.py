"""Foreign bytes as a download: never shown by the browser, whatever they are."""

import re
from urllib.parse import quote

from starlette.responses import Response

from console.web.foreign import visible

MAX_NAME = 120  # characters
_UNSAFE = re.compile(r'[/\\:*?"<>|\r\n\t]+')


def download(content: bytes, name: str) -> Response:
    """`name` as a stranger gave it: no path, nothing invisible, no file that hides."""
    return Response(
        content,
        media_type="application/octet-stream",
        headers={
            "Content-Disposition": disposition(name),
            "Content-Security-Policy": "default-src 'none'; sandbox; frame-ancestors 'none'",
            "X-Content-Type-Options": "nosniff",
        },
    )


def disposition(name: str) -> str:
    """RFC 6266: in ASCII for old browsers, and as it is."""
    safe = visible(_UNSAFE.sub("_", name)).strip(". ")[-MAX_NAME:].lstrip(". ") or "file"
    ascii_name = safe.encode("ascii", "replace").decode().replace("?", "_")
    return f"attachment; filename=\"{ascii_name}\"; filename*=UTF-8''{quote(safe.encode('utf-8', 'replace'), safe='')}"
