"""What is said on the next page, after something was done: a cookie that only the same session can have written."""

import base64
import hashlib
import hmac
import json
from dataclasses import asdict, dataclass
from typing import Literal

from starlette.requests import Request
from starlette.responses import Response

COOKIE = "mailcall-flash"
MAX_TEXT = 600  # characters: a cookie holds 4 kB
_MAC_BYTES = hashlib.sha256().digest_size
Kind = Literal["success", "warning", "info"]


@dataclass(frozen=True, slots=True)
class Flash:
    """One message."""

    text: str
    kind: Kind = "success"


def put(request: Request, response: Response, flash: Flash) -> None:
    """To be shown on the next page of this session."""
    body = json.dumps(asdict(Flash(flash.text[:MAX_TEXT], flash.kind))).encode()
    response.set_cookie(
        COOKIE,
        base64.urlsafe_b64encode(_mac(request, body) + body).decode().rstrip("="),
        path=_path(request),
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="lax",
    )


def look(request: Request) -> Flash | None:
    """The message that waits for this session, if there is one."""
    try:
        raw = base64.urlsafe_b64decode(request.cookies.get(COOKIE, "") + "==")
        mac, body = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
        if not body or not _token(request) or not hmac.compare_digest(_mac(request, body), mac):
            return None
        return Flash(**json.loads(body))
    except (ValueError, TypeError):
        return None


def forget(request: Request, response: Response) -> None:
    """It is shown on this response, and once is enough."""
    if COOKIE in request.cookies:
        response.delete_cookie(COOKIE, path=_path(request), httponly=True, samesite="lax")


def _mac(request: Request, body: bytes) -> bytes:
    """Nobody but the session's owner knows its token, so nobody else can put words on the page."""
    return hmac.digest(_token(request).encode(), b"flash\0" + body, "sha256")


def _token(request: Request) -> str:
    token: str = getattr(request.state, "session_token", "")
    return token


def _path(request: Request) -> str:
    return request.scope.get("root_path") or "/"
