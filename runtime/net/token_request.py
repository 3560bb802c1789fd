"""One request to an OAuth2 token endpoint (RFC 6749): a form is posted, JSON comes back, both bounded."""

import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any

from runtime.net.bounded_http import bounded_opener
from runtime.net.dialling import RefusedAddressError
from runtime.net.tls import trusting
from runtime.security.redaction import printable

TIMEOUT_SECONDS = 20.0
MAX_RESPONSE_BYTES = 64 * 1024
DEFAULT_LIFETIME = 3600  # seconds; section 5.1 only recommends that the server says so
_LATER = frozenset({408, 425, 429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class TokenResponse:
    """What the endpoint gave: seconds that the access token is good for, a new refresh token where it was renewed."""

    access_token: str
    lifetime: float
    refresh_token: str | None

    def __repr__(self) -> str:
        return f"TokenResponse(lifetime={self.lifetime})"


class TokenRefused(Exception):  # noqa: N818 - the server's decision, no defect
    """No token was given. `text`: what the endpoint said; `temporary`: a retry may help; `error`: RFC 6749, 5.2."""

    def __init__(self, text: str, *, temporary: bool, error: str = "") -> None:
        super().__init__(text)
        self.text = text
        self.temporary = temporary
        self.error = error


def request_token(
    url: str, ca_file: str | None, form: Mapping[str, str], seconds: float | None = None
) -> TokenResponse:
    """Posts the form, and waits this long for the whole response. Raises `TokenRefused`."""
    host = urllib.parse.urlsplit(url).hostname or ""
    body = urllib.parse.urlencode(form).encode()
    request = urllib.request.Request(url, body, {"Accept": "application/json"})
    try:
        with bounded_opener(trusting(ca_file), seconds or TIMEOUT_SECONDS) as opener:
            return _posted(opener, request, host)
    except (OSError, ValueError, HTTPException) as error:  # URLError and TLS errors are OSErrors
        cause = getattr(error, "reason", error)
        refused = isinstance(cause, RefusedAddressError)
        text = f"the token endpoint {host} cannot be reached: {printable(cause)}"
        raise TokenRefused(text, temporary=not refused) from None


def _posted(opener: urllib.request.OpenerDirector, request: urllib.request.Request, host: str) -> TokenResponse:
    try:
        with opener.open(request) as response:
            return _response(host, _read(response))
    except urllib.error.HTTPError as error:
        with error:
            raise _refusal(host, error.code, _read(error)) from None


def _read(response: Any) -> bytes:
    """As much of it as a response may have."""
    body: bytes = response.read(MAX_RESPONSE_BYTES)
    return body


def _response(host: str, body: bytes) -> TokenResponse:
    """Section 5.1."""
    answer = _json(body)
    token = answer.get("access_token")
    if not isinstance(token, str) or not token.isascii() or not token.isprintable() or " " in token:
        raise TokenRefused(f"the token endpoint {host} answered without an access token", temporary=True)
    lifetime, refresh = answer.get("expires_in"), answer.get("refresh_token")
    return TokenResponse(
        token,
        float(lifetime) if isinstance(lifetime, int | float) and lifetime > 0 else DEFAULT_LIFETIME,
        refresh if isinstance(refresh, str) and refresh else None,
    )


def _refusal(host: str, status: int, body: bytes) -> TokenRefused:
    """Section 5.2."""
    answer = _json(body)
    error = printable(answer.get("error") or "")
    said = printable(f"{error} {answer.get('error_description') or ''}") or f"HTTP status {status}"
    return TokenRefused(f"the token endpoint {host} gives no token: {said}", temporary=status in _LATER, error=error)


def _json(body: bytes) -> Mapping[str, Any]:
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return answer if isinstance(answer, dict) else {}
