"""What a page of trouble says, what it keeps of what was typed, and what it never shows."""

import httpx
import pytest
from prometheus_client import REGISTRY
from starlette.exceptions import HTTPException

from console.errors import Problem, UserError
from console.web import home
from console.web.error_pages import is_secret
from runtime.kafka.topic_reader import TopicMissingError
from runtime.outages import OutageError
from runtime.security.redaction import HIDDEN, remember
from schemas.reasons import Reason
from tests.console.web import raising
from tests.console.web.signed_in import browser, window

AWAY = OutageError(Reason.DATABASE_AWAY, "the database cannot be reached: connection refused")
TYPED = {
    "host": "mail.example\n  </textarea><script>alert(1)</script>",
    "password": "canary-1",
    "oauth.client_secret.secret": "canary-2",
    "new_password": "canary-3",
    "token": "canary-4",
    "oauth.token_url": "https://login.example/token",
}


def answer_to(error: Exception, method: str = "POST", data: dict[str, str] | None = None) -> httpx.Response:
    app = window(error, subjects=(home, raising))
    response: httpx.Response = browser(app).request(method, "/raising?of=it", data=data)
    return response


def test_what_was_typed_is_kept_in_an_outage_but_for_secrets() -> None:
    answer = answer_to(AWAY, data=TYPED)
    assert answer.status_code == 503
    assert "The database is away" in answer.text and AWAY.remedy in answer.text
    assert "https://login.example/token" in answer.text and "&lt;/textarea&gt;" in answer.text
    assert 'action="/raising?of=it"' in answer.text
    assert "canary" not in answer.text and "<script>alert" not in answer.text


def test_a_page_that_was_only_looked_at_is_not_sent_again() -> None:
    assert "Send it again" not in answer_to(AWAY, "GET").text


@pytest.mark.parametrize(
    ("error", "status", "told"),
    [
        (TopicMissingError("the topic mailcall.settings does not exist"), 503, "mailcall topics create"),
        (UserError("there is no server it", "choose another"), 409, "There is no server it."),
        (UserError.of((Problem("a is wrong", key="k"), Problem("b is wrong"))), 409, "b is wrong"),
        (HTTPException(404), 404, "There is no such page"),
        (HTTPException(413, "too much"), 413, "too much"),
        (ZeroDivisionError("canary"), 500, "under the reference"),
    ],
)
def test_each_kind_of_trouble_is_told_in_our_words_and_measured(error: Exception, status: int, told: str) -> None:
    labels = {"page": "raising", "status": f"{status // 100}xx"}
    before = REGISTRY.get_sample_value("mailcall_window_page_seconds_count", labels) or 0
    answer = answer_to(error)
    assert answer.status_code == status and told in answer.text
    assert "canary" not in answer.text and "Traceback" not in answer.text
    assert REGISTRY.get_sample_value("mailcall_window_page_seconds_count", labels) == before + 1


@pytest.mark.parametrize(
    ("field", "secret"),
    [("password.secret", True), ("Password", True), ("passwd", True), ("token", True), ("oauth.token_url", False)],
)
def test_fields_that_hold_secrets_are_known_by_their_names(field: str, secret: bool) -> None:
    assert is_secret(field) is secret


@pytest.mark.parametrize(
    "error",
    [
        OutageError(Reason.BROKER_AWAY, "the broker refuses canary-of-a-broker: no such user"),
        UserError("the server says 535 canary-of-a-broker is wrong", "try another"),
        TopicMissingError("the topic canary-of-a-broker.settings does not exist"),
    ],
)
def test_a_secret_that_was_opened_is_in_no_text_whoever_wrote_it(error: Exception) -> None:
    remember("canary-of-a-broker")
    answer = answer_to(error)
    assert answer.status_code in (409, 503) and "canary" not in answer.text
    assert HIDDEN in answer.text
