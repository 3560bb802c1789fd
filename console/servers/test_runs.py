"""Server tests that administrators have started from the window: kept for the account, and what their Status shows."""

import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from starlette.requests import Request
from starlette.responses import Response

from console.access.rights import Right
from console.errors import UserError
from console.servers.rows import last_test
from console.servers.server_settings import Server
from console.servers.server_tests import Tested, nobody, publish_request
from console.servers.window import account_of
from console.views.snapshot import ViewSnapshot
from console.web.current import view_of
from console.web.form_errors import PageError, error_text
from console.web.page import Page
from console.web.render import fragment
from runtime.outages import OutageError
from runtime.server_tests import STALE
from schemas.servers import ServerTest, ServerTestResult

PER_ACCOUNT = RateLimitItemPerMinute(10)  # each makes a process of ours connect to wherever the details say
MAX_RUNS = 1_000
WAIT = timedelta(seconds=75)  # a test takes 50 s at most, and may have to wait for others
_SECONDS = {"reload_seconds": None, "give_up_seconds": int(WAIT.total_seconds()) + 5}


@dataclass(frozen=True, slots=True)
class ServerTestRun:
    """The newest test of one account. `typed`: what stood in the fields of the test window."""

    test_id: str
    server: Tested
    started_at: datetime
    typed: Mapping[str, str] = field(default_factory=dict)


class ServerTestRuns:
    """May be used by many threads. The oldest run goes where there are too many."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._runs: OrderedDict[str, ServerTestRun] = OrderedDict()
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    def may_start(self, account_id: str) -> bool:
        """Whether the account may start one more now, which is counted."""
        return self._limiter.hit(PER_ACCOUNT, account_id)

    def keep(self, account_id: str, run: ServerTestRun) -> None:
        with self._lock:
            self._runs[account_id] = run
            self._runs.move_to_end(account_id)
            while len(self._runs) > MAX_RUNS:
                self._runs.popitem(last=False)

    def newest(self, account_id: str) -> ServerTestRun | None:
        """The account's own: nobody sees the mail that another's test has found."""
        with self._lock:
            return self._runs.get(account_id)

    def of(self, account_id: str, test_id: str) -> ServerTestRun | None:
        """The account's newest run, where it is of this id."""
        run = self.newest(account_id)
        return run if run and run.test_id == test_id else None


def start_run(
    request: Request, tested: Tested, asked: ServerTest, typed: Mapping[str, str]
) -> ServerTestRun | PageError:
    """Asks for the test; or why it is not asked for. `typed`: what stood in the fields of the test window."""
    services, account = request.app.state.services, account_of(request)
    if not services.test_runs.may_start(account.account_id):
        return PageError(
            "", f"You have started {PER_ACCOUNT.amount} tests within a minute: wait a little, then select OK."
        )
    now = datetime.now(UTC)
    try:
        services.answers.expect(asked.test_id)
        publish_request(services.publisher, asked, now)
    except (OutageError, UserError) as error:
        text = error_text(error) if isinstance(error, UserError) else f"Nothing was tested: {error}"
        return PageError("", text)
    started = ServerTestRun(asked.test_id, tested, now, typed)
    services.test_runs.keep(account.account_id, started)
    return started


def asked_run(request: Request) -> ServerTestRun | None:
    """The run that the address names, where it is the account's newest."""
    found: ServerTestRun | None = request.app.state.services.test_runs.of(
        account_of(request).account_id, request.query_params.get("run", "")
    )
    return found


def status_of(request: Request, found: ServerTestRun | None) -> dict[str, Any]:
    """What the Status shows: nothing yet, waiting, the answer, or that nobody answers."""
    if found is None:
        return {"run": None, "result": None, "waiting": False, "silence": "", "following": None, **_SECONDS}
    result = result_of(request, found)
    asked = request.app.state.services.answers.answer(found.test_id) is not None
    waiting = result is None and asked and datetime.now(UTC) - found.started_at < min(WAIT, STALE)
    silence = "" if result or waiting else nobody(found.server, WAIT.total_seconds())
    # Of a draft, saving comes next: its page has a button for that.
    is_saved = view_of(request).settings.settings.get(f"{found.server.kind}/{found.server.id}") == found.server
    following = request.app.state.next_step(request) if result is not None and result.ok and is_saved else None
    shown = {"run": found, "result": result, "waiting": waiting, "silence": silence, "following": following}
    return {**shown, **_SECONDS, "reload_seconds": 2 if waiting else None}


def show(request: Request) -> Response:
    """The Status of a run, for a page that waits for it."""
    return fragment(request, "servers/test_status.html", **status_of(request, asked_run(request)))


PAGES = (Page("servers.test-status", "/email-settings/test/status", show, Right.SYSTEM_SET_UP),)


def result_of(request: Request, run: ServerTestRun) -> ServerTestResult | None:
    """What the process has answered; None: nothing yet, or too long ago."""
    future = request.app.state.services.answers.answer(run.test_id)
    if future is None or not future.done() or future.cancelled():
        return None
    result: ServerTestResult = future.result()
    return result


def tested(request: Request, view: ViewSnapshot, server: Server) -> ServerTestResult | None:
    """The newest test of just these values: the account's own as soon as it is answered, since the view hears later."""
    run: ServerTestRun | None = request.app.state.services.test_runs.newest(account_of(request).account_id)
    own = result_of(request, run) if run and run.server == server else None
    return own or last_test(view, f"{server.kind}/{server.id}", server)
