"""How a page is reached: who asks and whether they may, what they sent (no more of it than the page has asked for), and
only then the page's own function.
"""

import time

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from console.access.rights import Identity
from console.web.error_pages import answer, not_allowed, not_signed_in
from console.web.guard import SAFE_METHODS
from console.web.page import Page, may_open
from runtime.telemetry.metrics import WINDOW_SECONDS

MAX_FIELDS = 5_000  # enough for a Priority Matrix of 70 impacts and 70 urgencies


class TooLargeError(HTTPException):
    """More was sent than the page takes."""

    def __init__(self, limit: int) -> None:
        super().__init__(413, f"This is more than the {limit // 1_000:,} kB that this page takes.")


def limited(receive: Receive, limit: int) -> Receive:
    """`receive`, which raises `TooLargeError` once more than `limit` bytes have come."""
    read = 0

    async def receive_limited() -> Message:
        nonlocal read
        message = await receive()
        if message["type"] == "http.request":
            read += len(message.get("body", b""))
            if read > limit:
                raise TooLargeError(limit)
        return message

    return receive_limited


async def read_form(request: Request, limit: int) -> FormData:
    """The form that was posted. Raises `TooLargeError`, before anything is read where it is said how much comes.

    No field has NUL in it: browsers show it as U+FFFD, and no database can be asked for it.
    """
    length = request.headers.get("content-length", "")
    if length.isdigit() and int(length) > limit:
        raise TooLargeError(limit)
    form = await request.form(max_files=20, max_fields=MAX_FIELDS, max_part_size=limit)
    return FormData([(name, _without_nul(value)) for name, value in form.multi_items()])


def _without_nul(value: str | UploadFile) -> str | UploadFile:
    return value.replace("\0", "\ufffd") if isinstance(value, str) else value


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
