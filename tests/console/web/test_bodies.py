"""What is too much is refused before any of it is read, where it is said how much comes."""

import asyncio

import pytest
from starlette.requests import Request
from starlette.types import Message

from console.web.bodies import TooLargeError, read_form


def test_a_form_that_says_it_is_too_large_is_not_read() -> None:
    async def receive() -> Message:
        raise AssertionError("it was read")

    scope = {"type": "http", "method": "POST", "headers": [(b"content-length", b"1001")]}
    with pytest.raises(TooLargeError):
        asyncio.run(read_form(Request(scope, receive), 1_000))
