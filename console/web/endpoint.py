"""How a page is reached: who asks and whether they may, what they sent, and only then the page's own function."""

import time

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from console.access.identity import Identity
from console.web.bodies import limited, read_form
from console.web.explorer import may_open
from console.web.guard import SAFE_METHODS
from console.web.page import Page
from console.web.problems import answer, not_allowed, not_signed_in
from runtime.metrics import WINDOW_SECONDS

SIGN_IN = "access.sign-in"  # the page's name, where accounts are kept


class Endpoint:
    """ASGI application of one page."""

    def __init__(self, page: Page) -> None:
        self._page = page

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, limited(receive, self._page.max_body_bytes), send)
        request.state.page_name = self._page.name
        started = time.monotonic()
        try:
            response = await self._answer(request)
        except Exception as error:  # told here, so that what is measured is what is answered
            response = await answer(request, error)
        seconds = time.monotonic() - started
        WINDOW_SECONDS.labels(self._page.name, f"{response.status_code // 100}xx").observe(seconds)
        try:
            await response(scope, receive, send)
        finally:
            await request.close()  # the files of a form

    async def _answer(self, request: Request) -> Response:
        refused = None if self._page.public else await run_in_threadpool(_refusal, request, self._page)
        if refused is not None:
            return refused
        if request.method not in SAFE_METHODS:
            request.state.form = await read_form(request, self._page.max_body_bytes)
        return await run_in_threadpool(self._page.handle, request)


def _refusal(request: Request, page: Page) -> Response | None:
    identity: Identity | None = getattr(request.state, "identity", None)
    if identity is None:
        return not_signed_in(request, SIGN_IN)
    return None if may_open(page, identity) else not_allowed(request, page)
