"""Every page that a link leads to, in each theme and on a phone, for axe-core, html-validate and the keyboard."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urldefrag, urlsplit

import pytest
from playwright.sync_api import Error, Page, Response
from starlette.routing import compile_path

from console.web.routes import routes_of
from deploy.local.checkers.npm_checkers import html_faults
from deploy.local.servers.database import Database
from tests.window.installation import Installation, installation
from tests.window.looking import DESKTOP, faults_in_every_look, keyboard_faults

pytestmark = [
    pytest.mark.timeout(900), pytest.mark.broker, pytest.mark.database, pytest.mark.mail_host, pytest.mark.browser,
    pytest.mark.npm,
]  # fmt: skip

MOST_OF_A_KIND = 2  # pages of one route
# Pages that no crawl comes to, and why.
_KINDS = "group", "mapi-profile", "message-template", "notification-rule"
_PART = "a part of a page, asked for by its script"
_FRAME = "what stands in a frame, or is downloaded"
_FORM = "comes behind a form: tests/console/servers/test_servers_in_a_browser.py looks at it"
_NONE = "the demo has none: tests/console/settings and tests/console/web look at it"
NOT_WALKED = {
    "live": "a stream of events",
    **dict.fromkeys(("home.part", "health.part", "jobs.list-part", "jobs.show-part", "servers.rows"), _PART),
    **dict.fromkeys(("servers.test-status", "topics.list-part", "topics.show-part"), _PART),
    **dict.fromkeys(("items.file", "items.mail", "mails.file", "mails.text", "message-template.sample"), _FRAME),
    **dict.fromkeys(("servers.new", "servers.details", "servers.review", "servers.test"), _FORM),
    "servers.choose": "leads to another page",
    **dict.fromkeys((f"{kind}.{page}" for kind in _KINDS for page in ("open", "update", "delete")), _NONE),
    **dict.fromkeys(("mapi-profile.test", "mapi-profile.test-saved"), _NONE),
    **dict.fromkeys(("dead-letters.show", "jobs.show"), _NONE),
    "access.link": "the address of a one-time link",
    "access.sign-in": "for whoever is not signed in: looked at by itself",
    "access.kept": "for input that was typed when a session had ended",
    **dict.fromkeys(("access.oidc", "access.oidc-back"), "leads to another server, or comes from there"),
}


@pytest.fixture(scope="module")
def installed(
    tmp_path_factory: pytest.TempPathFactory, kafka_bootstrap: str, database: Database
) -> Iterator[Installation]:
    with installation(tmp_path_factory.mktemp("window"), kafka_bootstrap, database) as made:
        sent = made.desk.send(6)
        made.desk.wait_for_answers(sent)
        yield made


def test_no_page_has_a_fault_in_any_look(installed: Installation, tmp_path: Path) -> None:
    page = installed.administrator(viewport=DESKTOP)
    found: list[str] = []
    sources: dict[Path, str] = {}
    names: Counter[str] = Counter()
    for path in walk(page, names):
        response = shown(page, path)
        if response is None:
            continue
        if not response.ok:
            found.append(f"{path}: {response.status}")
            continue
        source = tmp_path / f"{len(sources)}.html"
        source.write_text(response.text())
        sources[source] = path
        found += [f"{path} {fault}" for fault in faults_in_every_look(page)]
        found += [f"{path} [keyboard]: {fault}" for fault in keyboard_faults(page)]
    for fault in html_faults(list(sources)):
        found.append(f"{sources[Path(fault['page'])]}:{fault['line']} [html]: {fault['rule']}: {fault['message']}")
    assert not found, "\n".join(sorted(set(found)))
    wanted = {one.name for one in routes_of().pages if "GET" in one.methods}
    assert wanted - names.keys() == NOT_WALKED.keys() & wanted, "no link leads there, or it is named without need"


def test_signing_in_has_no_fault(installed: Installation) -> None:
    page = installed.person(viewport=DESKTOP)
    page.goto("/")
    assert page.title().startswith("Sign in")
    assert not [*faults_in_every_look(page), *keyboard_faults(page)]


def shown(page: Page, path: str) -> Response | None:
    """None where it is a file to be downloaded."""
    try:
        return page.goto(path)
    except Error as error:
        if "Download is starting" not in error.message:
            raise
        return None


def walk(page: Page, names: Counter[str]) -> Iterator[str]:
    """The paths of pages as links lead to them, from the first page on; counts them by the name of their route."""
    routes = routes_of()
    matchers = [(one.name, compile_path(one.path)[0]) for one in routes.pages if "GET" in one.methods]
    waiting, seen = ["/"], {"/"}
    while waiting:
        path = waiting.pop(0)
        name = next((name for name, pattern in matchers if pattern.fullmatch(urlsplit(path).path)), None)
        assert name is not None, f"a link leads to {path}, where nothing is"
        if name in NOT_WALKED or names[name] >= MOST_OF_A_KIND:
            continue
        names[name] += 1
        yield path
        for href in page.eval_on_selector_all(
            "main a[href], nav a[href], header a[href]", "all => all.map(a => a.href)"
        ):
            link = urldefrag(href).url
            if link.startswith(page.url.split("/", 3)[0] + "//" + urlsplit(page.url).netloc):
                target = link.split(urlsplit(page.url).netloc, 1)[1] or "/"
                if target not in seen:
                    seen.add(target)
                    waiting.append(target)
