"""Microsoft Graph, as far as mail goes: one session for one mailbox, with bounded responses and errors in plain words.

From Microsoft's documents (https://learn.microsoft.com/graph): paging, throttling. The service allows an application
10,000 requests in ten minutes and four at once per mailbox; a session makes one at a time, and what all sessions of a
process ask of one mailbox stays below that.
"""

import json
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from http.client import HTTPException
from typing import Any
from urllib.parse import quote, urlsplit

from mailserver.connection import trusted_context
from mailserver.errors import MailServerError, Peer, broken_connection
from mailserver.exchange.account import ExchangeAccount, graph_address
from mailserver.exchange.graph_responses import (
    MAX_LINK,
    GraphResponse,
    check_response,
    odd_response,
    read_response,
)
from mailserver.exchange.http_session import HttpSession, InterruptedSession, UnfinishedError, origin_of
from runtime.security.redaction import printable
from schemas.reasons import Reason

VERSION = "/v1.0"
BURST, MINUTES = 5_000, 10  # requests at once, and in this many minutes besides: together the published 10,000
_NO_MAIL = ("text/html", "application/json")  # of a login page, of an error: a message comes as text/plain


class RequestRate:
    """Requests of one mailbox, kept below what the service allows. May be used by many threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._free = float(BURST)
        self._at = clock()

    def seconds_to_wait(self) -> float:
        """Take one request; how long it has to wait."""
        with self._lock:
            now = self._clock()
            self._free = min(float(BURST), self._free + (now - self._at) * BURST / (60 * MINUTES)) - 1
            self._at = now
            return max(0.0, -self._free * 60 * MINUTES / BURST)


@lru_cache(maxsize=1_000)
def rate_of(root: str, mailbox: str) -> RequestRate:  # noqa: ARG001 - they are what it is kept by
    """The one of a mailbox, for all sessions of this process."""
    return RequestRate()


class GraphSession:
    """Requests to one mailbox, one after the other. `server_id`: whose errors they are.

    Used by one thread; only `interrupt` may be called from another. Raises `MailServerError` everywhere; `GraphError`
    if the service said no. After any error it can be used again.
    """

    def __init__(self, server_id: str, account: ExchangeAccount) -> None:
        self._server_id = server_id
        self._account = account
        self._root = graph_address(account.profile)
        self._rate = rate_of(self._root, account.mailbox.lower())
        self._http: HttpSession | None = None
        self._interrupted = threading.Event()
        self.user = f"{VERSION}/users/{quote(account.mailbox, safe='@')}"

    @property
    def label(self) -> str:
        """The mailbox in an error's text."""
        of_mailbox = f"{self._account.mailbox} at " if self._account.mailbox else ""
        return f"{self._server_id} ({of_mailbox}{urlsplit(self._root).hostname})"

    def connect(self) -> str:
        """Connect; where to and how the connection is protected, for people."""
        with self._translated():
            protection = self._require().connect()
        return f"connected to {urlsplit(self._root).netloc}, {protection}"

    def log_in(self) -> str:
        """Get a token; what it is for, for people."""
        self._account.access_token()
        return f"a token for {urlsplit(self._root).hostname} was given"

    def get(self, path: str, *, prefer: str = "") -> GraphResponse:
        """`path`: with its query, below the mailbox ("/messages?..."), or an address from a response."""
        return self.ask("GET", path, headers={"Prefer": prefer} if prefer else {})

    def post(self, path: str, value: Mapping[str, Any]) -> GraphResponse:
        return self._with_json("POST", path, value)

    def patch(self, path: str, value: Mapping[str, Any]) -> GraphResponse:
        return self._with_json("PATCH", path, value)

    def _with_json(self, method: str, path: str, value: Mapping[str, Any]) -> GraphResponse:
        return self.ask(method, path, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def ask(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> GraphResponse:
        """A request whose response is JSON, or nothing."""
        for last in (False, True):
            with self._translated(), self._exchange(method, self.target(path), body, headers or {}) as (head, pieces):
                response = read_response(self.label, head, pieces)
            if not self._again_with_another_token(response, last):
                break
        check_response(self.label, response)
        return response

    def content(self, path: str) -> Generator[bytes, None, None]:
        """What is no JSON, piece by piece: all of it, or an error at its end."""
        for last in (False, True):
            with self._translated(), self._exchange("GET", self.target(path), None, {}) as (head, pieces):
                if head.status == 200 and not head.headers.get("content-type", "").startswith(_NO_MAIL):
                    if not head.has_end:
                        raise UnfinishedError("its response has no length, so it cannot be seen whether it is complete")
                    yield from pieces
                    return
                response = read_response(self.label, head, pieces)
            if not self._again_with_another_token(response, last):
                break
        check_response(self.label, response)
        raise odd_response(self.label, response.status, "with something else than what was asked for")

    def pause(self, seconds: float) -> None:
        """Wait, unless the session is interrupted."""
        self._interrupted.wait(seconds)

    def interrupt(self) -> None:
        self._interrupted.set()
        http = self._http
        if http is not None:
            http.interrupt()

    def close(self) -> None:
        http, self._http = self._http, None
        if http is not None:
            http.close()

    def _require(self) -> HttpSession:
        if self._http is None:
            profile = self._account.profile
            context = trusted_context(profile.ca_file, f"the MAPI profile {profile.id}")
            self._http = HttpSession(self._root, context, profile.timeout_seconds)
        if self._interrupted.is_set():
            self._http.interrupt()
        return self._http

    def _exchange(self, method: str, target: str, body: bytes | None, headers: Mapping[str, str]) -> Any:
        token = self._account.access_token()
        self.pause(self._rate.seconds_to_wait())
        given = {"Authorization": f"Bearer {token}", "Accept": "application/json", "Host": urlsplit(self._root).netloc}
        return self._require().exchange(method, target, {**given, **headers}, body)

    def target(self, path: str) -> str:
        """Path and query. An address from a response is followed on the host that was asked, and nowhere else."""
        if path.startswith("/"):
            return urlsplit(self._root).path + self.user + path
        try:
            is_ours = len(path) <= MAX_LINK and path.isascii() and path.isprintable() and " " not in path
            is_ours = is_ours and origin_of(path) == origin_of(self._root)
        except ValueError:
            is_ours = False
        parts = urlsplit(path if is_ours else "")
        if not is_ours or "@" in parts.netloc or not parts.path.startswith(urlsplit(self._root).path + VERSION + "/"):
            text = (
                f"a response of {self.label} leads to {printable(_host_of(path))}, where nothing was sent: only the "
                "host that was asked is. Look what is between here and the service (a proxy that changes responses)"
            )
            raise MailServerError(Reason.SECURITY_REFUSED, text, temporary=True)
        return f"{parts.path}?{parts.query}" if parts.query else parts.path

    def _again_with_another_token(self, response: GraphResponse, last: bool) -> bool:
        """A token may expire, or be revoked, at any time: another one is requested once."""
        return response.status == 401 and not last and self._account.token_refused()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Errors of HTTP as readable messages."""
        try:
            yield
        except (OSError, HTTPException) as error:
            raise self._failure(error) from error

    def _failure(self, error: Exception) -> MailServerError:
        if isinstance(error, InterruptedSession):
            return MailServerError(Reason.SERVER_UNREACHABLE, f"{self.label} was interrupted", temporary=True)
        profile = self._account.profile
        check = f"Check graph_url of the MAPI profile {profile.id}"
        peer = Peer(
            label=self.label,
            seconds=profile.timeout_seconds,
            check_address=check,
            check_port=check,
            check_trust=f"If a proxy of yours is in between, set ca_file of the MAPI profile {profile.id} to the PEM "
            "file of its authority",
            check_tls=check,
            without_tls=check,
        )
        return broken_connection(peer, error)


def _host_of(address: str) -> str:
    """Where an address leads to, for people."""
    try:
        return urlsplit(address).netloc or "no host"
    except ValueError:
        return "no host"
