"""A message template's pages: each fault with its line at its field, both formats shown, in a frame without rights."""

import re
from html import unescape

import pytest
from sqlalchemy import Engine
from starlette.testclient import TestClient

from schemas.settings import MessageTemplate
from schemas.settings.notification_rules import NotificationRule
from tests.console.settings.desk_window import MemoryServices
from tests.console.settings.test_kind_pages import SETTINGS, form_of
from tests.console.settings.window_of_settings import administrator

PATH, ADD = "/settings/message-templates/logged", "/settings/add-message-template"
HOSTILE_HTML = "<script>document.title='run'</script><img src=https://elsewhere.example/x.png><b>{{ subject }}</b>"


@pytest.fixture
def services(desk: Engine) -> MemoryServices:
    rule = NotificationRule(id="tell-all", event="CallLogged", tell=("user", "watchers"))
    return MemoryServices(desk, (*SETTINGS, rule))


@pytest.fixture
def client(services: MemoryServices) -> TestClient:
    return administrator(services)


def _frame(html: str) -> str:
    found = re.search(r'<iframe[^>]* src="([^"]+)"', html)
    assert found
    return found[1]


def test_checking_tells_each_fault_with_its_line_at_its_field(client: TestClient, services: MemoryServices) -> None:
    form = form_of(client.get(f"{PATH}/update").text)
    form |= {"subject": ["{{ subject"], "text": ["Dear\r\n{{ recipent_name }}"], "action": ["check"]}
    sent = client.post(f"{PATH}/update", data=form)
    assert sent.status_code == 422
    told = "Text: line 2 ({{ recipent_name }}): there is no name 'recipent_name'; did you mean 'recipient_name'?"
    assert unescape(sent.text).count(told) == 2
    assert 'href="#f-subject"' in sent.text
    assert 'href="#f-text"' in sent.text
    assert services.published == []


def test_what_is_broken_is_not_saved(client: TestClient, services: MemoryServices) -> None:
    form = form_of(client.get(f"{PATH}/update").text) | {"text": ["{{ recipent_name }}"]}
    sent = client.post(f"{PATH}/update", data=form)
    assert sent.status_code == 422
    assert 'href="#f-text"' in sent.text
    assert services.published == []


def test_a_template_is_shown_in_both_formats_before_it_is_saved(client: TestClient, services: MemoryServices) -> None:
    form = form_of(client.get(ADD).text)
    form |= {"event": ["CallLogged"], "subject": ["Noted: {{ subject }}"], "text": ["Dear {{ recipient_name }}"]}
    shown = client.post(ADD, data=form | {"html": [HOSTILE_HTML], "action": ["check"]})
    assert shown.status_code == 200
    assert "Noted: Printer: stripes" in shown.text
    assert "Dear Ursula Usher" in shown.text
    assert "<script>document" not in shown.text
    frame = client.get(_frame(shown.text))
    assert "<b>Printer: stripes</b>" in frame.text
    policy = frame.headers["Content-Security-Policy"].split("; ")
    assert "default-src 'none'" in policy and "sandbox" in policy
    assert not any(part.startswith("script-src") for part in policy)
    assert services.published == []


def test_a_preview_that_is_no_longer_kept_says_so_in_its_frame(client: TestClient) -> None:
    gone = client.get("/settings/message-template-samples/0123")
    assert gone.status_code == 404
    assert "no longer kept" in gone.text
    assert gone.headers["X-Frame-Options"] == "SAMEORIGIN"


def test_a_new_template_begins_with_the_built_in_text(client: TestClient) -> None:
    form = form_of(client.get(f"{ADD}?event=CallClosed&recipient=author").text)
    assert form["event"] == ["Call closed"]
    assert "{{ reference }}" in form["text"][0]
    assert form_of(client.get(f"{ADD}?event={'A' * 5000}&recipient=nobody").text)["text"] == [""]


def test_the_page_says_who_is_told_by_it_and_by_which_rule(client: TestClient) -> None:
    page = client.get(PATH).text
    assert 'href="/settings/notification-rules/tell-all"' in page
    assert '<td data-label="Recipient">Watchers</td>' in page
    assert '<td data-label="Recipient">Assigned Group</td>' not in page


def test_a_stored_template_that_cannot_be_used_is_told(desk: Engine) -> None:
    broken = MessageTemplate(id="broken", event="CallLogged", subject="s", text="{{ refrence }}")
    page = administrator(MemoryServices(desk, (*SETTINGS, broken))).get("/settings/message-templates/broken").text
    assert "text: line 1: there is no name" in page
    assert "<iframe" not in page


def test_events_are_called_by_words_and_typed_as_words(client: TestClient, services: MemoryServices) -> None:
    for path in (PATH, f"{PATH}/update", ADD, "/settings/message-templates", "/settings/notification-rules"):
        shown = client.get(path).text.replace("what happened, such as CallLogged", "")  # what a template is given
        assert "Call logged" in shown
        assert not re.search(r">[^<]*CallLogged", shown), path
    form = form_of(client.get(f"{PATH}/update").text)
    assert form["event"] == ["Call logged"]
    sent = client.post(f"{PATH}/update", data=form | {"event": ["call  Reopened"], "text": ["It is open again."]})
    stored = services.stored("message-template/logged")
    assert (sent.status_code, isinstance(stored, MessageTemplate) and stored.event) == (303, "CallReopened")
    changed = client.post(f"{PATH}/update", data=form | {"event": ["disk-full"], "action": ["review"]}).text
    assert "<del>Call reopened</del>" in changed and "disk-full" in changed
