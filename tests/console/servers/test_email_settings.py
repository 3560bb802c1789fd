"""Viewing Email Server Settings: the two fields, the two tables, and how each server is."""

import re
from datetime import timedelta

from starlette.testclient import TestClient

from schemas.servers import ServerTestResult
from schemas.settings import Format
from schemas.topics import SETTINGS_CHANGES
from tests.console.servers.administration import AT, Administration, filled


def cells(text: str, part: str, element: str) -> str:
    """The words of one cell that changes by itself."""
    found = re.search(rf'<div id="{part}-{element}"[^>]*>(.*?)</div>', text, re.DOTALL)
    assert found, (part, element)
    return " ".join(re.sub(r"<[^>]*>", " ", found[1]).split())


def test_the_window_shows_both_fields_and_below_them_both_tables(client: TestClient) -> None:
    text = client.get("/email-settings").text
    places = [
        text.index(f">{word}<") for word in ("Default Format", "Outgoing Email Servers", "Incoming Email Servers")
    ]
    assert places == sorted(places)
    assert "Message Format per Analyst/User" in text
    for row in ("IT help desk", "HR desk", "it-outgoing", "hr-outgoing", "localhost:993", "localhost:110"):
        assert row in text
    assert 'aria-current="page">Email Settings' in text


def test_the_two_fields_are_saved_with_the_reason(client: TestClient, administration: Administration) -> None:
    form = filled(client.get("/email-settings").text, "/email-settings")
    assert (form["default_format"], form.pop("message_format_per_person")) == (["html"], ["yes"])
    answer = client.post("/email-settings", data={**form, "default_format": "text", "change_reason": "fewer pictures"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/email-settings")
    options = administration.current.settings.email_options()
    assert (options.default_format, options.message_format_per_person) == (Format.TEXT, False)
    assert options.default_outgoing_server == "it-outgoing"  # what is not on the page stays as it is
    [change] = administration.published(SETTINGS_CHANGES)
    assert (change.who, change.change_reason) == ("Ada", "fewer pictures")


def test_each_server_tells_its_state_last_success_error_and_backlog(
    client: TestClient, administration: Administration
) -> None:
    administration.tell("it-mailbox", "connected", last_success=AT, backlog=7)
    three_days_ago = AT - timedelta(days=3)
    administration.tell(
        "hr-mailbox", "authentication-refused", since=three_days_ago, last_error="refused by sasl-plain <b>"
    )
    for path in ("/email-settings", "/email-settings/rows"):
        text = client.get(path).text
        assert cells(text, "state", "incoming-it_2d_mailbox") == "Connected"
        assert cells(text, "backlog", "incoming-it_2d_mailbox") == "7"
        assert cells(text, "success", "incoming-it_2d_mailbox") == "29 Nov 2026, 08:00:00 UTC"
        trouble = cells(text, "state", "incoming-hr_2d_mailbox")
        assert "Log-in refused" in trouble and "since 26 Nov 2026, 08:00:00 UTC" in trouble
        assert "refused by SASL Plain Authentication &lt;b&gt;" in trouble
        assert "/email-settings/servers/incoming/hr-mailbox/update#f-password" in text  # log in again, in place


def test_what_is_not_known_to_work_is_marked(client: TestClient, administration: Administration) -> None:
    key = "incoming-server/it-mailbox"
    server = administration.setting(key)

    def mark() -> str:
        return cells(client.get("/email-settings").text, "state", "incoming-it_2d_mailbox")

    assert "saved untested" in mark()
    administration.tell("it-mailbox", "connected", last_success=AT)
    assert mark() == "Connected"
    administration.put(key, server, who="Bob")  # changed since
    assert "saved untested" in mark()
    administration.test_result(key, server, ok=False)
    assert "last test failed" in mark()
    administration.test_result(key, server, ok=True)
    assert mark() == "Connected"
    administration.put(key, server.model_copy(update={"host": "other.example"}), who="Bob")
    assert "saved untested" in mark()  # that test was of other settings
    administration.put(key, server.model_copy(update={"enabled": False}), who="Bob")
    assert mark() == "Switched off"


def test_a_record_of_a_newer_version_is_shown_as_such_and_cannot_be_changed(
    client: TestClient, administration: Administration
) -> None:
    administration.spoil("incoming-server/it-mailbox")
    administration.spoil("incoming-server/tomorrow")
    text = client.get("/email-settings").text
    assert "cannot be read by this version" in cells(text, "state", "incoming-it_2d_mailbox")
    assert "cannot be read by this version" in cells(text, "state", "incoming-tomorrow")
    for id_ in ("it-mailbox", "tomorrow"):
        page = client.get(f"/email-settings/servers/incoming/{id_}/update")
        assert "<form" not in page.text[page.text.index("<main") :]
        assert "A newer version has written its settings" in page.text


def test_a_server_is_selected_first_then_opened_updated_or_deleted(client: TestClient) -> None:
    for wanted, path in (("open", ""), ("update", "/update"), ("delete", "/delete")):
        chosen = {"server": "incoming/it-mailbox", "do": wanted}
        answer = client.get("/email-settings/choose", params=chosen)
        assert answer.headers["location"] == f"/email-settings/servers/incoming/it-mailbox{path}"
    answer = client.get("/email-settings/choose", params={"do": "update"})
    assert answer.headers["location"] == "/email-settings"
    assert "Select a server in the table first, then Update." in client.get("/email-settings").text


def test_open_shows_every_setting_and_no_secret(client: TestClient, administration: Administration) -> None:
    text = client.get("/email-settings/servers/incoming/it-mailbox").text
    assert "Email Server Details: IT help desk" in text
    assert re.findall(r"<dd>(.*?)</dd>", text)[:2] == ["IMAP", "localhost:993"]  # as it was selected and typed
    for words in ("it@desk.example", "Standard Authentication", "it-by-mail", "Default Logging Analyst"):
        assert words in text
    assert "MAILCALL_DEMO_PASSWORD" not in text
    assert client.get("/email-settings/servers/incoming/gone").status_code == 404
    assert client.get("/email-settings/servers/outgoing/it-mailbox").status_code == 404


def test_what_is_shown_while_the_broker_is_away_says_how_old_it_is(
    client: TestClient, administration: Administration
) -> None:
    administration.freshness = type(administration.freshness)(ready=True, stale_since=AT)
    assert "not newer than 29 Nov 2026, 08:00:00 UTC" in client.get("/email-settings").text


def test_a_test_result_tells_the_list_nothing_of_the_mail(administration: Administration, client: TestClient) -> None:
    result = ServerTestResult(test_id="t", ok=True, steps=(), message="private", server="incoming-server/it-mailbox")
    administration.report(result)
    assert "private" not in client.get("/email-settings").text


def test_options_that_somebody_has_changed_meanwhile_are_not_overwritten(
    client: TestClient, administration: Administration
) -> None:
    form = filled(client.get("/email-settings").text, "/email-settings", default_format="text")
    key = "email-options/email-options"
    theirs = administration.setting(key).model_copy(update={"token_days": 9})
    administration.put(key, theirs, who="Bob")
    refused = client.post("/email-settings", data=form)
    assert (refused.status_code, "by Bob" in refused.text) == (422, True)
    assert administration.setting(key) == theirs
    again = filled(refused.text, "/email-settings")
    assert again["default_format"] == ["text"]  # kept
    assert client.post("/email-settings", data=again).status_code == 303
    assert administration.setting(key) == theirs.model_copy(update={"default_format": Format.TEXT})


def test_a_change_reason_is_asked_for_where_it_is_required(client: TestClient, administration: Administration) -> None:
    key = "email-options/email-options"
    administration.put(key, administration.setting(key).model_copy(update={"change_reason_required": True}))
    form = filled(client.get("/email-settings").text, "/email-settings", default_format="text")
    refused = client.post("/email-settings", data=form)
    assert refused.status_code == 422
    assert '<a href="#f-change_reason">' in refused.text
    assert client.post("/email-settings", data={**form, "change_reason": "fewer pictures"}).status_code == 303


def test_what_is_managed_in_a_file_says_so(client: TestClient, administration: Administration) -> None:
    key = "incoming-server/it-mailbox"
    administration.put(key, administration.setting(key), managed_by="desk.yaml")
    assert "managed in desk.yaml" in client.get("/email-settings").text
    assert "managed in desk.yaml" in client.get("/email-settings/servers/incoming/it-mailbox").text
