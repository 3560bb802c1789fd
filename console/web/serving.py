"""The web server within this process: begins with the process, says how it is, ends with it."""

import asyncio
import socket
import threading
from contextlib import suppress

import uvicorn
from sse_starlette.sse import AppStatus
from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp

from console.web.config import WindowConfig
from runtime.config import fail
from runtime.telemetry.health import Health
from runtime.telemetry.logs import get_logger

log = get_logger(__name__)

PROGRAM = "console"
BEAT_SECONDS = 10
ANSWER_SECONDS = 20.0  # within which one of the threads has to be free
END_SECONDS = 10  # that pages have to end when the process is told to


def listen(config: WindowConfig) -> socket.socket:
    """The socket of the window. Exits with 2 where the address cannot be had."""
    family = socket.AF_INET6 if ":" in config.window_host else socket.AF_INET
    # With its protocol named: asyncio sets TCP_NODELAY on no other, and each page would wait 40 ms for a delayed ACK.
    made = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((config.window_host, config.window_port))
    except (OSError, UnicodeError) as error:  # the latter: a host that is no name at all
        made.close()
        fail(
            PROGRAM,
            f"MAILCALL_WINDOW_HOST and MAILCALL_WINDOW_PORT: {config.window_host}:{config.window_port} cannot be "
            f"listened on ({getattr(error, 'strerror', None) or error}); name another port, or 0 for any free one",
        )
    return made


def serve(app: ASGIApp, listening: socket.socket, config: WindowConfig, stop: threading.Event, health: Health) -> None:
    """Serves until `stop`; then pages that are being made have `END_SECONDS` to end."""
    server = uvicorn.Server(_settings(app, config, health))
    # In a thread of its own, where it leaves the signals to the process.
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, name="web")
    thread.start()
    try:
        while not server.started and thread.is_alive() and not stop.wait(0.05):
            pass
        health.ready("window", server.started, "the web server did not start: see the log")
        port = listening.getsockname()[1]
        log.info("the window is served", address=f"http://{config.window_host}:{port}", people_open=config.window_url)
        while thread.is_alive() and not stop.wait(1.0):
            pass
    finally:
        server.should_exit = AppStatus.should_exit = True  # the latter ends the streams
        thread.join()
        AppStatus.should_exit = False
    if not stop.is_set():
        raise RuntimeError("the web server has ended on its own")


def _settings(app: ASGIApp, config: WindowConfig, health: Health) -> uvicorn.Config:
    async def beat() -> None:
        """Both of what makes pages moves: this loop, and the threads."""
        with suppress(TimeoutError):  # no progress, so that /livez tells after a while
            await asyncio.wait_for(run_in_threadpool(health.progress), ANSWER_SECONDS)

    return uvicorn.Config(
        app,
        log_config=None,
        log_level="warning",
        access_log=False,
        lifespan="off",
        server_header=False,
        proxy_headers=bool(config.proxies),
        forwarded_allow_ips=config.proxies,
        timeout_graceful_shutdown=END_SECONDS,
        callback_notify=beat,
        timeout_notify=BEAT_SECONDS,
    )
