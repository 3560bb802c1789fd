"""The window on a port of this machine, for a browser."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp

HOST = "127.0.0.1"


@contextmanager
def served(app: ASGIApp) -> Iterator[str]:
    """The address of the window while it runs."""
    server = _Server(uvicorn.Config(app, host=HOST, port=0, log_config=None, lifespan="off"))
    thread = threading.Thread(target=server.run, name="window", daemon=True)
    thread.start()
    try:
        assert server.listens.wait(30), "the window does not start"
        yield f"http://{HOST}:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(30)


class _Server(uvicorn.Server):
    """Tells when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listens = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listens.set()
