"""The pages of settings as a window, with somebody signed in; and a browser before it."""

from dataclasses import replace

from starlette.applications import Starlette
from starlette.testclient import TestClient

from console.access.rights import Identity, Right
from console.servers import pages as servers
from console.settings import kind_pages
from console.templates import checking
from console.web import home
from tests.console.settings.desk_window import MemoryServices
from tests.console.web.signed_in import ADMINISTRATOR, browser, window


def window_of(services: MemoryServices, identity: Identity = ADMINISTRATOR) -> Starlette:
    return window(services, identity, (home, kind_pages, checking, servers))


def administrator(services: MemoryServices, identity: Identity = ADMINISTRATOR, *, rights: bool = True) -> TestClient:
    """`rights` False: with those of the identity alone."""
    return browser(window_of(services, replace(identity, rights=frozenset(Right)) if rights else identity))
