"""To an OpenID provider and back in Chromium: the window's policy lets a form lead nowhere else, and yet it works."""

from contextlib import closing

import pytest
from playwright.sync_api import Browser, Page
from starlette.middleware import Middleware

from console.access.access import Access
from console.access.middleware import Sessions
from console.access.oidc import OidcClient, Provider
from console.web.app import build_app
from deploy.local.servers.oidc_provider import CLIENT_ID, CLIENT_SECRET, OidcProvider
from tests.console.access.conftest import PASSWORD, House
from tests.console.web.serving import HOST, served

pytestmark = [pytest.mark.npm, pytest.mark.timeout(180)]


@pytest.mark.parametrize("has_scripts", [True, False], ids=["scripts", "no scripts"])
def test_linking_a_login_and_signing_in_by_it(quick_house: House, chromium: Browser, has_scripts: bool) -> None:
    quick_house.account("ann")
    access = Access(quick_house.engine, now=quick_house.clock)
    app = build_app(None, (HOST,), middleware=[Middleware(Sessions, access=access)])
    with (
        served(app) as address,
        OidcProvider(f"{address}/sign-in/oidc/back") as provider,
        closing(chromium.new_context(java_script_enabled=has_scripts)) as context,
    ):
        access.oidc = OidcClient(Provider(provider.issuer, CLIENT_ID, CLIENT_SECRET, "Example ID"))
        page = context.new_page()
        # The provider's own pages ask for fonts of the internet.
        page.route(lambda url: not url.startswith((address, provider.issuer)), lambda route: route.abort())
        page.goto(f"{address}/sign-in?next=/own")
        page.get_by_label("Name").fill("ann")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("button", name="Link it").click()
        _at_provider(page, provider)
        page.get_by_text("From now on user s-1 signs you in.").wait_for()

        context.clear_cookies()
        page.goto(f"{address}/sign-in?next=/own")
        page.get_by_role("link", name="Sign in with Example ID").click()
        _at_provider(page, provider)
        page.get_by_role("heading", name="Your account").wait_for()
        assert page.url == f"{address}/own"


def _at_provider(page: Page, provider: OidcProvider) -> None:
    page.wait_for_url(f"{provider.issuer}/interaction/**", wait_until="commit")
    page.locator("input[name=login]").fill("s-1")
    page.locator("input[name=password]").fill("any")
    page.locator("button[type=submit]").click()
    page.locator("input[name=prompt][value=consent]").wait_for(state="attached")
    page.locator("button[type=submit]").click()
