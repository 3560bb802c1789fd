"""Reading what a browser sends, no more of it than a page has asked for."""

from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import Message, Receive

MAX_FIELDS = 5_000  # a Priority Matrix of 70 impacts and 70 urgencies has so many


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
