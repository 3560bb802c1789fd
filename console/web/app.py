"""The window as an ASGI application: pages from the table, static files, error pages, the guard around all of it."""

from collections.abc import Callable, Collection, Sequence
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.routing import Route

from console.web import static_files
from console.web.endpoint import Endpoint
from console.web.error_pages import ErrorPages, on_http
from console.web.guard import Guard
from console.web.render import NextStep
from console.web.routes import Routes, routes_of


def build_app(
    services: Any,
    hosts: Collection[str],
    *,
    routes: Routes | None = None,
    middleware: Sequence[Middleware] = (),
    next_step: Callable[[Request], NextStep | None] = lambda _: None,
) -> Starlette:
    """`hosts`: the names that the window answers to. `middleware` comes behind the guard: it puts `identity` and
    `session_token` into the request's state. `next_step`: what the page after something was saved leads on to."""
    table = routes or routes_of()
    app = Starlette(
        routes=[
            Route(static_files.PATH, static_files.serve, name="static"),
            *(Route(page.path, Endpoint(page), name=page.name, methods=list(page.methods)) for page in table.pages),
        ],
        middleware=[Middleware(Guard, hosts=hosts), Middleware(ErrorPages), *middleware],
        # Else the framework answers these itself, before `ErrorPages` sees them.
        exception_handlers={HTTPException: on_http},  # type: ignore[dict-item]
    )
    app.state.services = services
    app.state.routes = table
    app.state.next_step = next_step
    return app
