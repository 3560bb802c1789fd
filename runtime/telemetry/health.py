"""What a process says about itself over HTTP: /metrics, /livez (own progress only), /readyz (all it depends on)."""

import json
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

from runtime.security.redaction import conceal
from runtime.telemetry.logs import get_logger
from runtime.telemetry.thread_times import ThreadTimes

log = get_logger(__name__)


CLOSE_SECONDS = 1.0
STEP_SECONDS = 60.0  # a step that is bounded by time-outs of its own has long ended by then


class Health:
    """State that the process reports and the probes read. Every method may be called from any thread."""

    def __init__(self, stall_seconds: float = 300, clock: Callable[[], float] = time.monotonic) -> None:
        self._stall_seconds = stall_seconds
        self._clock = clock
        self._moved = clock()
        self._conditions: dict[str, str] = {}  # name -> why not; "" is good
        self._steps: dict[object, tuple[str, float]] = {}  # those that are being taken: whose, and since when

    def ready(self, name: str, ok: bool, why: str = "") -> None:
        """States one condition of readiness: `assignment`, `broker`, `database` ... `why` says what is waited for."""
        self._conditions[name] = "" if ok else why or "not yet"  # one step, no lock: signal handlers call it too

    def progress(self) -> None:
        """Something was finished, or there is nothing to do, or an outage is being retried."""
        self._moved = self._clock()

    @contextmanager
    def step(self, part: str) -> Iterator[None]:
        """A step of a part that works beside the main loop: one that does not end is not ready, and later not alive.

        `part` names it in `/readyz`; many threads may take steps of one part.
        """
        key = object()
        self._steps[key] = part, self._clock()
        try:
            yield
        finally:
            del self._steps[key]

    def stalled_for(self) -> float | None:
        """Seconds without progress, of the whole or in one step, once they are too many, else None."""
        moved = min([self._moved, *(since for _, since in list(self._steps.values()))])
        idle = self._clock() - moved
        return idle if idle > self._stall_seconds else None

    def not_ready(self) -> dict[str, str]:
        """Conditions that do not hold, with why. Empty: ready. Nothing stated yet counts as not ready."""
        conditions = self._conditions.copy()
        if not conditions:
            return {"process": "starting"}
        now = self._clock()
        hanging = {part: now - since for part, since in list(self._steps.values()) if now - since > STEP_SECONDS}
        return {name: conceal(why) for name, why in conditions.items() if why} | {
            part: f"no answer from the broker for {seconds:.0f} s" for part, seconds in hanging.items()
        }


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Called in the handling of an exception; the library's own prints a traceback, also for a prober that left."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            log.exception("a request for health or metrics failed")


class HealthServer:
    """Serves one `Health` and the metrics of this process; a thread of its own, closed by `close()`."""

    def __init__(self, health: Health, host: str, port: int) -> None:
        handler = type("Handler", (_Handler,), {"health": health})
        self._server = _Server((host, port), handler)
        self.host = host
        self.port: int = self._server.server_address[1]
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="health", daemon=True)

    def start(self) -> Self:
        self._thread.start()
        log.info("health is served", address=f"http://{self.host}:{self.port}", paths="/metrics /livez /readyz")
        return self

    def close(self) -> None:
        self._closed.set()
        with suppress(OSError):
            socket.create_connection((self.host, self.port), CLOSE_SECONDS).close()  # ends the wait
        self._thread.join(CLOSE_SECONDS)
        self._server.server_close()

    def _serve(self) -> None:
        """As `serve_forever`, which wakes twice a second to see whether it is to end."""
        while not self._closed.is_set():
            self._server.handle_request()


class _Handler(BaseHTTPRequestHandler):
    health: Health
    thread_times = ThreadTimes()

    def do_GET(self) -> None:
        pages: dict[str, Callable[[], tuple[int, str, bytes]]] = {
            "/metrics": self._metrics,
            "/livez": self._livez,
            "/readyz": self._readyz,
        }
        page = pages.get(self.path.partition("?")[0], self._not_found)
        status, content_type, body = page()
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _metrics(self) -> tuple[int, str, bytes]:
        from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

        self.thread_times.count()
        return 200, CONTENT_TYPE_LATEST, generate_latest()

    def _livez(self) -> tuple[int, str, bytes]:
        stalled = self.health.stalled_for()
        return (
            _json(200, {"live": True}) if stalled is None else _json(503, {"live": False, "idle_seconds": int(stalled)})
        )

    def _readyz(self) -> tuple[int, str, bytes]:
        waiting = self.health.not_ready()
        return _json(503 if waiting else 200, {"ready": not waiting, "waiting_for": waiting})

    def _not_found(self) -> tuple[int, str, bytes]:
        return _json(404, {"paths": ["/metrics", "/livez", "/readyz"]})

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Probes come every few seconds: they are not logged."""


def _json(status: int, body: object) -> tuple[int, str, bytes]:
    return status, "application/json", json.dumps(body).encode()
