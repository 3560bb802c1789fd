"""A test that somebody has started from the window: asked for, kept for the account, and what its Status shows."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from console.access.rights import Right
from console.errors import UserError
from console.servers.server_tests import Tested, nobody, publish_request
from console.servers.test_runs import PER_ACCOUNT, ServerTestRun
from console.servers.window import account_of, result_of, user_error
from console.web.current import view_of
from console.web.page import Page
from console.web.render import PageError, fragment
from runtime.outcomes import OutageError
from runtime.server_tests import STALE
from schemas.servers import ServerTest

WAIT = timedelta(seconds=75)  # a test takes 50 s at most, and may have to wait for others


def start(request: Request, tested: Tested, asked: ServerTest, typed: Mapping[str, str]) -> ServerTestRun | PageError:
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
        text = user_error(error) if isinstance(error, UserError) else f"Nothing was tested: {error}"
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


_SECONDS = {"reload_seconds": None, "give_up_seconds": int(WAIT.total_seconds()) + 5}


def show(request: Request) -> Response:
    """The Status of a run, for a page that waits for it."""
    return fragment(request, "servers/test_status.html", **status_of(request, asked_run(request)))


PAGES = (Page("servers.test-status", "/email-settings/test/status", show, Right.SYSTEM_SET_UP),)
