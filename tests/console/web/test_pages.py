"""What all pages do alike: hostile text stays text, mistakes are told, links follow the rights."""

import re
from html.parser import HTMLParser

import pytest
from starlette.testclient import TestClient

from console.access.rights import Identity, Right
from console.web import home
from console.web.static_files import static_files
from tests.console.web import gallery
from tests.console.web.signed_in import browser, window


class _Elements(HTMLParser):
    """Every element and its attributes, as a browser would see them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


@pytest.fixture
def client() -> TestClient:
    return browser(window(subjects=(home, gallery)))


@pytest.mark.parametrize("query", ["", "?errors=1"])
def test_hostile_text_stays_text_in_every_macro(client: TestClient, query: str) -> None:
    text = client.get(f"/gallery{query}").text
    elements = _Elements(text).found
    assert text.count("&lt;script&gt;alert(1)") > 20
    assert all(attributes.get("nonce") for tag, attributes in elements if tag == "script")
    assert not [tag for tag, attributes in elements if attributes.get("src") == "x"]
    assert not [name for _, attributes in elements for name in attributes if name.startswith("on") or name == "style"]
    assert not [a for _, a in elements if (a.get("href") or "").startswith("javascript:")]
    assert "49" not in re.sub(r"nonce=\S+|/static/\S+", "", text)  # {{ 7*7 }}


def test_errors_come_first_with_links_and_the_same_words(client: TestClient) -> None:
    answer = client.get("/gallery?errors=1")
    assert answer.text.index("<title>Error: ") < answer.text.index("error-summary") < answer.text.index("<h1>")
    target = re.findall(r'<li><a href="#([\w-]+)">', answer.text)[0]
    assert f'id="{target}"' in answer.text and 'aria-invalid="true"' in answer.text


def test_a_long_name_is_shown_in_whole(client: TestClient) -> None:
    assert gallery.LONG in client.get("/gallery?long=1").text


def test_what_was_done_is_said_once_on_the_next_page(client: TestClient) -> None:
    assert client.post("/gallery/say").headers["Location"] == "/gallery"
    said = '<div class="message success" role="status">'
    assert client.get("/gallery").text.count(said) == 2  # one of them is the gallery's own
    assert client.get("/gallery").text.count(said) == 1


def test_nobody_but_the_session_puts_words_on_a_page(client: TestClient) -> None:
    client.post("/gallery/say")
    written = client.cookies["mailcall-flash"]
    client.cookies.clear()
    said = 'message success" role'
    for cookie, times in ((written, 2), ("B" + written[1:], 1), (written[:-4] + "AAAA", 1), ("A" * 60, 1), ("=", 1)):
        answer = client.get("/gallery", headers={"Cookie": f"mailcall-flash={cookie}"})
        assert answer.text.count(said) == times, cookie


def test_a_mistake_of_the_program_is_told_without_a_trace() -> None:
    for method in ("GET", "POST"):
        answer = browser(window(subjects=(home, gallery))).request(method, "/gallery/fail")
        assert answer.status_code == 500 and "under the reference" in answer.text
        assert "canary" not in answer.text and "Traceback" not in answer.text


def test_what_is_not_there_is_told(client: TestClient) -> None:
    answer = client.get("/nowhere")
    assert answer.status_code == 404 and "There is no such page" in answer.text and 'class="explorer"' in answer.text
    assert client.post("/gallery").status_code == 405


def test_who_may_not_is_told_which_right_is_missing() -> None:
    nobody = browser(window(None, Identity("2", "Bob", frozenset())))
    answer = nobody.get("/settings/email-options")
    assert answer.status_code == 403 and "System Set Up" in answer.text
    assert "Email options" not in answer.text


def test_entries_follow_the_rights() -> None:
    somebody = browser(window(None, Identity("2", "Bob", frozenset((Right.SYSTEM_SET_UP,)))))
    text = somebody.get("/nowhere").text
    assert 'href="/settings/email-options"' in text and 'href="/access/history"' not in text


def test_nobody_sees_a_page_without_signing_in() -> None:
    stranger = browser(window(None, None, (home, gallery)))
    for method, path in (("GET", "/"), ("GET", "/gallery"), ("POST", "/gallery/say")):
        answer = stranger.request(method, path)
        assert answer.status_code == 401 and "alert(1)" not in answer.text


def test_static_files_are_kept_for_good_under_their_hash(client: TestClient) -> None:
    for name, file in static_files().items():
        answer = client.get(file.path)
        assert answer.content == file.content and "immutable" in answer.headers["Cache-Control"], name
    assert client.get("/static/0000000000000000/console.css").status_code == 404
    assert client.get("/static/x/..%2f..%2fapp.py").status_code == 404
