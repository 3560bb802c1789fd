"""Templates: which one is taken, what it may hold, and that data is never more than data."""

from collections.abc import Callable
from typing import get_args

import pytest

from outbound.render import Rendered, RenderError, Templates, built_in, render
from schemas.events import NotificationRequested
from schemas.notifying import DeskEvent
from schemas.reply_marker import REPLY_MARKER
from schemas.settings import Format, MessageTemplate
from schemas.snapshot import SettingsSnapshot

MakeRequest = Callable[..., NotificationRequested]
NONE = Templates(SettingsSnapshot())
EVENTS = get_args(DeskEvent)


def _templates(*templates: MessageTemplate) -> Templates:
    return Templates(SettingsSnapshot({f"message-template/{one.id}": one for one in templates}))


def _own(text: str, **changes: str) -> Templates:
    values = {"id": "own", "event": "CallLogged", "subject": "s", "text": text} | changes
    return _templates(MessageTemplate.model_validate(values))


@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("format_", Format)
def test_every_event_has_a_built_in_template_that_needs_only_the_reference(
    event: str, format_: Format, make_request: MakeRequest
) -> None:
    assert built_in(event) is not None
    rendered = render(make_request(event=event, data={"reference": "C-000123"}), NONE, format_)
    assert rendered.subject
    assert "\n" not in rendered.subject
    assert "C-000123" in rendered.text
    assert rendered.text.startswith(REPLY_MARKER)
    assert (rendered.html is not None) == (format_ is Format.HTML)
    assert "C-000123" in (rendered.html or "C-000123")


def test_the_acknowledgement_names_call_subject_and_priority(make_request: MakeRequest) -> None:
    rendered = render(make_request(), NONE, Format.TEXT)
    assert rendered.subject == "Printer on fire"
    for words in ("Dear Ursula Usher", "C-000123", "Subject: Printer on fire", "Priority: P2"):
        assert words in rendered.text


@pytest.mark.parametrize("event", [event for event in EVENTS if event.endswith(("Updated", "Closed", "Reopened"))])
def test_what_a_system_wrote_is_told(event: str, make_request: MakeRequest) -> None:
    data = {"reference": "C-000123", "person": "Rob Roe", "text": "The part has been ordered.\n\nIt comes on Monday."}
    rendered = render(make_request(event=event, data=data), NONE, Format.TEXT)
    assert data["text"] in rendered.text
    assert "your mail" not in rendered.text


def test_markup_in_data_is_shown_not_obeyed(make_request: MakeRequest) -> None:
    data = {"reference": "C-000123", "subject": "<script>alert(1)</script> {{ 7 * 7 }}"}
    rendered = render(make_request(data=data), NONE, Format.HTML)
    assert rendered.html is not None
    assert "<script" not in rendered.html
    assert "&lt;script&gt;" in rendered.html
    assert "{{ 7 * 7 }}" in rendered.text
    own = render(make_request(data=data), _own("t", html="<b>{{ subject }}</b>"), Format.HTML)
    assert own.html is not None
    assert "<b>&lt;script&gt;" in own.html


def test_a_partitions_own_template_wins_over_that_for_all_and_that_over_the_built_in(make_request: MakeRequest) -> None:
    for_all = MessageTemplate(id="all", event="CallLogged", subject="all", text="all")
    for_it = MessageTemplate(id="it", event="CallLogged", partition="it", subject="it", text="it")
    templates = _templates(for_all, for_it)
    assert render(make_request(partition="it"), templates, Format.TEXT).subject == "it"
    assert render(make_request(partition="hr"), templates, Format.TEXT).subject == "all"
    assert render(make_request(partition=None), templates, Format.TEXT).subject == "all"
    assert render(make_request(event="CallClosed"), templates, Format.TEXT).subject == "Printer on fire"


def test_an_integrator_gives_subject_and_text_as_they_are(make_request: MakeRequest) -> None:
    request = make_request(event="BackupFailed", subject="{{ x }}", text="disk {{ full }}\n\n<b>now</b>")
    assert render(request, NONE, Format.TEXT) == Rendered(
        "{{ x }}", f"{REPLY_MARKER}\n\ndisk {{{{ full }}}}\n\n<b>now</b>", None
    )
    html = render(request, NONE, Format.HTML).html
    assert html is not None
    assert "<p>disk {{ full }}</p>\n<p>&lt;b&gt;now&lt;/b&gt;</p>" in html


@pytest.mark.parametrize(
    "text",
    [
        "{% for a in subject %}{% endfor %}",
        "{{ subject.__class__ }}",
        "{{ subject['x'] }}",
        "{{ 'a' * 1000000000 }}",
        "{{ 10 ** 10 ** 10 }}",
        "{{ range(10) }}",
        "{% set a = subject %}",
        "{% include 'x' %}",
        "{% macro m() %}{% endmacro %}",
        "{{ subject | center(1000000000) }}",
        "{{ subject | safe }}",
        "{{ unknown }}",
        "{{ subject",
        "{{ subject | truncate('x') }}",
    ],
)
def test_a_template_that_could_do_harm_or_cannot_be_filled_is_refused_by_name(
    text: str, make_request: MakeRequest
) -> None:
    with pytest.raises(RenderError, match="message-template/own") as caught:
        render(make_request(), _own(text), Format.TEXT)
    assert "Printer on fire" not in str(caught.value)


def test_an_event_without_template_and_text_says_so(make_request: MakeRequest) -> None:
    with pytest.raises(RenderError, match="'BackupFailed' has no message template"):
        render(make_request(event="BackupFailed"), NONE, Format.TEXT)
    with pytest.raises(RenderError, match="has no message template"):
        render(make_request(event="../templates/CallLogged"), NONE, Format.TEXT)


def test_output_has_a_limit(make_request: MakeRequest) -> None:
    with pytest.raises(RenderError, match="more than"):
        render(make_request(data={"subject": "x" * 200_000}), _own("{{ subject }}" * 3), Format.TEXT)
