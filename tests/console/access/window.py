"""The window with real accounts, and a browser that signs in to it."""

from collections.abc import Sequence
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.testclient import TestClient

from console.access.access import Access
from console.access.middleware import Sessions
from console.web.app import build_app
from console.web.routes import Routes
from tests.console.access.conftest import PASSWORD

HOST = "desk.example"


def window(access: Access, routes: Routes | None = None, services: Any = None) -> Starlette:
    return build_app(services, (HOST,), routes=routes, middleware=[Middleware(Sessions, access=access)])


def browser(app: Starlette, *, scheme: str = "https", root_path: str = "") -> TestClient:
    """Sends what a browser sends from our own pages, and keeps the cookies that it would keep."""
    return TestClient(
        app,
        base_url=f"{scheme}://{HOST}",
        headers={"Sec-Fetch-Site": "same-origin", "User-Agent": "Browser 1.0"},
        follow_redirects=False,
        root_path=root_path,
        client=("192.0.2.7", 4711),
    )


def sign_in(client: TestClient, name: str, password: str = PASSWORD, next_: str = "/") -> Any:
    return client.post("/sign-in", data={"name": name, "password.secret": password, "next": next_})


def cookie_of(response: Any, name: str) -> Sequence[str]:
    """The attributes of the cookie that the answer sets, in small letters, its value left out."""
    for header in response.headers.get_list("set-cookie"):
        given, _, attributes = header.partition(";")
        if given.partition("=")[0] == name:
            return sorted(one.strip().lower() for one in attributes.split(";"))
    return ()
