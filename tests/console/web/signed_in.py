"""The window with somebody signed in, without accounts: what tests of pages look at."""

from collections.abc import Iterable
from types import ModuleType
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.testclient import TestClient
from starlette.types import ASGIApp, Receive, Scope, Send

from console.access.rights import Identity, Right
from console.web.app import build_app
from console.web.routes import routes_of

HOST = "desk.example"
ADMINISTRATOR = Identity("1", "Ada", frozenset(Right))


class SignedIn:
    """ASGI middleware in the place of the session's."""

    def __init__(self, app: ASGIApp, identity: Identity | None) -> None:
        self._app = app
        self._identity = identity

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope["state"] |= {"identity": self._identity, "session_token": "a-token" if self._identity else ""}
        await self._app(scope, receive, send)


def window(
    services: Any = None, identity: Identity | None = ADMINISTRATOR, subjects: Iterable[ModuleType] | None = None
) -> Starlette:
    """The application; with `subjects`, of these pages only."""
    routes = routes_of(subjects) if subjects is not None else None
    return build_app(services, (HOST, "127.0.0.1"), routes=routes, middleware=[Middleware(SignedIn, identity=identity)])


def browser(app: Starlette) -> TestClient:
    """A client that sends what a browser sends from our own pages."""
    return TestClient(
        app, base_url=f"https://{HOST}", headers={"Sec-Fetch-Site": "same-origin"}, follow_redirects=False
    )
