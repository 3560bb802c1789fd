"""JSON from an OpenID provider: bounded in time and size, from permitted addresses, never sent on to elsewhere."""

import json
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from http.client import HTTPException
from typing import Any

from runtime.net.bounded_http import bounded_opener
from runtime.net.tls import trusting
from runtime.security.redaction import printable

TIMEOUT_SECONDS = 20.0
MAX_BYTES = 512 * 1024
_URL = re.compile(r"(https://|http://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?(/|\Z))[!-~]*\Z")


class OidcError(Exception):
    """Signing in at a provider did not work. `text` is for the person who tried: no token, code or secret."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


def is_endpoint(url: object) -> bool:
    """Whether something may be asked there: https, but for this machine itself."""
    return isinstance(url, str) and _URL.match(url) is not None


def fetch_json(
    url: str, ca_file: str | None, form: Mapping[str, str] | None = None, authorization: str = ""
) -> Mapping[str, Any]:
    """GET, or POST of the form. Raises `OidcError`."""
    host = urllib.parse.urlsplit(url).hostname or ""
    headers = {"Accept": "application/json", **({"Authorization": authorization} if authorization else {})}
    body = urllib.parse.urlencode(form).encode() if form is not None else None
    request = urllib.request.Request(url, body, headers)
    try:
        with bounded_opener(trusting(ca_file), TIMEOUT_SECONDS) as opener:
            return _fetched(opener, request, host)
    except (OSError, ValueError, HTTPException) as error:  # URLError and TLS errors are OSErrors
        raise OidcError(f"{host} cannot be asked: {printable(getattr(error, 'reason', error))}") from None


def _fetched(opener: urllib.request.OpenerDirector, request: urllib.request.Request, host: str) -> Mapping[str, Any]:
    try:
        with opener.open(request) as response:
            return _object(response.read(MAX_BYTES + 1), host)
    except urllib.error.HTTPError as error:
        with error:
            said = _said(error.read(MAX_BYTES))
        raise OidcError(f"{host} refused it: {said or f'HTTP status {error.code}'}") from None


def _object(body: bytes, host: str) -> Mapping[str, Any]:
    try:
        answer = json.loads(body) if len(body) <= MAX_BYTES else None
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        raise OidcError(f"{host} gave no answer that can be read")
    return answer


def _said(body: bytes) -> str:
    """RFC 6749, section 5.2: only what is in a form of its own, never a page."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    if not isinstance(answer, dict):
        return ""
    return printable(f"{answer.get('error') or ''} {answer.get('error_description') or ''}")
