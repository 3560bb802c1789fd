"""Testing a MAPI profile's log-in: as its form shows it, nothing saved; a saved secret goes nowhere else."""

from html import unescape

import pytest
from starlette.testclient import TestClient

from schemas.servers import ServerTest, ServerTestResult
from schemas.servers import TestStep as Step  # by its own name pytest would collect it
from schemas.settings import MapiProfile, Secret
from tests.console.servers.administration import CANARY, Administration, filled

ADD = "/settings/add-mapi-profile"
UPDATE = "/settings/mapi-profiles/exchange/update"
SAVED = "/settings/mapi-profiles/exchange/test"
SHOWN = "/settings/mapi-profile-test"
STORED = MapiProfile(
    id="exchange",
    name="Exchange Online",
    transport="graph",
    tenant="desk.example",
    client_id="app",
    client_secret=Secret(env="APPLICATION_SECRET"),
)
EWS = {
    "id": "own", "transport": "ews", "authentication": "ntlm", "url": "https://mail.desk.example/EWS/Exchange.asmx",
    "username": "DESK\\it", "password__secret": CANARY,
}  # fmt: skip


def fine(test: ServerTest) -> ServerTestResult:
    steps = (Step(step="log in", ok=True, status="a token for graph.microsoft.com was given"),)
    return ServerTestResult(test_id=test.test_id, ok=True, steps=steps)


@pytest.fixture(autouse=True)
def _stored(administration: Administration) -> None:
    administration.put("mapi-profile/exchange", STORED)
    administration.messages.clear()
    administration.answer = fine


def press_test(client: TestClient, form: str, of: str = "", **changes: str) -> str:
    """What the new tab shows, once Test was selected in a form with these fields typed over."""
    text = client.get(form).text
    where = f"{SHOWN}?of={of}" if of else SHOWN
    assert f'formaction="{where}" formtarget="_blank"' in text
    answer = client.post(where, data=filled(text, form, **changes))
    return unescape(client.get(answer.headers["location"]).text if answer.status_code == 303 else answer.text)


def test_a_new_profile_is_tested_as_it_is_shown_and_not_saved(
    client: TestClient, administration: Administration
) -> None:
    shown = press_test(client, ADD, test_mailbox=" it@desk.example ", **EWS)
    [test] = administration.tests
    assert test.profile is not None and (test.profile.id, test.mailbox) == ("own", "it@desk.example")
    assert administration.revealed(test.profile.password) == CANARY
    assert "The test passed" in shown and "a token for graph.microsoft.com was given" in shown
    assert "it@desk.example" in shown and CANARY not in shown
    assert administration.setting("mapi-profile/own") is None


def test_a_saved_secret_is_used_where_it_goes_where_it_goes_now_and_nowhere_else(
    client: TestClient, administration: Administration
) -> None:
    assert "The test passed" in press_test(client, UPDATE, "exchange", timeout_seconds="7")
    [test] = administration.tests
    assert test.profile == STORED.model_copy(update={"timeout_seconds": 7}) and test.mailbox == ""
    refused = press_test(client, UPDATE, "exchange", tenant="elsewhere.example")
    assert "Client secret: Enter it again, since this has changed: Directory (tenant)." in refused
    assert len(administration.tests) == 1
    press_test(client, UPDATE, "exchange", tenant="elsewhere.example", client_secret__secret=CANARY)
    moved = administration.tests[-1].profile
    assert moved is not None and administration.revealed(moved.client_secret) == CANARY
    assert administration.setting("mapi-profile/exchange") == STORED


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"test_mailbox": ""}, "Mailbox: Exchange Web Services are logged in to at a mailbox"),
        ({"test_mailbox": "no address"}, "Mailbox: "),
        ({"test_mailbox": "it@desk.example", "url": "ftp://x"}, "It is not an https address"),
        ({"test_mailbox": "it@desk.example", "id": ""}, "Id: It is missing"),
    ],
)
def test_what_cannot_be_tested_is_told_and_nothing_is_asked(
    client: TestClient, administration: Administration, changes: dict[str, str], told: str
) -> None:
    shown = press_test(client, ADD, **{**EWS, **changes})
    assert told in shown and "There is a problem" in shown
    assert "Not tested yet." in shown
    assert administration.tests == []


def test_a_saved_profile_is_tested_and_the_mailbox_stays_typed(
    client: TestClient, administration: Administration
) -> None:
    assert f'href="{SAVED}"' in client.get("/settings/mapi-profiles/exchange").text
    assert client.post(SAVED, data={"mailbox": "a b"}).status_code == 422
    answer = client.post(SAVED, data={"mailbox": "it@desk.example"})
    shown = client.get(answer.headers["location"]).text
    [test] = administration.tests
    assert (test.profile, test.mailbox) == (STORED, "it@desk.example")
    assert "The test passed" in shown and 'value="it@desk.example"' in shown
    assert client.get("/settings/mapi-profiles/gone/test").status_code == 404
    assert client.get(SHOWN).headers["location"] == "/settings/mapi-profiles"


def test_where_nobody_answers_it_is_waited_for(client: TestClient, administration: Administration) -> None:
    administration.answer = None
    answer = client.post(SAVED, data={"mailbox": ""})
    assert "Testing" in client.get(answer.headers["location"]).text
