"""Pages leave as soon as they are made."""

import asyncio
import socket
from contextlib import closing

from console.web.config import WindowConfig
from console.web.serving import listen


def test_no_page_waits_for_a_delayed_acknowledgement() -> None:
    """asyncio (CPython 3.11) sets TCP_NODELAY only on sockets that name their protocol; a head and a body that are
    written one after the other come 40 ms apart without it (as behind `uvicorn --workers 2`, its issue 3149)."""

    async def nodelay() -> int:
        connected: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        class Looks(asyncio.Protocol):
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                its: socket.socket = transport.get_extra_info("socket")
                connected.set_result(its.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
                transport.close()

        listening = listen(WindowConfig(window_port=0))
        async with await asyncio.get_running_loop().create_server(Looks, sock=listening):
            with closing(socket.create_connection(listening.getsockname())):
                return await asyncio.wait_for(connected, 10)

    assert asyncio.run(nodelay()) == 1
