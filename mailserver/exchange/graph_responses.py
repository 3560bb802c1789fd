"""Responses of Microsoft Graph: read with bounds, and its errors as readable messages.

From Microsoft's documents (https://learn.microsoft.com/graph): errors, throttling.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from mailserver.errors import MailServerError
from mailserver.exchange.http_session import Head
from runtime.security.redaction import printable
from schemas.reasons import Reason

MAX_ANSWER_BYTES = 16_000_000  # of JSON: a page of 1,000 messages with what is asked of each has 1 MB
MAX_LINK = 8_000  # characters of an address in a response
CLOCK_SECONDS = 240  # a clock that is off by more makes tokens useless
THROTTLED_SECONDS = 10.0  # if the service names none

_NO_ACCESS = (
    "Give the application the permission Mail.ReadWrite (and Mail.Send for an outgoing server) with an administrator's "
    "consent, and let its limit to mailboxes (RBAC for Applications, application access policy) include this one"
)
_REMEDIES: Mapping[int, str] = {
    401: "Check tenant, client_id and the secret or certificate of the MAPI profile, and that graph_url is of the same "
    "cloud",
    403: _NO_ACCESS,
    404: "Check mailbox and the names of folders",
}
_REASONS: Mapping[int, tuple[Reason, bool]] = {  # by status: the reason, and whether it is temporary
    401: (Reason.AUTHENTICATION_REFUSED, False),
    403: (Reason.FOLDER_REFUSED, False),
    404: (Reason.FOLDER_REFUSED, False),
    408: (Reason.SERVER_UNREACHABLE, True),
    410: (Reason.SERVER_UNREACHABLE, True),
    429: (Reason.SERVER_DEFERRED, True),
    503: (Reason.SERVER_DEFERRED, True),
    509: (Reason.SERVER_DEFERRED, True),  # bandwidth limit exceeded
}


class GraphError(MailServerError):
    """The response is an error.

    `status`: of HTTP; `code`: the service's own word for it, "" if it said none; `said`: that and its message.
    """

    def __init__(
        self, status: int, code: str, said: str, reason: Reason, text: str, *, temporary: bool, after: float
    ) -> None:
        super().__init__(reason, text, temporary=temporary, after=after)
        self.status = status
        self.code = code
        self.said = said


@dataclass(frozen=True, slots=True)
class GraphResponse:
    """`value`: the JSON object that came; empty if nothing did."""

    status: int
    value: Mapping[str, Any]
    headers: Mapping[str, str]


def read_response(label: str, head: Head, pieces: Iterator[bytes]) -> GraphResponse:
    """`label`: the mailbox in an error's text. Raises `MailServerError`."""
    body = bytearray()
    for piece in pieces:
        body += piece
        if len(body) > MAX_ANSWER_BYTES:
            raise odd_response(label, head.status, f"with more than {MAX_ANSWER_BYTES} bytes")
    try:
        value = json.loads(body) if body else {}
    except (ValueError, RecursionError):
        value = None
    if isinstance(value, dict):
        return GraphResponse(head.status, value, head.headers)
    if 200 <= head.status < 300:
        raise odd_response(label, head.status, "with something that is no JSON")
    return GraphResponse(head.status, {}, head.headers)


def check_response(label: str, response: GraphResponse) -> None:
    """Raises `GraphError` unless it is a success."""
    status = response.status
    if 200 <= status < 300:
        return
    if 300 <= status < 400:
        raise odd_response(label, status, "that it is to be asked elsewhere, which is not done")
    error = response.value.get("error")
    error = error if isinstance(error, dict) else {}
    code, message = printable(error.get("code") or ""), printable(error.get("message") or "")
    reason, temporary = _REASONS.get(status, (Reason.SERVER_UNREACHABLE, True))
    if 400 <= status < 500 and status not in _REASONS:
        reason, temporary = Reason.FOLDER_REFUSED, False
    said = (f"{code}: {message}" if code else message or "no more is said").rstrip(".")
    what = "asks to be left alone for a while" if reason is Reason.SERVER_DEFERRED else "refuses"
    text = f"{label} {what}: HTTP status {status}, {said}. {_remedy(response)}".strip()
    after = _retry_after(response.headers) if reason is Reason.SERVER_DEFERRED else 0.0
    raise GraphError(status, code, said, reason, text, temporary=temporary, after=after)


def odd_response(label: str, status: int, what: str) -> MailServerError:
    """What came is no response of the service."""
    text = (
        f"{label} answered {what} (HTTP status {status}). Look what is between here and the service (a proxy, a login "
        "page of the network), or wait"
    )
    return MailServerError(Reason.SERVER_UNREACHABLE, text, temporary=True)


def _remedy(response: GraphResponse) -> str:
    off = _clock_off(response.headers) if response.status == 401 else 0.0
    if abs(off) > CLOCK_SECONDS:
        way = "behind" if off > 0 else "ahead of"
        return f"The clock of this machine is {abs(off):.0f} seconds {way} the service's: set it right"
    return _REMEDIES.get(response.status, "")


def _retry_after(headers: Mapping[str, str]) -> float:
    """Seconds (RFC 9110, section 10.2.3); ours if none are named, or they cannot be decoded."""
    said = headers.get("retry-after", "").strip()
    if said.isascii() and said.isdigit() and len(said) < 10:
        return float(said)
    moment = _moment(said)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds()) if moment else THROTTLED_SECONDS


def _clock_off(headers: Mapping[str, str]) -> float:
    """How many seconds the clock of this machine is behind the service's; 0 if that is not known."""
    moment = _moment(headers.get("date", ""))
    return (moment - datetime.now(UTC)).total_seconds() if moment else 0.0


def _moment(said: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(said)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
