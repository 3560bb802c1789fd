"""Email options, the page that others are made like: shown, saved, refused with what was typed."""

from collections.abc import Mapping
from types import SimpleNamespace

import pytest
from starlette.testclient import TestClient

from console.errors import UserError
from console.servers import pages as servers
from console.settings import email_options_page, saving
from console.settings.apply import Plan
from console.settings.conflicts import OthersChange, conflict
from console.settings.email_options_page import KEY
from console.settings.entry_data import Difference
from console.settings.saving import Author
from console.views.snapshot import ViewSnapshot
from console.views.views import Freshness
from console.web import home
from runtime.outages import OutageError
from schemas.reasons import Reason
from schemas.settings import EmailOptions, Format, OutgoingServer
from schemas.snapshot import SettingsSnapshot
from tests.console.web.signed_in import browser, window

SMTP = OutgoingServer(id="smtp", name="Main", from_address="desk@example.com")
STORED = EmailOptions(default_format=Format.TEXT, message_format_per_person=True)
SETTINGS = SettingsSnapshot().with_changes([("outgoing-server/smtp", SMTP, 1), (KEY, STORED, 2)])
FILLED = {
    "default_outgoing_server": "smtp",
    "give_up_after_hours": "24",
    "bounces_until_marked": "3",
    "blocked_senders": "spam@example.com\r\n\r\n@bad.example ",
    "token_days": "365",
    "answers.per_sender_and_item": "1",
    "answers.per_sender_and_hour": "7",
    "answers.all_in_ten_minutes": "2000",
    "answers.unproved_in_hour": "",
    "version": "2",
    "change_reason": "less spam",
}


class Saved:
    """In the place of `saving.save`: keeps what it was asked for, or raises `error`."""

    def __init__(self) -> None:
        self.plans: list[tuple[Plan, Author, Mapping[str, int | None]]] = []
        self.error: Exception | None = None

    def __call__(
        self, _: object, plan: Plan, author: Author, _now: object, looked_at: Mapping[str, int | None]
    ) -> None:
        if self.error:
            raise self.error
        self.plans.append((plan, author, looked_at))


@pytest.fixture
def saved(monkeypatch: pytest.MonkeyPatch) -> Saved:
    made = Saved()
    monkeypatch.setattr(saving, "save", made)
    return made


@pytest.fixture
def client(saved: Saved) -> TestClient:
    return browser(window(SimpleNamespace(views=views(ready=True)), subjects=(home, servers, email_options_page)))


def views(*, ready: bool) -> SimpleNamespace:
    """The kept view, as far as pages ask it."""
    current = ViewSnapshot(settings=SETTINGS) if ready else ViewSnapshot()
    return SimpleNamespace(current=current, freshness=Freshness(ready, None), catch_up=lambda _: True)


def test_the_form_shows_what_is_set(client: TestClient) -> None:
    text = client.get("/settings/email-options").text
    assert '<option value="smtp">Main</option>' in text
    assert 'name="give_up_after_hours" value="48"' in text


def test_the_format_is_chosen_on_one_page_and_this_one_leads_there(client: TestClient) -> None:
    text = client.get("/settings/email-options").text
    assert 'name="default_format"' not in text and 'name="message_format_per_person"' not in text
    assert '<a href="/email-settings">Email Settings</a>' in text


def test_what_has_not_been_read_does_not_look_as_if_it_were_not_there() -> None:
    client = browser(window(SimpleNamespace(views=views(ready=False)), subjects=(home, servers, email_options_page)))
    for answer in (client.get("/settings/email-options"), client.post("/settings/email-options", data=FILLED)):
        assert answer.status_code == 503 and "The settings have not been read yet" in answer.text


def test_what_was_typed_is_saved_with_who_and_why(client: TestClient, saved: Saved) -> None:
    answer = client.post("/settings/email-options", data=FILLED)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/settings/email-options")
    assert "Email options saved." in client.get("/settings/email-options").text
    ((plan, author, looked_at),) = saved.plans
    options = plan.changes[0].after
    assert isinstance(options, EmailOptions)
    assert options.default_format == "text" and options.message_format_per_person, "what stands on another page stays"
    assert options.blocked_senders == ("spam@example.com", "@bad.example")
    assert options.answers.per_sender_and_hour == 7 and options.answers.unproved_in_hour is None
    assert author == Author("Ada", "less spam") and looked_at == {KEY: 2}


def test_nothing_is_changed_where_all_was_left_as_it_was(client: TestClient, saved: Saved) -> None:
    unchanged = FILLED | {
        "default_outgoing_server": "",
        "give_up_after_hours": "48",
        "blocked_senders": "",
        "answers.per_sender_and_hour": "5",
    }
    assert client.post("/settings/email-options", data=unchanged).status_code == 303
    assert [plan.effective for plan, _, _ in saved.plans] == [()]
    assert "Nothing was changed." in client.get("/settings/email-options").text


def test_all_that_is_wrong_is_told_at_once_and_the_input_kept(client: TestClient, saved: Saved) -> None:
    wrong = FILLED | {"give_up_after_hours": "<soon>", "answers.per_sender_and_hour": "-1"}
    answer = client.post("/settings/email-options", data=wrong)
    assert answer.status_code == 422 and "<title>Error: Email options" in answer.text
    assert 'href="#f-give_up_after_hours"' in answer.text and 'href="#f-answers-per_sender_and_hour"' in answer.text
    assert 'value="&lt;soon&gt;"' in answer.text and "spam@example.com" in answer.text and "less spam" in answer.text
    assert 'name="version" value="2"' in answer.text and 'data-keep="changed"' in answer.text
    assert saved.plans == []


def test_who_was_slower_is_told_what_the_other_one_did(client: TestClient, saved: Saved) -> None:
    others = OthersChange(KEY, False, "Bob", None, (Difference("token_days", 365, 30),))
    saved.error = conflict({KEY: others})
    answer = client.post("/settings/email-options", data=FILLED)
    assert answer.status_code == 422 and "changed meanwhile by Bob" in answer.text
    assert 'href="#f-token_days"' in answer.text and "spam@example.com" in answer.text


def test_a_change_reason_that_is_required_is_asked_for_at_its_field(client: TestClient, saved: Saved) -> None:
    saved.error = UserError("a Change Reason is required", "say why you make this change", place="change_reason")
    answer = client.post("/settings/email-options", data=FILLED | {"change_reason": ""})
    assert answer.status_code == 422 and 'href="#f-change_reason"' in answer.text
    assert 'id="f-change_reason-error"' in answer.text


def test_a_broker_that_is_away_loses_nothing_that_was_typed(client: TestClient, saved: Saved) -> None:
    saved.error = OutageError(Reason.BROKER_AWAY, "the broker cannot be reached")
    answer = client.post("/settings/email-options", data=FILLED)
    assert answer.status_code == 503 and "The broker cannot be reached." in answer.text
    assert "spam@example.com" in answer.text and "less spam" in answer.text and "Send it again" in answer.text


def test_it_is_said_what_it_means_that_there_is_no_default_server(client: TestClient) -> None:
    shown = client.get("/settings/email-options").text
    assert '<option value="" selected>None: partitions without one of their own tell nobody</option>' in shown
