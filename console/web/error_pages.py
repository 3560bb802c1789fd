"""Pages for what went wrong, in our words: where, what, and what to do about it. Never a trace, never a secret."""

import re
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from console.access.rights import LABELS
from console.errors import UserError
from console.web import form_errors
from console.web.page import Page
from console.web.render import page as render
from console.web.render import url
from runtime.kafka.topic_reader import TopicMissingError
from runtime.outages import OutageError
from runtime.security.redaction import conceal
from runtime.telemetry.logs import get_logger
from schemas.reasons import Reason

log = get_logger(__name__)

# Names of fields that hold secrets, of every form: what is typed into them is never sent back.
_SECRETS = re.compile(r"passw|secret|token$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ErrorPage:
    """What a page of trouble says."""

    title: str
    text: str
    remedy: str


NOT_FOUND = ErrorPage(
    "There is no such page",
    "The address may be mistyped, or what it led to has been deleted, or belongs to a partition that your role does "
    "not see.",
    "Go on from the Menu or the Explorer pane.",
)
_AWAY = {
    Reason.BROKER_AWAY: "The broker is away",
    Reason.BROKER_NOT_SECURE: "No TLS connection to the broker",
    Reason.BROKER_LOGIN_MISSING: "There is nothing to log in to the broker with",
    Reason.BROKER_LOGIN_REFUSED: "The broker refuses the log-in",
    Reason.BROKER_RIGHT_MISSING: "The broker refuses a right",
    Reason.BROKER_REFUSES: "The broker refuses",
    Reason.DATABASE_AWAY: "The database is away",
    Reason.BLOB_STORE_AWAY: "The blob store is away",
}
WRONG_METHOD = ErrorPage(
    "This address is not called like that",
    "The page was opened in a way that it does not know.",
    "Go on from the Menu.",
)


def not_signed_in(request: Request, sign_in: str) -> Response:
    """To the sign-in page, which leads back here; said plainly where something was sent."""
    known = sign_in in request.app.state.routes.by_name
    if known and request.method == "GET":
        return RedirectResponse(url(request, sign_in, {"next": _here(request)}), 303)
    problem = ErrorPage(
        "You are not signed in",
        "Your session has ended, or you have not signed in. Nothing was changed.",
        "Sign in, in another tab if you want to keep what you have typed here, then send it again.",
    )
    return _page(request, 401, problem, sign_in=url(request, sign_in) if known else None)


def not_allowed(request: Request, page: Page) -> Response:
    """Names the right that is missing."""
    assert page.right is not None, "a page without a right is open to all who are signed in"
    problem = ErrorPage(
        "You may not open this page",
        f"It needs the right {LABELS[page.right]} in one of your roles.",
        "Ask whoever looks after Accounts and Roles for it.",
    )
    return _page(request, 403, problem)


async def on_http(request: Request, error: HTTPException) -> Response:
    """404, 405, 413 and what else the framework or a page raises as a status."""
    problem = {404: NOT_FOUND, 405: WRONG_METHOD}.get(error.status_code)
    if problem is None:
        problem = ErrorPage("That did not work", error.detail, "Go back, and try again with something else.")
    return await run_in_threadpool(_page, request, error.status_code, problem)


async def on_outage(request: Request, error: OutageError) -> Response:
    """Broker or database away: what was typed can be sent again from the page itself."""
    sent = request.method == "POST"
    away = _AWAY.get(error.reason, "Something that is needed is away")
    done = "Nothing may have been saved, or only a part of it: sending it again does no harm." if sent else ""
    problem = ErrorPage(away, f"{form_errors.sentence(conceal(str(error)))} {done}".strip(), error.remedy)
    return await run_in_threadpool(_page, request, 503, problem, again=_typed(request))


async def on_missing(request: Request, error: TopicMissingError) -> Response:
    """What is not set up yet: a topic."""
    problem = ErrorPage(
        "Something has not been set up", conceal(str(error)), "`mailcall topics create` creates topics."
    )
    return await run_in_threadpool(_page, request, 503, problem)


async def on_user_error(request: Request, error: UserError) -> Response:
    """What the administrator can put right, raised where a page had no better place for it."""
    first = error.problems[0]
    remedy = form_errors.sentence(first.remedy) if len(error.problems) == 1 else ""
    text = form_errors.sentence(first.cause) if len(error.problems) == 1 else str(error)
    return await run_in_threadpool(_page, request, 409, ErrorPage("That cannot be done", conceal(text), remedy))


async def on_gone(_request: Request, _error: ClientDisconnect) -> Response:
    """The browser has gone on before it had sent everything: nobody reads this."""
    return Response(status_code=400)


async def on_fault(request: Request, error: Exception) -> Response:
    """A mistake of ours: logged with a reference that the page names."""
    reference = secrets.token_hex(4)
    log.error("a page failed", reference=reference, path=request.url.path, exc_info=error)
    problem = ErrorPage(
        "Something went wrong that should not have",
        f"This is a mistake of the program. The log of the window tells more, under the reference {reference}.",
        "Try again. If it happens again, report it with what the log says under that reference.",
    )
    return await run_in_threadpool(_page, request, 500, problem)


# The first that fits. Every exception is one of them.
_ANSWERS: tuple[tuple[type[Exception], Callable[[Request, Any], Awaitable[Response]]], ...] = (
    (HTTPException, on_http),
    (ClientDisconnect, on_gone),
    (OutageError, on_outage),
    (TopicMissingError, on_missing),
    (UserError, on_user_error),
    (Exception, on_fault),
)


async def answer(request: Request, error: Exception) -> Response:
    """The page for whatever was raised."""
    make = next(make for kind, make in _ANSWERS if isinstance(error, kind))
    return await make(request, error)


class ErrorPages:
    """ASGI middleware: whatever is raised behind it is answered with a page."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def send_noted(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, send_noted)
        except Exception as error:
            if started:  # too late for a page: the connection ends, and the server logs why
                raise
            response = await answer(Request(scope), error)
            await response(scope, receive, send)


def _page(request: Request, status: int, problem: ErrorPage, **more: Any) -> Response:
    context = {"again": None, "sign_in": None, **more}
    return render(request, "web/problem.html", title=problem.title, status=status, problem=problem, **context)


def _typed(request: Request) -> list[tuple[str, str]] | None:
    """The posted fields but secrets and files; None where nothing was posted."""
    form = getattr(request.state, "form", None)
    if form is None:
        return None
    return [(name, value) for name, value in form.multi_items() if isinstance(value, str) and not is_secret(name)]


def is_secret(field: str) -> bool:
    """Whether a form's field holds a secret, by its name."""
    return _SECRETS.search(field) is not None


def _here(request: Request) -> str:
    """The path within the window, to come back to."""
    query = request.url.query
    path = request.scope["path"].removeprefix(request.scope.get("root_path", ""))
    return f"{path}?{query}" if query else path
