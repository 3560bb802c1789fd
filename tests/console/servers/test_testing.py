"""Testing Outgoing and Incoming Email Settings: on what is shown, saved or not; each step apart; never endlessly."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from starlette.testclient import TestClient

from console.access.rights import Identity, Right
from console.servers import test_runs as test_status
from console.servers.test_runs import PER_ACCOUNT
from schemas.servers import ServerTest, ServerTestResult
from schemas.servers import TestStep as Step  # by its own name pytest would collect it
from schemas.settings import IncomingServer, OutgoingServer
from tests.console.servers.administration import CANARY, Administration, filled

OUTGOING = "/email-settings/servers/outgoing/it-outgoing/update"
INCOMING = "/email-settings/servers/incoming/it-mailbox/update"
TEST = "/email-settings/test"
REVIEW = "/email-settings/review"
TYPED = {"to": "ann@example.org", "cc": "", "bcc": "", "subject": "", "message": ""}


def fine(test: ServerTest) -> ServerTestResult:
    steps = (
        Step(step="connect", ok=True, status="connected to imap.example:993, TLS 1.3"),
        Step(step="log in", ok=True, status="logged in as it@desk.example"),
    )
    mail = {"sender": "Ursula <ursula@example.com>", "subject": "Hello", "message": "<script>alert(1)</script>"}
    return ServerTestResult(test_id=test.test_id, ok=True, steps=steps, **mail)


def refused(test: ServerTest) -> ServerTestResult:
    steps = (
        Step(step="connect", ok=True, status="connected"),
        Step(step="log in", ok=False, status="535 authentication failed: check username and password"),
    )
    return ServerTestResult(test_id=test.test_id, ok=False, steps=steps)


def shown(client: TestClient, path: str, **changes: str) -> Any:
    """Selects Test in the details, with these fields typed over."""
    return client.post(path, data={**filled(client.get(path).text, path, **changes), "do": "test"})


def ok(client: TestClient, typed: dict[str, str], path: str = TEST) -> Any:
    """Selects OK, and follows to where the Status is."""
    answer = client.post(path, data=typed)
    return client.get(answer.headers["location"]) if answer.status_code == 303 else answer


def test_an_outgoing_server_is_tested_as_it_is_shown_and_not_saved(
    client: TestClient, administration: Administration
) -> None:
    administration.answer = refused
    before = administration.setting("outgoing-server/it-outgoing")
    changed = {"port": "2525", "password__secret": CANARY}
    assert shown(client, OUTGOING, **changed).headers["location"] == TEST
    window = client.get(TEST).text
    labels = re.findall(r'<label for="f-\w+">([\w ]+)', window)
    assert [label.strip() for label in labels] == ["To Address", "CC", "BCC", "Subject", "Message"]
    assert ">OK</button>" in window and ">Status</h2>" in window
    typed = {"to": "ann@example.org", "cc": "bob@example.org, cid@example.org", "bcc": "dee@example.org"}
    answer = ok(client, {**typed, "subject": "Hello", "message": "Does it\r\narrive?"})

    [test] = administration.tests
    assert isinstance(test.server, OutgoingServer)
    assert (test.server.port, administration.revealed(test.server.password)) == (2525, CANARY)
    assert (test.to, test.cc, test.bcc) == (
        ("ann@example.org",), ("bob@example.org", "cid@example.org"), ("dee@example.org",),
    )  # fmt: skip
    assert (test.subject, test.message) == ("Hello", "Does it\narrive?")
    assert "The test failed" in answer.text
    assert "<strong>Log in</strong>" in answer.text
    assert answer.text.index('class="done"') < answer.text.index('class="failed"')
    assert "535 authentication failed: check username and password" in answer.text
    assert 'value="bob@example.org, cid@example.org"' in answer.text  # what was typed is still there
    assert administration.setting("outgoing-server/it-outgoing") == before
    assert 'value="2525"' in client.get(OUTGOING).text


def test_an_incoming_server_is_tested_and_the_mail_shown(client: TestClient, administration: Administration) -> None:
    administration.answer = fine
    shown(client, INCOMING, folder="Desk")
    assert "First send a message to this mailbox" in client.get(TEST).text
    answer = ok(client, {"marker": "Printer 4711"})
    [test] = administration.tests
    assert isinstance(test.server, IncomingServer)
    assert (test.server.folder, test.marker) == ("Desk", "Printer 4711")
    for words in ("The test passed", "Ursula &lt;ursula@example.com&gt;", "Hello", "&lt;script&gt;alert(1)"):
        assert words in answer.text
    assert "<script>alert" not in answer.text


def test_a_server_that_is_not_there_yet_is_tested(client: TestClient, administration: Administration) -> None:
    administration.answer = fine
    path = "/email-settings/new/smtp"
    typed = {"id": "relay", "host": "smtp.example.org", "authentication": "none", "from_address": "it@example.org"}
    client.post(path, data={**filled(client.get(path).text, path), **typed, "do": "test"})
    assert "The test passed" in ok(client, TYPED).text
    assert administration.tests[0].server == OutgoingServer.model_validate(typed)
    assert administration.setting("outgoing-server/relay") is None


def test_a_test_that_has_just_passed_is_known_to_the_review_before_the_view_hears_of_it(
    client: TestClient, administration: Administration
) -> None:
    administration.answer = fine
    shown(client, OUTGOING, from_name="Desk")
    assert "The test passed" in ok(client, TYPED).text
    assert "were tested, and work" in client.get(REVIEW).text
    shown(client, OUTGOING, from_name="The desk")
    assert "have not been tested" in client.get(REVIEW).text
    administration.answer = refused
    assert "The test failed" in ok(client, TYPED).text
    assert "check username and password. They can be saved all the same" in client.get(REVIEW).text
    client.post(REVIEW, data={})
    assert len(administration.tests) == 2  # what was tested a moment ago is not looked at once more


def test_to_whom_the_mail_of_a_test_goes_is_typed_once(client: TestClient, administration: Administration) -> None:
    administration.answer = refused
    shown(client, OUTGOING)
    ok(client, TYPED)
    shown(client, OUTGOING, from_name="Desk")
    again = client.get(TEST).text
    assert 'value="ann@example.org"' in again
    assert "Not tested yet" in again
    client.post("/email-settings/close")
    shown(client, "/email-settings/servers/outgoing/hr-outgoing/update")
    assert 'value="ann@example.org"' not in client.get(TEST).text  # of another server


def test_a_server_is_tested_as_it_is_saved(client: TestClient, administration: Administration) -> None:
    administration.answer = fine
    path = "/email-settings/servers/incoming/it-mailbox/test"
    assert "as it is saved" in client.get(path).text
    assert "The test passed" in ok(client, {}, path).text
    assert administration.tests[0].server == administration.setting("incoming-server/it-mailbox")
    assert client.get("/email-settings/new/imap").status_code == 200  # nothing is open by it


def test_details_that_are_wrong_are_not_tested(client: TestClient, administration: Administration) -> None:
    assert shown(client, OUTGOING, port="x").status_code == 422
    assert client.post(TEST, data=TYPED).status_code == 422
    assert administration.tests == []


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"to": ""}, "f-to"),
        ({"to": "no address"}, "f-to"),
        ({"to": "a@b.example\r\nRCPT TO:<x@y.example>"}, "f-to"),
        ({"bcc": "a@@b"}, "f-bcc"),
        ({"cc": " ".join(f"a{number}@example.org" for number in range(21))}, "f-cc"),
        ({"subject": "S" * 501}, "f-subject"),
        ({"subject": "one\ntwo"}, "f-subject"),
        ({"message": "M" * 20_001}, "f-message"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_is_wrong_in_the_test_window_is_told_at_its_field(
    client: TestClient, administration: Administration, typed: dict[str, str], field: str
) -> None:
    shown(client, OUTGOING)
    answer = client.post(TEST, data={**TYPED, **typed})
    assert answer.status_code == 422
    assert f'<a href="#{field}">' in answer.text
    assert administration.tests == []


def test_while_nobody_has_answered_it_says_testing_and_after_a_while_that_nobody_does(
    client: TestClient, administration: Administration, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown(client, OUTGOING)
    location = client.post(TEST, data=TYPED).headers["location"]
    waiting = client.get(location).text
    assert "Testing" in waiting and '<noscript><meta http-equiv="refresh"' in waiting
    monkeypatch.setattr(test_status, "datetime", Later)
    silent = client.get(location).text
    assert "no outbound process has answered" in silent and "http-equiv" not in silent
    [test] = administration.tests
    administration.expect(test.test_id).set_result(fine(test))
    assert "The test passed" in client.get(location).text  # late is better than never


class Later(datetime):
    """Two minutes from now."""

    @classmethod
    def now(cls, tz: Any = None) -> Any:
        return datetime.now(tz or UTC) + timedelta(minutes=2)


def test_while_the_broker_is_away_nothing_is_tested_and_what_was_typed_is_kept(
    client: TestClient, administration: Administration
) -> None:
    shown(client, OUTGOING)
    administration.away = True
    answer = client.post(TEST, data={**TYPED, "subject": "Typed once"})
    assert answer.status_code in (422, 503)
    assert "Nothing was tested" in answer.text and "Typed once" in answer.text


def test_an_account_can_start_only_so_many_tests_a_minute(client: TestClient, administration: Administration) -> None:
    administration.answer = fine
    shown(client, OUTGOING)
    answers = [client.post(TEST, data=TYPED).status_code for _ in range(PER_ACCOUNT.amount + 1)]
    assert answers == [303] * PER_ACCOUNT.amount + [422]
    assert len(administration.tests) == PER_ACCOUNT.amount
    assert "wait a little" in client.post(TEST, data=TYPED).text
    bob = administration.browser(Identity("2", "Bob", frozenset(Right)))
    assert bob.post("/email-settings/servers/outgoing/it-outgoing/test", data=TYPED).status_code == 303


def test_nobody_sees_the_mail_that_anothers_test_has_found(client: TestClient, administration: Administration) -> None:
    administration.answer = fine
    path = "/email-settings/servers/incoming/it-mailbox/test"
    location = client.post(path, data={}).headers["location"]
    run = location.partition("run=")[2]
    assert "Ursula" in client.get(location).text
    bob = administration.browser(Identity("2", "Bob", frozenset(Right)))
    for where in (location, f"/email-settings/test/status?run={run}"):
        assert "Ursula" not in bob.get(where).text


def test_the_status_alone_is_answered_for_a_page_that_waits(client: TestClient, administration: Administration) -> None:
    path = "/email-settings/servers/outgoing/it-outgoing/test"
    location = client.post(path, data=TYPED).headers["location"]
    status = f"/email-settings/test/status?run={location.partition('run=')[2]}"
    assert "Testing" in client.get(status).text
    [test] = administration.tests
    administration.expect(test.test_id).set_result(refused(test))
    done = client.get(status).text
    assert "The test failed" in done and "Testing" not in done and "<html" not in done
