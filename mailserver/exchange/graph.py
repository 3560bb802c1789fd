"""Microsoft Graph, as far as mail goes: one session for one mailbox, with bounded answers and errors in plain words.

From Microsoft's documents (https://learn.microsoft.com/graph): errors, paging, throttling. The service allows an
application 10,000 requests in ten minutes and four at once for one mailbox; a session asks one at a time, and what all
sessions of a process ask of one mailbox stays below that.
"""

import json
import ssl
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from http.client import HTTPException
from typing import Any
from urllib.parse import quote, urlsplit

from mailserver.errors import MailServerError
from mailserver.exchange.account import ExchangeAccount
from mailserver.exchange.clouds import graph_address
from mailserver.exchange.http_session import Head, HttpSession, InterruptedSession, UnfinishedError, origin_of
from runtime.dialling import RefusedAddressError
from runtime.foreign_words import words
from runtime.tls import trusting
from schemas.reasons import Reason

VERSION = "/v1.0"
MAX_ANSWER_BYTES = 16_000_000  # of JSON: a page of 1,000 mails with what is asked of each has 1 MB
MAX_LINK = 8_000  # characters of an address that an answer gives
CLOCK_SECONDS = 240  # a clock that is off by more makes tokens useless
BURST, MINUTES = 5_000, 10  # requests at once, and in so many minutes besides: together the published 10,000

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
_REASONS: Mapping[int, tuple[Reason, bool]] = {  # by status: the reason, and whether it passes by itself
    401: (Reason.AUTHENTICATION_REFUSED, False),
    403: (Reason.FOLDER_REFUSED, False),
    404: (Reason.FOLDER_REFUSED, False),
    408: (Reason.SERVER_UNREACHABLE, True),
    410: (Reason.SERVER_UNREACHABLE, True),
    429: (Reason.SERVER_DEFERRED, True),
    503: (Reason.SERVER_DEFERRED, True),
    509: (Reason.SERVER_DEFERRED, True),  # bandwidth limit exceeded
}
_NO_MAIL = ("text/html", "application/json")  # of a log-in page, of an error: a mail comes as text/plain
THROTTLED_SECONDS = 10.0  # where the service names none


class GraphError(MailServerError):
    """The service answered with an error.

    `status`: of HTTP; `code`: its own word for it, "" where it said none; `said`: that and its message.
    """

    def __init__(
        self, status: int, code: str, said: str, reason: Reason, text: str, *, temporary: bool, after: float
    ) -> None:
        super().__init__(reason, text, temporary=temporary, after=after)
        self.status = status
        self.code = code
        self.said = said


@dataclass(frozen=True, slots=True)
class Answer:
    """`value`: the JSON object that came; empty where nothing did."""

    status: int
    value: Mapping[str, Any]
    headers: Mapping[str, str]


class Pace:
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
def pace_of(root: str, mailbox: str) -> Pace:  # noqa: ARG001 - they are what it is kept by
    """The one of a mailbox, for all sessions of this process."""
    return Pace()


class GraphSession:
    """Requests to one mailbox, one after the other. `server_id`: whose errors they are.

    Used by one thread; only `interrupt` may be called from another. Raises `MailServerError` everywhere; `GraphError`
    where the service said no. After any error it can be used again.
    """

    def __init__(self, server_id: str, account: ExchangeAccount) -> None:
        self._server_id = server_id
        self._account = account
        self._root = graph_address(account.profile)
        self._pace = pace_of(self._root, account.mailbox.lower())
        self._http: HttpSession | None = None
        self._interrupted = threading.Event()
        self.user = f"{VERSION}/users/{quote(account.mailbox, safe='@')}"

    @property
    def place(self) -> str:
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

    def get(self, path: str, *, prefer: str = "") -> Answer:
        """`path`: with its query, below the mailbox ("/messages?..."), or an address that an answer gave."""
        return self.ask("GET", path, headers={"Prefer": prefer} if prefer else {})

    def post(self, path: str, value: Mapping[str, Any]) -> Answer:
        return self._with_json("POST", path, value)

    def patch(self, path: str, value: Mapping[str, Any]) -> Answer:
        return self._with_json("PATCH", path, value)

    def _with_json(self, method: str, path: str, value: Mapping[str, Any]) -> Answer:
        return self.ask(method, path, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def ask(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """A request that is answered with JSON, or with nothing."""
        for last in (False, True):
            with self._translated(), self._exchange(method, self.target(path), body, headers or {}) as (head, pieces):
                answer = self._read(head, pieces)
            if not self._again_with_another_token(answer, last):
                break
        self._check(answer)
        return answer

    def content(self, path: str) -> Generator[bytes, None, None]:
        """What is no JSON, piece by piece: all of it, or an error at its end."""
        for last in (False, True):
            with self._translated(), self._exchange("GET", self.target(path), None, {}) as (head, pieces):
                if head.status == 200 and not head.headers.get("content-type", "").startswith(_NO_MAIL):
                    if not head.has_end:
                        raise UnfinishedError("its answer tells no length, so that it cannot be seen if all of it came")
                    yield from pieces
                    return
                answer = self._read(head, pieces)
            if not self._again_with_another_token(answer, last):
                break
        self._check(answer)
        raise self._odd(answer.status, "with something else than what was asked for")

    def pause(self, seconds: float) -> None:
        """Wait, unless the session is broken off."""
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
            self._http = HttpSession(self._root, self._context(), self._account.profile.timeout_seconds)
        if self._interrupted.is_set():
            self._http.interrupt()
        return self._http

    def _context(self) -> ssl.SSLContext:
        ca_file = self._account.profile.ca_file
        try:
            return trusting(ca_file)
        except (OSError, ValueError) as error:
            text = (
                f"ca_file {ca_file!r} of the MAPI profile {self._account.profile.id} cannot be used: {words(error)}. "
                "It must be a PEM file that this process can read"
            )
            raise MailServerError(Reason.SECURITY_REFUSED, text, temporary=False) from error

    def _exchange(self, method: str, target: str, body: bytes | None, headers: Mapping[str, str]) -> Any:
        token = self._account.access_token()
        self.pause(self._pace.seconds_to_wait())
        given = {"Authorization": f"Bearer {token}", "Accept": "application/json", "Host": urlsplit(self._root).netloc}
        return self._require().exchange(method, target, {**given, **headers}, body)

    def target(self, path: str) -> str:
        """Path and query. An address that an answer gave is followed on the host that was asked, and nowhere else."""
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
                f"an answer of {self.place} leads to {words(urlsplit_host(path))}, where nothing was sent: only the "
                "host that was asked is. Look what stands between here and the service (a proxy that changes answers)"
            )
            raise MailServerError(Reason.SECURITY_REFUSED, text, temporary=True)
        return f"{parts.path}?{parts.query}" if parts.query else parts.path

    def _read(self, head: Head, pieces: Iterator[bytes]) -> Answer:
        body = bytearray()
        for piece in pieces:
            body += piece
            if len(body) > MAX_ANSWER_BYTES:
                raise self._odd(head.status, f"with more than {MAX_ANSWER_BYTES} bytes")
        try:
            value = json.loads(body) if body else {}
        except (ValueError, RecursionError):
            value = None
        if isinstance(value, dict):
            return Answer(head.status, value, head.headers)
        if 200 <= head.status < 300:
            raise self._odd(head.status, "with something that is no JSON")
        return Answer(head.status, {}, head.headers)

    def _odd(self, status: int, what: str) -> MailServerError:
        text = (
            f"{self.place} answered {what} (HTTP status {status}). Look what stands between here and the service (a "
            "proxy, a log-in page of the network), or wait"
        )
        return MailServerError(Reason.SERVER_UNREACHABLE, text, temporary=True)

    def _again_with_another_token(self, answer: Answer, last: bool) -> bool:
        """A token may end, or be taken back, at any time: once it is asked for another one."""
        return answer.status == 401 and not last and self._account.token_refused()

    def _check(self, answer: Answer) -> None:
        """Raises `GraphError` for what is no success."""
        status = answer.status
        if 200 <= status < 300:
            return
        if 300 <= status < 400:
            raise self._odd(status, "that it is to be asked elsewhere, which is not done")
        error = answer.value.get("error")
        error = error if isinstance(error, dict) else {}
        code, message = words(error.get("code") or ""), words(error.get("message") or "")
        reason, temporary = _REASONS.get(status, (Reason.SERVER_UNREACHABLE, True))
        if 400 <= status < 500 and status not in _REASONS:
            reason, temporary = Reason.FOLDER_REFUSED, False
        said = (f"{code}: {message}" if code else message or "no more is said").rstrip(".")
        what = "asks to be left alone for a while" if reason is Reason.SERVER_DEFERRED else "refuses"
        text = f"{self.place} {what}: HTTP status {status}, {said}. {self._remedy(answer)}".strip()
        after = _retry_after(answer.headers) if reason is Reason.SERVER_DEFERRED else 0.0
        raise GraphError(status, code, said, reason, text, temporary=temporary, after=after)

    def _remedy(self, answer: Answer) -> str:
        off = _clock_off(answer.headers) if answer.status == 401 else 0.0
        if abs(off) > CLOCK_SECONDS:
            way = "behind" if off > 0 else "ahead of"
            return f"The clock of this machine is {abs(off):.0f} seconds {way} the service's: set it right"
        return _REMEDIES.get(answer.status, "")

    def _translated(self) -> "_Translated":
        return _Translated(self)

    def failure(self, error: Exception) -> MailServerError:
        """An error of socket, name look-up, TLS or HTTP, as an administrator should read it."""
        where, profile = self.place, self._account.profile
        if isinstance(error, RefusedAddressError):
            text = f"{where} is not connected to: {words(error)}. Check graph_url of the MAPI profile {profile.id}"
            return MailServerError(Reason.SECURITY_REFUSED, text, temporary=False)
        if isinstance(error, ssl.SSLCertVerificationError):
            text = (
                f"the certificate of {where} is not trusted: {words(error.verify_message)}. If a proxy of yours is in "
                f"between, set ca_file of the MAPI profile {profile.id} to the PEM file of its authority"
            )
            return MailServerError(Reason.SECURITY_REFUSED, text, temporary=False)
        if isinstance(error, ssl.SSLError) and not isinstance(error, (ssl.SSLEOFError, ssl.SSLZeroReturnError)):
            text = f"no TLS connection to {where}: {words(getattr(error, 'reason', None) or error)}"
            return MailServerError(Reason.SECURITY_REFUSED, text, temporary=False)
        if isinstance(error, InterruptedSession):
            text = f"{where} was broken off"
        elif isinstance(error, TimeoutError):
            text = f"{where} gave no answer within {profile.timeout_seconds:g} seconds"
        elif isinstance(error, ConnectionRefusedError):
            text = f"nothing listens at {where}: connection refused"
        else:
            text = f"the connection to {where} broke: {words(error) or type(error).__name__}"
        return MailServerError(Reason.SERVER_UNREACHABLE, text, temporary=True)


class _Translated:
    """Errors of HTTP in our words."""

    def __init__(self, session: GraphSession) -> None:
        self._session = session

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: Any, error: BaseException | None, _trace: Any) -> None:
        if isinstance(error, (OSError, HTTPException)):
            raise self._session.failure(error) from error


def urlsplit_host(address: str) -> str:
    """What an address leads to, for people."""
    try:
        return urlsplit(address).netloc or "no host"
    except ValueError:
        return "no host"


def _retry_after(headers: Mapping[str, str]) -> float:
    """Seconds (RFC 9110, section 10.2.3); those of our own where none are named, or they cannot be read."""
    said = headers.get("retry-after", "").strip()
    if said.isascii() and said.isdigit() and len(said) < 10:
        return float(said)
    moment = _moment(said)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds()) if moment else THROTTLED_SECONDS


def _clock_off(headers: Mapping[str, str]) -> float:
    """How many seconds the clock of this machine is behind the service's; 0 where that is not known."""
    moment = _moment(headers.get("date", ""))
    return (moment - datetime.now(UTC)).total_seconds() if moment else 0.0


def _moment(said: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(said)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
