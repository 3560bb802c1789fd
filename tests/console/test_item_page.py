"""What a mail's HTML may still do once it is shown: nothing."""

import itertools
import re
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.desk.items import item_page
from console.mails.safe_html import MAX_HELD, safe_html, sanitise
from desk.item_detail import Item, JournalEntry
from tests.examples import examples

ATTACKS = (
    '<script>alert("1")</script>',
    '<p onclick="alert(1)">x</p>',
    '<a href="javascript:alert(1)">x</a>',
    '<a href="data:text/html,<script>alert(1)</script>">x</a>',
    '<img src="https://tracker.example/x.gif">',
    '<img src=x onerror="alert(1)">',
    '<style>@import "https://tracker.example/x.css"</style>',
    '<p style="background:url(https://tracker.example/x)">x</p>',
    '<link rel="stylesheet" href="https://tracker.example/x.css">',
    '<meta http-equiv="refresh" content="0;url=https://tracker.example/">',
    '<iframe src="https://tracker.example/"></iframe>',
    '<form action="https://tracker.example/"><input name="password"></form>',
    '<base href="https://tracker.example/">',
    '<svg><script>alert(1)</script></svg>',
    '<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>',
    '<noscript><p title="</noscript><img src=x onerror=alert(1)>">',
    "</article></body><script>alert(1)</script>",
)  # fmt: skip
_DOES_SOMETHING = ("<script", "onclick", "onerror=", "javascript:", "data:", "tracker.example", "<form", "style=")


@pytest.mark.parametrize("attack", ATTACKS)
def test_nothing_that_does_anything_is_left(attack: str) -> None:
    (safe,) = safe_html([f"<p>before</p>{attack}"])
    assert "<p>before</p>" in safe
    assert [sign for sign in _DOES_SOMETHING if sign in safe.lower()] == []


@settings(max_examples=examples(300))
@given(st.lists(st.sampled_from(["<", ">", '"', "'", "/", "script", "svg", "style", " onerror=", "<!--", "-->", "x"])))
def test_made_safe_twice_is_the_same_as_once(pieces: list[str]) -> None:
    once = sanitise("".join(pieces))
    assert sanitise(once) == once
    assert "<script" not in once


def test_links_say_where_they_go_and_tell_nothing_of_us() -> None:
    (safe,) = safe_html(['<a href="https://example.org/" target="opener">manual</a>'])
    assert safe == '<a href="https://example.org/" rel="noopener noreferrer nofollow">manual</a>'


@pytest.mark.parametrize(
    "address",
    [
        "//example.org/x", "/x", "x.html", "#x", "?x", "", " //example.org/", "\\\\example.org\\x", "/\\example.org",
        "&#47;/example.org", "http:x", "https:/example.org", "ht\ntp://example.org", "\t//example.org", "../../x",
    ],
)  # fmt: skip
@pytest.mark.parametrize("tag", ["a href", "blockquote cite", "q cite"])
def test_a_link_that_leads_to_where_the_page_lies_is_text(tag: str, address: str) -> None:
    (safe,) = safe_html([f'<{tag}="{address}">manual</a>'])
    assert "manual" in safe
    assert "href" not in safe
    assert "cite=" not in safe


@pytest.mark.parametrize("address", ["https://example.org/", "HTTP://example.org", "mailto:ann@desk.example"])
def test_a_link_that_says_where_it_leads_stays(address: str) -> None:
    (safe,) = safe_html([f'<a href="{address}">manual</a>'])
    assert f'href="{address}"' in safe


def test_a_page_may_hold_so_many_bad_pieces_and_shows_the_rest_as_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """What ends a process is played here: each takes seconds."""
    begun: list[int] = []

    def sanitised(pieces: Sequence[str]) -> list[str]:
        begun.append(len(pieces))
        good = list(itertools.takewhile(lambda piece: piece != "bad", pieces))
        return [f"<b>{piece}</b>" for piece in good]

    monkeypatch.setattr("console.mails.safe_html._sanitised", sanitised)
    shown = safe_html(["good", *["bad"] * 50, "<i>"])
    assert shown == ["<b>good</b>", *["<pre>bad</pre>"] * 50, "<pre>&lt;i&gt;</pre>"]
    assert len(begun) == MAX_HELD


def test_what_would_take_for_ever_is_shown_as_text_and_the_others_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("console.mails.safe_html.COMMAND", (sys.executable, "-m", "tests.console.burning_sanitiser"))
    before, held, after = safe_html(["<b>before</b>", "<i>please burn</i>", "<b>after</b>"])
    assert (before, after) == ("<b>before</b>", "<b>after</b>")
    assert held == "<pre>&lt;i&gt;please burn&lt;/i&gt;</pre>"


def test_the_page_of_an_item() -> None:
    entries = (_entry("<p>From <b>Outlook</b><script>alert(1)</script></p>"), _entry(None, "Grüße <script>"))
    page = item_page(_item("Printer <script>", entries), {"ann": "Ann <script>"})
    assert "<h1>C-000001 Printer &lt;script&gt;</h1>" in page
    assert "<p>From <b>Outlook</b></p>" in page
    assert "<pre>Grüße &lt;script&gt;</pre>" in page
    assert page.count("item-updated Ann &lt;script&gt;") == 2
    policy = re.findall('http-equiv="Content-Security-Policy" content="([^"]*)"', page)
    assert [part.strip() for part in policy[0].split(";")] == [
        "default-src 'none'", "style-src 'unsafe-inline'", "base-uri 'none'", "form-action 'none'"
    ]  # fmt: skip


def _entry(html: str | None, text: str = "") -> JournalEntry:
    at = datetime(2026, 11, 1, tzinfo=UTC)
    return JournalEntry(at, "item-updated", "ann", "0" * 32, None, text, text, html)


def _item(subject: str, journal: tuple[JournalEntry, ...]) -> Item:
    words: dict[str, Any] = dict.fromkeys(
        "description user user_name logging_analyst call_template screen_set ipk_status ipk_stream assigned_office "
        "assigned_group call_type impact urgency priority".split(), ""
    )  # fmt: skip
    return Item(
        **words, reference="C-000001", kind="call", partition="it", status="open", subject=subject, fields={},
        settings_versions={}, linked_to=None, opened_at=datetime(2026, 11, 1, tzinfo=UTC), closed_at=None, version=1,
        journal=journal, files=(), watchers=(),
    )  # fmt: skip
