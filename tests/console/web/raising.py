"""A page that raises what a test hands it: a subject of tests."""

from starlette.requests import Request
from starlette.responses import Response

from console.web.page import Page


def fail(request: Request) -> Response:
    error: Exception = request.app.state.services
    raise error


PAGES = (Page("raising", "/raising", fail, None, ("GET", "POST")),)
