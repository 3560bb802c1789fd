"""aiokafka's responses, read whole: each byte is copied once, and the reader is woken once for a response.

aiokafka 0.14.0 reads through `asyncio.StreamReader`, which is woken by each packet, copies all of it three times, and
stops reading from the socket at every 128 kB. For messages that was half of what its thread needed.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from functools import cache
from typing import Any


class ResponseReader(asyncio.StreamReader):
    """Keeps what comes as it came, until all that is waited for is there.

    It never stops the broker: whoever reads is always waiting for a response, and it sends only what was asked for.
    """

    # Of `asyncio.StreamReader`, whose types are not told.
    _exception: BaseException | None
    _eof: bool
    _waiter: "asyncio.Future[None] | None"
    _wakeup_waiter: Callable[[], None]
    _wait_for_data: Callable[[str], Awaitable[None]]

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop=loop)
        self._pieces: deque[memoryview] = deque()
        self._there = 0
        self._wanted = 0

    def feed_data(self, data: bytes) -> None:  # type: ignore[override]  # a transport gives bytes
        self._pieces.append(memoryview(data))
        self._there += len(data)
        if self._there >= self._wanted:
            self._wakeup_waiter()

    async def readexactly(self, n: int) -> bytes:
        """Raises `IncompleteReadError` where the connection ends before, or what ended it; `ValueError` below 0."""
        if n < 0:
            raise ValueError(f"a response of {n} bytes")
        while self._there < n:
            if self._exception is not None:
                raise self._exception
            if self._eof:
                raise asyncio.IncompleteReadError(b"", n)
            self._wanted = n
            await self._wait_for_data("readexactly")
        self._there -= n
        return b"".join(self._take(n))

    def _take(self, n: int) -> list[memoryview]:
        taken: list[memoryview] = []
        while n:
            piece = self._pieces.popleft()
            if len(piece) > n:
                self._pieces.appendleft(piece[n:])
                piece = piece[:n]
            taken.append(piece)
            n -= len(piece)
        return taken


@cache
def read_aiokafka_responses_whole() -> None:
    """Once a process, before a connection is made."""
    from aiokafka import conn

    class Protocol(conn.AIOKafkaProtocol):  # type: ignore[misc]  # it has no types
        def __init__(self, closed: Any, _: Any, *, loop: asyncio.AbstractEventLoop) -> None:
            self.reader = ResponseReader(loop)
            super().__init__(closed, self.reader, loop=loop)

    create_reader_task = conn.AIOKafkaConnection._create_reader_task

    def read_from_ours(connection: Any) -> Any:
        connection._reader = connection._protocol.reader
        return create_reader_task(connection)

    conn.AIOKafkaProtocol, conn.AIOKafkaConnection._create_reader_task = Protocol, read_from_ours
