"""Live parts in Chromium, over the window's own pages and a real broker: under its policy, and without JavaScript."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from console.config import ConsoleConfig
from console.health.groups import GROUPS
from console.health.sample import Progress, Sample
from console.health.sampler import Traffic
from console.live.hub import Hub
from console.views.views import Views
from runtime.kafka.producer import Publisher
from runtime.kafka.topic_setup import create_topics
from schemas.settings import IncomingServer
from schemas.topics import SETTINGS
from schemas.wire import encode
from tests.console.live.window import SECONDS, application, served, services
from tests.console.views.following import started, status

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    with closing(chromium.new_context(locale="en-GB", timezone_id="UTC")) as context:
        opened = context.new_page()
        faults: list[str] = []
        opened.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
        opened.on("pageerror", lambda error: faults.append(str(error)))
        yield opened
        assert faults == []  # such as a violation of the Content Security Policy


def traffic(lag: int) -> Traffic:
    """The last ten minutes, in which ever more waits."""
    now = datetime.now(UTC)
    members = {group.name: 1 for group in GROUPS}
    return Traffic(
        [
            Sample(
                now - timedelta(minutes=10 - number),
                {"mail.fetched": 100 * number},
                {"mail.fetched": 100 * number},
                progress={
                    ("resolver", "mail.fetched"): Progress(lag * number, 50 * number, now - timedelta(minutes=1))
                },
                members=members,
            )
            for number in range(11)
        ]
    )


@pytest.mark.broker
def test_a_servers_state_changes_on_the_open_page(config: ConsoleConfig, publisher: Publisher, page: Page) -> None:
    create_topics(config)
    server = IncomingServer.model_validate(
        {"id": "it", "protocol": "imap", "username": "it", "call_template": "it", "default_logging_analyst": "ida"}
    )
    publisher.publish(
        [
            encode(SETTINGS, "incoming-server/it", server, id="1", source="/t", time=datetime.now(UTC)),
            status("it", "idle"),
        ]
    )
    hub = Hub()
    views = Views(config, hub.changed)
    with started(views), served(application(services(live=hub, views=views))) as address:
        assert views.wait_ready(SECONDS)
        page.goto(f"{address}/operations/health")
        state = page.locator("#health td[data-label=State]")
        expect(state).to_have_text("Idle")
        page.evaluate("document.body.dataset.same = 'yes'")

        publisher.publish([status("it", "unreachable")])
        expect(state).to_have_text("Unreachable")
        publisher.publish([status("it", "connected")])
        expect(state).to_have_text("Connected")
        assert page.locator("body").get_attribute("data-same") == "yes"  # no page was loaded for it


def test_a_page_is_told_of_changes_however_late_its_scripts_come(page: Page) -> None:
    held: list[Route] = []
    page.route("**/hx-sse.min.js*", lambda route: held.append(route))
    with served(application(services())) as address:
        with page.expect_request("**/hx-sse.min.js*"):
            page.goto(f"{address}/operations/health", wait_until="commit")
        page.wait_for_function("window.htmx", polling=10)
        page.evaluate("() => new Promise(done => setTimeout(done, 10))")  # whatever htmx put off to then is done
        with page.expect_response("**/live"):
            held.pop().continue_()


def test_a_page_whose_first_connection_failed_opens_another(chromium: Browser) -> None:
    with served(application(services())) as address, closing(chromium.new_context()) as context:
        page = context.new_page()
        page.clock.install()
        page.route("**/live", lambda route: route.abort(), times=1)
        with page.expect_event("requestfailed"):
            page.goto(f"{address}/operations/health")
        with page.expect_response("**/live"):
            page.clock.fast_forward(30_000)


def test_charts_are_drawn_from_the_table_and_again_when_it_changes(page: Page) -> None:
    hub, sampler = Hub(), SimpleNamespace(current=traffic(10))
    with served(application(services(live=hub, sampler=sampler))) as address:
        with page.expect_response(lambda response: "/live" in response.url):  # what changes before is not told
            page.goto(f"{address}/operations/topics/mail.fetched")
        charts = page.locator("figure.chart .plot")
        expect(charts).to_have_count(3)
        expect(charts.locator("canvas")).to_have_count(3)
        expect(page.locator("figure.chart .plot[aria-label*='Waiting: 100 now']")).to_have_count(1)

        page.get_by_text("resolver, minute by minute").click()
        page.get_by_text("resolver, minute by minute").focus()
        sampler.current = traffic(20)
        hub.changed(["traffic"])
        expect(page.locator("figure.chart .plot[aria-label*='Waiting: 200 now']")).to_have_count(1)
        expect(page.locator("figure.chart canvas")).to_have_count(3)
        expect(page.locator("#numbers-resolver tbody tr").first.locator("td").nth(3)).to_have_text("200")
        expect(page.locator("#numbers-resolver")).to_be_visible()  # what was opened stays open
        expect(page.locator("summary:focus")).to_have_text("resolver, minute by minute")
        expect(page.locator("#numbers-resolver time:not([data-shown])")).to_have_count(0)  # in the reader's words again


@pytest.mark.parametrize("path", ["health", "topics", "topics/mail.fetched", "jobs"])
def test_at_360_pixels_nothing_is_wider_than_the_page(chromium: Browser, path: str) -> None:
    given = services(sampler=SimpleNamespace(current=traffic(10)), jobs=SimpleNamespace(all=lambda: ()))
    with (
        served(application(given)) as address,
        closing(chromium.new_context(viewport={"width": 360, "height": 700})) as context,
    ):
        page = context.new_page()
        page.goto(f"{address}/operations/{path}")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_without_javascript_the_numbers_are_a_table(chromium: Browser) -> None:
    given = services(sampler=SimpleNamespace(current=traffic(10)))
    with served(application(given)) as address, closing(chromium.new_context(java_script_enabled=False)) as context:
        page = context.new_page()
        page.goto(f"{address}/operations/topics/mail.fetched")
        page.get_by_text("resolver, minute by minute").click()
        newest = page.locator("#numbers-resolver tbody tr").first
        expect(newest.locator("td").nth(3)).to_have_text("100")
        expect(page.locator("figure.chart").first).to_be_hidden()
