"""A window of the operations pages that is really served, and what stands in for its services where no broker is."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType, SimpleNamespace
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.testclient import TestClient

from console.access.rights import Identity
from console.health import pages as health_pages
from console.health.sampler import Traffic
from console.jobs import pages as jobs_pages
from console.live import pages as live_pages
from console.live.hub import Hub
from console.topics import pages as topics_pages
from console.views.snapshot import ViewSnapshot
from console.views.views import Freshness
from console.web import home
from deploy.local.ports import HOST, free_ports, wait_until
from tests.console.web.signed_in import ADMINISTRATOR, browser, window

SUBJECTS: tuple[ModuleType, ...] = (home, health_pages, topics_pages, jobs_pages, live_pages)
SECONDS = 30.0


def services(**given: Any) -> SimpleNamespace:
    """With nothing set up and nothing sampled, but for what is given."""
    nothing = {
        "views": SimpleNamespace(current=ViewSnapshot(), freshness=Freshness(True, None)),
        "sampler": SimpleNamespace(current=Traffic()),
        "live": Hub(),
    }
    return SimpleNamespace(**{**nothing, **given})


def application(given: Any, identity: Identity | None = ADMINISTRATOR) -> Starlette:
    return window(given, identity, SUBJECTS)


def client(given: Any, identity: Identity | None = ADMINISTRATOR) -> TestClient:
    return browser(application(given, identity))


@contextmanager
def served(app: Starlette) -> Iterator[str]:
    """The address that it is served at, by uvicorn in a thread."""
    (port,) = free_ports(1)
    server = uvicorn.Server(uvicorn.Config(app, HOST, port, log_config=None, lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        assert wait_until(lambda: server.started, SECONDS)
        yield f"http://{HOST}:{port}"
    finally:
        server.should_exit = server.force_exit = True
        thread.join(SECONDS)
