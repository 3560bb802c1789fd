"""Templates: which one is taken, what it may hold, and that data is never more than data."""

from collections.abc import Callable
from typing import get_args

import pytest

from outbound.render import Rendered, RenderError, Templates, built_in, fill, render, source_of
from schemas.events import NotificationRequested
from schemas.reply_marker import REPLY_MARKER
from schemas.settings import Format, MessageTemplate
from schemas.settings.notification_rules import DeskEvent, Role
from schemas.snapshot import SettingsSnapshot
from schemas.template_language import Compiled, compiled
from schemas.template_words import template_variables

MakeRequest = Callable[..., NotificationRequested]
NONE = Templates(SettingsSnapshot())
EVENTS = get_args(DeskEvent)
ROLES = (None, *get_args(Role))


def _templates(*templates: MessageTemplate) -> Templates:
    return Templates(SettingsSnapshot({f"message-template/{one.id}": one for one in templates}))


def _own(text: str, **changes: str) -> MessageTemplate:
    values = {"id": "own", "event": "CallLogged", "subject": "s", "text": text} | changes
    return MessageTemplate.model_validate(values)


@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("format_", Format)
def test_every_event_has_a_built_in_template_for_every_role_that_needs_only_the_reference(
    event: str, role: Role | None, format_: Format, make_request: MakeRequest
) -> None:
    rendered = render(make_request(event=event, role=role, data={"reference": "C-000123"}), NONE, format_)
    assert rendered.subject
    assert "\n" not in rendered.subject
    assert rendered.text.startswith(REPLY_MARKER)
    assert ("C-000123" in rendered.text) or event == "PersonCreated"
    assert (rendered.html is not None) == (format_ is Format.HTML)
    assert max(map(len, rendered.text.splitlines())) <= 78
    assert "\n\n\n" not in rendered.text


def test_whoever_has_no_role_is_told_as_the_user_most_likely_is(make_request: MakeRequest) -> None:
    rendered = render(make_request(), NONE, Format.TEXT)
    assert rendered.subject == "Printer on fire"
    for told in ("Dear Ursula Usher", "your call has been logged as C-000123", "Subject: Printer on fire"):
        assert told in rendered.text
    assert "Priority: P2" in rendered.text


# What the reader of each role must find, and what would be wrong to say to that reader.
SAID: tuple[tuple[DeskEvent, Role, str, str], ...] = (
    ("CallLogged", "author", "your call has been logged as C-000123", "Ann Archer"),
    ("TaskLogged", "user", "Ann Archer has logged a task for you: C-000123", "a new"),
    ("CallLogged", "logging-analyst", "a new call has been logged: C-000123", "your call"),
    ("RequestLogged", "assigned-group", "a new request has been logged: C-000123", "your request"),
    ("CallUpdated", "author", "what you wrote has been added to call C-000123", "Ann Archer"),
    ("CallUpdated", "user", "Ann Archer has written about call C-000123", "you wrote"),
    ("RequestUpdated", "watchers", "Ann Archer has written about request C-000123", "you wrote"),
    ("CallClosed", "author", "as you asked, call C-000123 has been closed", "Ann Archer"),
    ("TaskClosed", "watchers", "Ann Archer has closed task C-000123", "you asked"),
    ("CallReopened", "logging-analyst", "Ann Archer has opened call C-000123 again", "you wrote"),
    ("ActionRefused", "author", "what your mail asks for was not done with C-000123", "Ann Archer"),
    ("ActionRefused", "user", "what Ann Archer asked for was not done with C-000123", "your mail"),
    ("PersonCreated", "author", "this was your first mail to the desk", "Ann Archer"),
    ("PersonCreated", "assigned-group", "Ursula Usher is new", "your"),
)


@pytest.mark.parametrize(("event", "role", "said", "unsaid"), SAID)
def test_everybody_reads_a_mail_that_is_meant_for_them(
    event: str, role: Role, said: str, unsaid: str, make_request: MakeRequest
) -> None:
    written = "" if role == "author" else "It smells.\n\nCome soon."
    kind = event.removesuffix("Logged").removesuffix("Updated").removesuffix("Closed").removesuffix("Reopened").lower()
    data = template_variables(
        event=event, role=role, reference="C-000123", kind=kind, subject="Printer on fire", partition="IT",
        user="Ursula Usher", logging_analyst="Ida Ingram", group="First line", priority="P2", person="Ann Archer",
        text=written,
    )  # fmt: skip
    text = render(make_request(event=event, role=role, data=data), NONE, Format.TEXT).text
    assert said in text
    assert unsaid not in text
    assert written in text or event in ("ActionRefused", "PersonCreated")


def test_the_desk_reads_who_the_new_call_is_for_and_who_works_on_it(make_request: MakeRequest) -> None:
    data = {"reference": "C-000123", "user": "Ursula", "logging_analyst": "Ida", "group": "First line"}
    text = render(make_request(role="assigned-group", data=data), NONE, Format.TEXT).text
    assert "User: Ursula\nLogging Analyst: Ida\nGroup: First line\n" in text


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
    own = render(make_request(data=data), _templates(_own("t", html="<b>{{ subject }}</b>")), Format.HTML)
    assert own.html is not None
    assert "<b>&lt;script&gt;" in own.html


ORDER: tuple[tuple[Role | None, str | None], ...] = (("watchers", "it"), (None, "it"), ("watchers", None), (None, None))


@pytest.mark.parametrize("number", range(len(ORDER)))
def test_the_partitions_template_wins_over_that_for_all_and_within_each_the_roles_own(
    number: int, make_request: MakeRequest
) -> None:
    templates = _templates(
        *(
            MessageTemplate(
                id=f"t{n}", event="CallLogged", recipient=role, partition=partition, subject=str(n), text="t"
            )
            for n, (role, partition) in enumerate(ORDER)
            if n >= number
        ),
        MessageTemplate(id="no1", event="CallLogged", recipient="user", partition="it", subject="user's", text="t"),
        MessageTemplate(id="no2", event="CallLogged", recipient="watchers", partition="hr", subject="hr's", text="t"),
        MessageTemplate(id="no3", event="CallClosed", recipient="watchers", partition="it", subject="x", text="t"),
    )
    assert render(make_request(role="watchers", partition="it"), templates, Format.TEXT).subject == str(number)


def test_a_template_of_another_role_or_partition_is_not_taken(make_request: MakeRequest) -> None:
    others = _templates(_own("t", recipient="user"), _own("t", id="hr", partition="hr"))
    assert render(make_request(role="watchers"), others, Format.TEXT).subject == "Printer on fire"


def test_an_integrator_gives_subject_and_text_as_they_are(make_request: MakeRequest) -> None:
    request = make_request(event="BackupFailed", subject="{{ x }}", text="disk {{ full }}\n\n<b>now</b>")
    assert render(request, NONE, Format.TEXT) == Rendered(
        "{{ x }}", f"{REPLY_MARKER}\n\ndisk {{{{ full }}}}\n\n<b>now</b>", None
    )
    html = render(request, NONE, Format.HTML).html
    assert html is not None
    assert "disk {{ full }}</p>" in html
    assert "&lt;b&gt;now&lt;/b&gt;</p>" in html


@pytest.mark.parametrize(
    "text",
    [
        "{% for a in subject %}{% endfor %}",
        "{{ subject.__class__ }}",
        "{{ subject['x'] }}",
        "{{ 'a' * 3 }}",
        "{{ 10 ** 2 }}",
        "{{ range(10) }}",
        "{% set a = subject %}",
        "{% include 'x' %}",
        "{% macro m() %}{% endmacro %}",
        "{{ subject | center(80) }}",
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
        fill(source_of(_own(text)), make_request(), Format.TEXT)
    assert "Printer on fire" not in str(caught.value)


@pytest.mark.parametrize(
    ("parts", "fault"),
    [
        ({"text": "a\n{{ unknown }}"}, "text: line 2: 'unknown' is undefined"),
        ({"subject": "{{ subject"}, "subject: line 1: "),
        ({"text": "a\n\n{{ subject | truncate('x') }}"}, "text: line 3: a filter or a comparison cannot take"),
        ({"text": "{{ text }}" * 6}, "text: it gives more than 512000 characters"),
    ],
)
def test_the_built_in_text_takes_the_place_of_a_broken_template(
    parts: dict[str, str], fault: str, make_request: MakeRequest
) -> None:
    data = {"reference": "C-000123", "subject": "Printer on fire", "text": "x" * 100_000}
    own = _own(**{"text": "t", **parts})
    rendered = render(make_request(data=data), _templates(own), Format.TEXT)
    assert "your call has been logged as C-000123" in rendered.text
    assert rendered.broken == "message-template/own"
    assert rendered.fault.startswith(f"message-template/own: {fault}")


def test_a_template_that_was_tried_out_in_vain_is_not_compiled(
    make_request: MakeRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def watched(source: str, html: bool) -> Compiled:
        asked.append(source)
        return compiled(source, html)

    monkeypatch.setattr("outbound.render.compiled", watched)
    own = _own("own", html="<b>own</b>", subject="own")
    templates = Templates(SettingsSnapshot({"message-template/own": own}), {"own": "text: it takes too long"})
    rendered = render(make_request(), templates, Format.HTML)
    assert "your call has been logged as C-000123" in rendered.text
    assert rendered.broken == "message-template/own"
    assert rendered.fault == "message-template/own: text: it takes too long"
    assert asked and not [source for source in asked if "own" in source]


def test_an_integrators_own_event_has_no_text_to_fall_back_on(make_request: MakeRequest) -> None:
    with pytest.raises(RenderError, match="message-template/own: text: line 1: 'disk' is undefined"):
        render(make_request(event="BackupFailed"), _templates(_own("{{ disk }}", event="BackupFailed")), Format.TEXT)


def test_html_keeps_the_line_breaks_and_blanks_of_what_somebody_wrote(make_request: MakeRequest) -> None:
    request = make_request(subject="s", text="  if x:\n\treturn  1 < 2\r\nend")
    html = render(request, NONE, Format.HTML).html
    assert html is not None
    assert "\xa0\xa0if x:<br>\n\xa0\xa0\xa0\xa0return\xa0 1 &lt; 2<br>\nend</p>" in html


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a b", "a b"),
        (" a b", "\xa0a b"),
        ("a\n b", "a<br>\n\xa0b"),
        ("a  b", "a\xa0 b"),
        ("\ta b", "\xa0\xa0\xa0\xa0a b"),
    ],
)
def test_only_blanks_that_a_page_would_not_show_are_replaced(text: str, shown: str, make_request: MakeRequest) -> None:
    request = make_request(event="BackupFailed", data={}, subject="s", text=text)
    html = render(request, NONE, Format.HTML).html
    assert html is not None
    assert f">{shown}</p>" in html


def test_the_page_says_the_language_of_the_built_in_texts_alone(make_request: MakeRequest) -> None:
    html, own = (render(make_request(), found, Format.HTML).html for found in (NONE, _templates(_own("Guten Tag"))))
    assert html is not None and own is not None
    assert '<html lang="en">' in html
    assert "<html>" in own


def test_an_event_without_template_and_text_says_so(make_request: MakeRequest) -> None:
    with pytest.raises(RenderError, match="'BackupFailed' has no message template"):
        render(make_request(event="BackupFailed"), NONE, Format.TEXT)
    with pytest.raises(RenderError, match="has no message template"):
        render(make_request(event="../templates/CallLogged"), NONE, Format.TEXT)


def test_output_has_a_limit(make_request: MakeRequest) -> None:
    with pytest.raises(RenderError, match="more than"):
        fill(source_of(_own("{{ subject }}" * 3)), make_request(data={"subject": "x" * 200_000}), Format.TEXT)


def test_no_path_leads_out_of_the_built_in_templates() -> None:
    assert built_in("../templates/Logged") is None


@pytest.mark.parametrize("event", ["A" * 1_000, "../Logged", "layout.html\0", "", "Logged.author"])
def test_an_event_that_is_no_name_of_a_file_has_no_built_in_text(event: str) -> None:
    assert built_in(event, "author") is None
