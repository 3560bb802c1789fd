"""Every route by every role, from the table of routes: what is added to it later is covered as well."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

import pytest
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from console.access.rights import Identity, Right
from console.web.app import build_app
from console.web.endpoint import Endpoint
from console.web.page import Page
from console.web.routes import Routes, routes_of
from tests.console.access.window import HOST
from tests.console.web.signed_in import SignedIn, browser

# Whoever adds a name here says why it may be seen by anybody at all.
PUBLIC = {
    "access.sign-in",
    "access.post-sign-in",
    "access.link",  # holds a token that nobody can guess
    "access.post-link",
    "access.oidc",
    "access.oidc-back",
    "live",  # tells whoever is signed out that they are, and nothing else
}
# For anybody who is signed in, whatever the roles: about oneself, or about nothing.
ANYBODY = {
    "home",  # shows of each subject what the rights open
    "home.part",
    "access.account",
    "access.password",
    "access.end-own-session",
    "access.oidc-link",
    "access.oidc-unlink",
    "access.sign-out",
    "access.kept",
    "access.forget-kept",
}
# Begun by GET; what is typed is posted to the same address, which keeps it and shows it again.
BOTH = {"servers.new", "servers.update", "servers.test-saved", "mapi-profile.test-saved"}
# What the application serves beside pages.
BESIDE = {"static"}

ALL = routes_of()


def _served(request: Request) -> Response:
    asked_in_parts = " in parts" if "range" in request.headers else ""
    return PlainTextResponse(f"served {request.state.page_name}{asked_in_parts}")


STUBS = Routes(
    tuple(replace(page, handle=_served) for page in ALL.pages),
    ALL.entries,
    {page.name: replace(page, handle=_served) for page in ALL.pages},
)
ROLES: Mapping[str, Identity | None] = {
    "nobody": None,
    "no right": Identity("1", "ann", frozenset()),
    **{right.value: Identity("1", "ann", frozenset({right})) for right in Right},
    **{f"all but {right.value}": Identity("1", "ann", frozenset(Right) - {right}) for right in Right},
    "all": Identity("1", "ann", frozenset(Right)),
}


def _client(role: str) -> TestClient:
    return browser(
        build_app(None, (HOST, "desk.example"), routes=STUBS, middleware=[Middleware(SignedIn, identity=ROLES[role])])
    )


def _path(page: Page) -> str:
    return re.sub(r"{[^}]*}", "1", page.path)


def _may(page: Page, identity: Identity | None) -> bool:
    return page.public or (identity is not None and (page.right is None or page.right in identity.rights))


@pytest.mark.parametrize("role", ROLES)
def test_each_page_is_for_whoever_has_its_right_and_for_nobody_else(role: str) -> None:
    client, identity = _client(role), ROLES[role]
    wrong: list[str] = []
    for page in ALL.pages:
        for method in page.methods:
            answer = client.request(method, _path(page))
            served = answer.status_code == 200 and (method == "HEAD" or answer.text == f"served {page.name}")
            if served != _may(page, identity) or not (served or _is_turned_away(answer.status_code, method, identity)):
                wrong.append(f"{method} {page.path} by {role}: {answer.status_code}")
    assert wrong == []


def _is_turned_away(status: int, method: str, identity: Identity | None) -> bool:
    return status == (403 if identity is not None else 303 if method == "GET" else 401)


def test_pages_that_need_no_right_are_listed_here() -> None:
    assert _names(page for page in ALL.pages if page.public) == PUBLIC
    assert _names(page for page in ALL.pages if page.right is None and not page.public) == ANYBODY


def test_everything_that_is_served_is_a_page_of_the_table() -> None:
    routes = build_app(None, (HOST,)).routes
    assert all(isinstance(route, Route) for route in routes)
    pages = [route for route in routes if isinstance(route, Route) and isinstance(route.endpoint, Endpoint)]
    assert {route.name for route in routes if isinstance(route, Route)} - {page.name for page in pages} == BESIDE
    assert {route.name for route in pages} == _names(ALL.pages)


def test_a_page_that_changes_something_is_not_opened_by_a_link() -> None:
    """GET and POST share no page's function, but for those that look at the method themselves."""
    assert _names(page for page in ALL.pages if {"GET", "POST"} <= set(page.methods)) == BOTH


def test_every_post_from_elsewhere_is_refused() -> None:
    client = _client("all")
    for page in (page for page in ALL.pages if "POST" in page.methods):
        for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Sec-Fetch-Site": "none"}):
            assert client.post(_path(page), headers=headers).status_code == 403, page.name
        del client.headers["Sec-Fetch-Site"]
        for origin in ("https://evil.example", f"https://evil-{HOST}", f"https://{HOST}.evil.example", "null", ""):
            assert client.post(_path(page), headers={"Origin": origin}).status_code == 403, page.name
        assert client.post(_path(page)).status_code == 403, page.name
        client.headers["Sec-Fetch-Site"] = "same-origin"


def test_every_page_refuses_another_host_and_no_page_answers_in_parts() -> None:
    client = _client("all")
    for page in ALL.pages:
        method = page.methods[0]
        assert client.request(method, _path(page), headers={"Host": "evil.example"}).status_code == 400, page.name
        whole = client.request(method, _path(page), headers={"Range": "bytes=0-1"})
        assert (whole.status_code, whole.text) == (200, f"served {page.name}")


def test_every_page_refuses_a_body_larger_than_it_takes() -> None:
    client = _client("all")
    for page in (page for page in ALL.pages if "POST" in page.methods):
        content = b"a=" + b"x" * page.max_body_bytes
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        assert client.post(_path(page), content=content, headers=headers).status_code == 413, page.name
        in_pieces = client.post(_path(page), content=iter([content[:-1], content[-1:]]), headers=headers)
        assert in_pieces.status_code == 413, page.name


def _names(pages: Iterable[Page]) -> set[str]:
    return {page.name for page in pages}
