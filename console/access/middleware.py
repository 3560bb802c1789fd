"""Who asks: the session's token becomes an `Identity`, and what was posted after a session's end is kept."""

from collections.abc import Iterable
from functools import partial
from urllib.parse import urlencode

from starlette.concurrency import run_in_threadpool
from starlette.requests import HTTPConnection, Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from console.access import browser, kept_input
from console.access.access import Access
from console.access.browser import path_within
from console.access.kept_input import Posted
from console.access.sessions import SignedIn
from console.web.endpoint import limited, read_form
from console.web.page import MAX_BODY_BYTES
from desk.engine import write_transaction
from runtime.outages import OutageError

SIGN_IN_PATH = "/sign-in"
SIGN_OUT_PATH = "/sign-out"
OWN_PATH = "/own"
KEPT_PATH = "/sign-in/kept"
RESEND = "send-kept"  # in the query of a POST: what is kept is sent, in the place of this request's body

_BEFORE_A_NEW_PASSWORD = (OWN_PATH, SIGN_IN_PATH, SIGN_OUT_PATH, "/static", "/live")
_NEVER_KEPT = (SIGN_IN_PATH, SIGN_OUT_PATH)


class Sessions:
    """ASGI middleware. Puts `access`, `identity`, `session` and `session_token` into the request's state; without a
    session None, None and "". It lets every request through: each page says itself who may see it.

    Nothing but the session's cookie says who somebody is: no header of a proxy, no parameter.
    """

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        token = browser.read_cookie(request, browser.SESSION)
        found = await self._look_up(request, token) if token else None
        state = scope.setdefault("state", {})
        state["access"] = self._access
        state["identity"] = found.identity if found else None
        state["session"] = found.session if found and found.identity else None
        state["session_token"] = token if found and found.identity else ""
        response, receive = await self._instead(request, found, receive)
        await (response or self._app)(scope, receive, send)

    async def _look_up(self, request: Request, token: str) -> SignedIn | None:
        try:
            return await run_in_threadpool(partial(self._access.look_up, token, is_use=_is_use(request)))
        except OutageError:
            if request.method == "POST":  # the page that says so holds what was typed
                limit = MAX_BODY_BYTES
                limited_request = Request(request.scope, limited(request.receive, limit))
                request.state.form = await read_form(limited_request, limit)
            raise

    async def _instead(
        self, request: Request, found: SignedIn | None, receive: Receive
    ) -> tuple[Response | None, Receive]:
        """An answer in the place of the page's, or None and what the page is to receive."""
        path = path_within(request)
        if found is None:
            return None, receive
        if found.identity is None:
            return await self._keep(request, path, found), receive
        if found.must_change and not _is_below(path, _BEFORE_A_NEW_PASSWORD):
            return RedirectResponse(_at(request, OWN_PATH), 303), receive
        if request.method == "POST" and RESEND in request.query_params:
            return await self._resend(request, path, found, receive)
        return None, receive

    async def _keep(self, request: Request, path: str, ended: SignedIn) -> Response | None:
        """What was posted is kept, where it is small enough, and leads to signing in."""
        length = request.headers.get("content-length", "")
        if request.method != "POST" or _is_below(path, _NEVER_KEPT) or not length.isdigit():
            return None
        if not 0 < int(length) <= kept_input.MAX_BYTES:
            return None
        body = await request.body()  # the server reads no more than was announced
        posted = Posted(path, request.url.query, request.headers.get("content-type", ""), body.decode("latin-1"))
        try:
            key = await run_in_threadpool(self._store, ended.session.account_id, posted)
        except OutageError:  # the page that says so holds what was typed
            request.state.form = await read_form(request, kept_input.MAX_BYTES)
            raise
        query = urlencode({"next": KEPT_PATH})
        response = RedirectResponse(f"{_at(request, SIGN_IN_PATH)}?{query}", 303)
        browser.write_cookie(request, response, browser.KEPT, key, int(kept_input.LIFETIME.total_seconds()))
        return response

    def _store(self, account_id: str, posted: Posted) -> str:
        with write_transaction(self._access.engine) as connection:
            return kept_input.keep(connection, account_id, posted, self._access.now())

    async def _resend(
        self, request: Request, path: str, found: SignedIn, receive: Receive
    ) -> tuple[Response | None, Receive]:
        """The page receives what was kept, as if it came now: it looks at it, and answers, as always."""
        key = browser.read_cookie(request, browser.KEPT)
        posted = await run_in_threadpool(self._take, found.session.account_id, key, path)
        if posted is None:
            return RedirectResponse(_at(request, KEPT_PATH), 303), receive
        body = posted.body.encode("latin-1")
        replaced = {b"content-type": posted.content_type.encode("latin-1"), b"content-length": b"%d" % len(body)}
        headers = [(name, value) for name, value in request.scope["headers"] if name not in replaced]
        request.scope["headers"] = [*headers, *replaced.items()]
        request.scope["query_string"] = posted.query.encode()
        return None, _once(body, receive)

    def _take(self, account_id: str, key: str, path: str) -> Posted | None:
        with write_transaction(self._access.engine) as connection:
            posted = kept_input.look(connection, account_id, key, self._access.now())
            if posted is None or posted.path != path or not kept_input.forget(connection, account_id, key):
                return None
            return posted


def _is_below(path: str, places: Iterable[str]) -> bool:
    return any(path == place or path.startswith(f"{place}/") for place in places)


def _is_use(request: Request) -> bool:
    """Whether a person did something. A page that is left open asks again and again what is new: no session lives on
    by that. Over plain HTTP browsers do not say what a request is for; there htmx does.
    """
    headers = request.headers
    if request.method != "GET":
        return True
    if mode := headers.get("sec-fetch-mode"):
        return mode == "navigate"
    return "hx-request" not in headers and "text/event-stream" not in headers.get("accept", "")


def _once(body: bytes, receive: Receive) -> Receive:
    """The body, and then whatever the connection says."""
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive_kept() -> Message:
        return waiting.pop() if waiting else await receive()

    return receive_kept


def _at(request: HTTPConnection, path: str) -> str:
    return str(request.scope.get("root_path", "")) + path
