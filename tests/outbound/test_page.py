"""What a browser shows of our HTML mails: the HTML part of the bytes that a mail server got, opened in Chromium."""

import email
import email.policy
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

import pytest
from playwright.sync_api import Browser, Dialog, Page, Route

from outbound.choose import Chosen
from outbound.compose import compose
from outbound.render import fill, source_of
from schemas.events import NotificationRequested
from schemas.reply_marker import REPLY_MARKER
from schemas.settings import Format, MessageTemplate, OutgoingServer
from tests.outbound.sent import KEYS, sent

MakeRequest = Callable[..., NotificationRequested]
MakeServer = Callable[..., OutgoingServer]

PHONE = 360  # pixels
READABLE = 4.5  # WCAG 2.2, 1.4.3: contrast of text, and more than body text of that size needs
HOSTILE = (
    "<script>window.hit = 1</script>",
    '<img src="https://tracker.example/x.gif" onerror="window.hit = 1">',
    "<svg onload=window.hit=1></svg>",
    "</td></tr></table></body><script>window.hit = 1</script>",
    '"><iframe src="https://tracker.example/"></iframe>',
    '<a href="javascript:window.hit=1">here</a>',
    "<style>@import url(https://tracker.example/x.css)</style>",
    "{{ 7 * 7 }} {% for x in y %}",
    "<!--[if mso]><script>window.hit = 1</script><![endif]-->",
)


@dataclass
class Shown:
    """A page with what it tried while it was opened."""

    page: Page
    asked_for: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """What can be seen of it; blanks that do not break as blanks."""
        return self.page.inner_text("body").replace("\xa0", " ")

    def style(self, selector: str, name: str) -> str:
        script = "([selector, name]) => getComputedStyle(document.querySelector(selector))[name]"
        return str(self.page.evaluate(script, [selector, name]))


Show = Callable[..., Shown]


@pytest.fixture
def show(chromium: Browser) -> Iterator[Show]:
    """Opens the HTML part of a mail as a mail program does, with no way to anywhere."""
    pages: list[Page] = []

    def show(raw: bytes, width: int = 1000, scheme: Literal["light", "dark"] = "light") -> Shown:
        page = chromium.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
        pages.append(page)
        shown = Shown(page)

        def refuse(route: Route) -> None:
            shown.asked_for.append(route.request.url)
            route.abort()

        def note(dialog: Dialog) -> None:
            shown.dialogs.append(dialog.message)
            dialog.dismiss()

        page.route("**/*", refuse)
        page.on("dialog", note)
        page.set_content(html_of(raw))
        return shown

    yield show
    for page in pages:
        page.close()


def html_of(raw: bytes) -> str:
    message = email.message_from_bytes(raw, policy=email.policy.default)
    part = message.get_body(("html",))
    assert part is not None
    content: str = part.get_content()
    return content


def test_a_mail_reads_as_it_was_written(
    show: Show, make_request: MakeRequest, make_server: MakeServer, now: datetime
) -> None:
    written = "Grüße 🖨️\n\n  if (a < b) {\n      stop();   // now\n  }\n\nhttps://desk.example/?a=1&b=2 & mehr"
    data = {"reference": "C-000123", "subject": "Drucker <3. Stock>", "person": "Jürgen Weiß", "text": written}
    shown = show(sent(make_request(event="CallUpdated", role="user", data=data), make_server(), Format.HTML, now))
    assert shown.text.startswith(REPLY_MARKER)
    assert "Jürgen Weiß has written about call C-000123." in shown.text
    assert "Subject: Drucker <3. Stock>" in shown.text
    assert written in shown.text
    assert shown.page.title() == "Drucker <3. Stock>"
    assert shown.page.locator("a").count() == 0
    assert shown.page.get_attribute("html", "lang") == "en"
    assert float(shown.style(".words", "fontSize").removesuffix("px")) >= 14
    assert shown.asked_for == []


@pytest.mark.parametrize("width", [PHONE, 1000])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_sticks_out_of_a_phones_screen_or_a_desks(
    width: int, scheme: str, show: Show, make_request: MakeRequest, make_server: MakeServer, now: datetime
) -> None:
    long = "https://desk.example/" + "x" * 2000 + "\n" + "  " * 200 + "y\n" + "a | b" + "   " * 200 + "| c"
    data = {"reference": "C-000123", "subject": "W" * 500, "person": "M" * 300, "text": long}
    shown = show(sent(make_request(event="CallUpdated", data=data), make_server(), Format.HTML, now), width, scheme)
    root = "document.documentElement"
    assert shown.page.evaluate(f"{root}.scrollWidth <= {root}.clientWidth")
    assert shown.page.evaluate(
        "[...document.querySelectorAll('td, p')].every(e => e.getBoundingClientRect().right <= innerWidth)"
    )
    assert shown.page.evaluate("document.querySelector('.words').scrollWidth") <= 640


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("place", [".words", ".marker"])
def test_it_can_be_read_in_light_and_dark(
    scheme: str, place: str, show: Show, make_request: MakeRequest, make_server: MakeServer, now: datetime
) -> None:
    shown = show(sent(make_request(), make_server(), Format.HTML, now), scheme=scheme)
    words, page = _luminance(shown.style(place, "color")), _luminance(shown.style(".page", "backgroundColor"))
    assert (max(words, page) + 0.05) / (min(words, page) + 0.05) >= READABLE
    assert (page < 0.1) == (scheme == "dark")


@pytest.mark.parametrize("hostile", HOSTILE)
@pytest.mark.parametrize("own_html", [False, True])
def test_what_a_mail_brings_is_shown_and_does_nothing(
    hostile: str, own_html: bool, show: Show, make_request: MakeRequest, make_server: MakeServer, now: datetime
) -> None:
    data = {"reference": "C-000123", **dict.fromkeys(("subject", "person", "text", "recipient_name"), hostile)}
    request = make_request(event="CallUpdated", role="user", data=data)
    raw = _by_own_html(request, make_server(), now) if own_html else sent(request, make_server(), Format.HTML, now)
    shown = show(raw)
    assert shown.text.count(hostile) == len(data) - 1
    assert shown.page.evaluate("window.hit") is None
    assert (shown.asked_for, shown.dialogs) == ([], [])
    assert shown.page.locator("script, img, iframe, svg, a").count() == 0


def _by_own_html(request: NotificationRequested, server: OutgoingServer, now: datetime) -> bytes:
    words = "".join(f"<p title='{{{{ {name} }}}}'>{{{{ {name} }}}}</p>" for name in request.data)
    template = MessageTemplate(id="own", event="CallUpdated", subject="s", text="t", html=words)
    return compose(request, fill(source_of(template), request, Format.HTML), Chosen(server, server), now, KEYS).content


def _luminance(colour: str) -> float:
    """Relative luminance of `rgb(r, g, b)`, 0 to 1 (WCAG 2.2)."""
    parts = [int(number) / 255 for number in re.findall(r"\d+", colour)[:3]]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
