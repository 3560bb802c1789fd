"""What is too much is refused before any of it is read, where it is said how much comes."""

import asyncio

import pytest
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.types import Message

from console.web.endpoint import MAX_FIELDS, TooLargeError, limited, read_form


def test_a_form_that_says_it_is_too_large_is_not_read() -> None:
    async def receive() -> Message:
        raise AssertionError("it was read")

    scope = {"type": "http", "method": "POST", "headers": [(b"content-length", b"1001")]}
    with pytest.raises(TooLargeError):
        asyncio.run(read_form(Request(scope, receive), 1_000))


def test_a_form_that_does_not_say_how_large_it_is_is_read_no_further_than_the_limit() -> None:
    pieces = [{"type": "http.request", "body": b"a=" + b"x" * 600, "more_body": True}] * 3

    async def receive() -> Message:
        return pieces.pop()

    headers = [(b"content-type", b"application/x-www-form-urlencoded")]
    scope = {"type": "http", "method": "POST", "headers": headers}
    with pytest.raises(TooLargeError):
        asyncio.run(read_form(Request(scope, limited(receive, 1_000)), 1_000))
    assert len(pieces) == 1, "the third piece is left where it is"


def test_a_form_has_no_more_fields_than_the_largest_page() -> None:
    async def receive() -> Message:
        return {"type": "http.request", "body": content, "more_body": False}

    rows = (f'--x\r\nContent-Disposition: form-data; name="{number}"\r\n\r\n1\r\n' for number in range(MAX_FIELDS + 1))
    content = ("".join(rows) + "--x--\r\n").encode()
    scope = {"type": "http", "method": "POST", "headers": [(b"content-type", b"multipart/form-data; boundary=x")]}
    with pytest.raises((HTTPException, MultiPartException), match="Too many fields"):
        asyncio.run(read_form(Request(scope, receive), 10_000_000))
