"""Adding and updating an email server: the details, what is wrong with them, and that nothing typed is ever lost."""

import re
from typing import Any

import pytest
from starlette.testclient import TestClient

from console.access.rights import Identity, Right
from schemas.settings import IncomingServer, OutgoingServer
from schemas.topics import SETTINGS, SETTINGS_CHANGES
from tests.console.servers.administration import CANARY, Administration, filled

NEW = "/email-settings/new/imap"
UPDATE = "/email-settings/servers/incoming/it-mailbox/update"
REVIEW = "/email-settings/review"
SERVER = {
    "id": "support",
    "name": "Support",
    "host": "imap.example.org",
    "username": "support@example.org",
    "password.secret": CANARY,
    "call_template": "it-by-mail",
    "default_logging_analyst": "ida",
}


def post(client: TestClient, path: str, do: str = "save", **changes: str) -> Any:
    """The form of the page with these typed over."""
    return client.post(path, data={**filled(client.get(path).text, path, **changes), "do": do})


def add(client: TestClient, path: str = NEW, **changes: str) -> Any:
    return client.post(path, data={**filled(client.get(path).text, path), **SERVER, "do": "save", **changes})


def errors(text: str) -> dict[str, str]:
    """The error summary: text by the field that it leads to."""
    summary = text[text.index("error-summary") : text.index('<div class="heading">')]
    return dict(re.findall(r'<a href="#([^"]+)">([^<]+)</a>', summary))


# ---- adding ----


def test_it_is_said_that_a_password_may_be_typed(client: TestClient) -> None:
    text = client.get(NEW).text
    assert "It is sealed as soon as it is sent" in text
    assert "never in clear" not in text


def test_no_authentication_is_reviewed_as_it_is_chosen(client: TestClient) -> None:
    post(client, "/email-settings/servers/outgoing/it-outgoing/update", authentication="none")
    assert "(No authentication)" in client.get(REVIEW).text


def reviewed(text: str) -> dict[str, str]:
    """Value by field of a new server's review."""
    return dict(re.findall(r'<tr><th scope="row">([^<]+)</th><td data-label="Value">([^<]*)</td>', text))


def test_the_review_of_a_new_server_tells_what_was_typed_also_where_it_is_as_usual(client: TestClient) -> None:
    assert add(client, host="localhost").headers["location"] == REVIEW
    told = reviewed(client.get(REVIEW).text)
    assert told["Server"] == "localhost"
    assert {"Name": "Support", "Email server type": "IMAP", "Password": "set"}.items() <= told.items()
    assert "Move to" not in told and "" not in told.values()


def test_the_review_has_what_was_chosen_in_the_words_that_were_chosen_and_a_name_as_it_is(client: TestClient) -> None:
    assert add(client, name="none").headers["location"] == REVIEW
    told = reviewed(client.get(REVIEW).text)
    assert told["Name"] == "none"
    assert told["Default Logging Analyst"] == "Ida Ingram"
    assert told["Call Template"] == "it-by-mail (partition IT)"


def test_the_details_that_are_read_name_the_analyst(client: TestClient) -> None:
    text = client.get("/email-settings/servers/incoming/it-mailbox").text
    assert re.search(r"<dt>Default Logging Analyst</dt><dd><span[^>]*>Ida Ingram</span>", text)
    assert "it-by-mail (partition IT)" in text


def test_the_type_is_selected_from_a_list_and_the_fields_follow_it(client: TestClient) -> None:
    for direction, types in (("incoming", ["IMAP", "POP3", "MAPI", "Folder of files"]), ("outgoing", ["SMTP", "MAPI"])):
        text = client.get(f"/email-settings/add/{direction}").text
        assert "Select an email server type" in text
        assert re.findall(r"<option value=\"[\w-]+\"[^>]*>([^<]+)", text) == types
    again = client.get("/email-settings/add/incoming", params={"type": ""})
    assert (again.status_code, errors(again.text)) == (
        422, {"f-type": "Select an email server type from the drop-down list."},
    )  # fmt: skip
    chosen = client.get("/email-settings/add/incoming", params={"type": "pop3"})
    assert chosen.headers["location"] == "/email-settings/new/pop3"
    of_pop3, of_smtp = (client.get(f"/email-settings/new/{one}").text for one in ("pop3", "smtp"))
    assert 'name="folder"' not in of_pop3 and 'name="folder"' in client.get(NEW).text
    assert 'name="from_address"' in of_smtp and 'name="call_template"' not in of_smtp
    assert client.get("/email-settings/add/sideways").status_code == 404
    assert client.get("/email-settings/new/exchange").status_code == 404


def test_only_the_methods_of_the_type_can_be_chosen_and_the_others_say_why(client: TestClient) -> None:
    of_smtp = client.get("/email-settings/new/smtp").text
    assert re.search(r'<option value="apop" disabled>APOP Authentication – [^<]*does not go with SMTP', of_smtp)
    assert re.search(r'<option value="sasl-plain">SASL Plain Authentication</option>', of_smtp)
    assert re.search(r'<option value="apop">', client.get("/email-settings/new/pop3").text)
    assert "It is not secure but is widely supported. Passwords are transmitted as Base64 strings." in of_smtp


def test_a_server_is_added_with_its_password_sealed_and_the_change_reason(
    client: TestClient, administration: Administration
) -> None:
    assert add(client).headers["location"] == REVIEW
    review = client.get(REVIEW).text
    assert "imap.example.org" in review and CANARY not in review
    saved = client.post(REVIEW, data={"change_reason": "new department"})
    assert saved.headers["location"] == "/email-settings"
    assert "Support is saved." in client.get("/email-settings").text
    server = administration.setting("incoming-server/support")
    assert isinstance(server, IncomingServer)
    assert (server.host, server.protocol, server.default_logging_analyst) == ("imap.example.org", "imap", "ida")
    assert administration.revealed(server.password) == CANARY
    [change] = administration.published(SETTINGS_CHANGES)
    assert (change.who, change.change_reason) == ("Ada", "new department")
    assert CANARY not in "".join(str(message.value) for message in administration.messages)


def test_an_outgoing_server_is_added(client: TestClient, administration: Administration) -> None:
    path = "/email-settings/new/smtp"
    typed = {"id": "relay", "host": "smtp.example.org", "authentication": "none", "from_address": "it@example.org"}
    answer = client.post(path, data={**filled(client.get(path).text, path), **typed, "do": "save"})
    assert answer.headers["location"] == REVIEW
    client.post(REVIEW, data={})
    server = administration.setting("outgoing-server/relay")
    assert isinstance(server, OutgoingServer) and server.from_address == "it@example.org"


def test_everything_that_is_wrong_is_told_at_once_at_its_field_and_what_was_typed_is_kept(
    client: TestClient, administration: Administration
) -> None:
    wrong = {"id": "it mailbox", "host": "", "port": "70000", "poll_seconds": "soon", "name": "N" * 10_000}
    answer = add(client, **wrong)
    assert answer.status_code == 422
    assert {"f-id", "f-port", "f-poll_seconds", "f-name"} <= set(errors(answer.text))
    assert "<title>Error: " in answer.text
    assert 'value="it mailbox"' in answer.text and "N" * 10_000 in answer.text
    assert CANARY not in answer.text
    for field, text in errors(answer.text).items():
        assert answer.text.count(text) >= 2, field  # the same words as beside the field
    assert administration.messages == []


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"id": "it-outgoing"}, "f-id"),
        ({"authentication": "sasl-xoauth2"}, "f-oauth-token_url"),
        ({"trust": "mark"}, "f-authserv_id"),
        ({"after_fetch": "move"}, "f-move_to"),
        ({"security": "none"}, "f-security"),
        ({"default_logging_analyst": "nobody at all"}, "f-default_logging_analyst"),
        ({"default_logging_analyst": "ursula"}, "f-default_logging_analyst"),
        ({"call_template": "gone"}, "f-call_template"),
        ({"username": ""}, "f-username"),
        ({"host": " "}, "f-host"),
        ({"password.secret": "two\nlines"}, "f-password"),
    ],
    ids=lambda value: str(value),
)
def test_what_does_not_fit_together_is_told_at_its_field(client: TestClient, typed: dict[str, str], field: str) -> None:
    answer = add(client, **typed)
    assert answer.status_code == 422
    assert field in errors(answer.text), answer.text[answer.text.index("error-summary") :][:900]


def test_what_is_about_two_fields_is_told_once_and_in_the_words_of_the_page(client: TestClient) -> None:
    told = errors(add(client, authentication="sasl-plain", username="", **{"password.secret": ""}).text)
    [text] = told.values()
    assert text.startswith("SASL Plain Authentication needs user name and password.") and "docs/" not in text


# ---- updating ----


def test_a_server_is_updated_and_what_is_not_changed_stays(client: TestClient, administration: Administration) -> None:
    before = administration.setting("incoming-server/it-mailbox")
    assert post(client, UPDATE, poll_seconds="30").headers["location"] == REVIEW
    review = client.get(REVIEW).text
    assert "Look every so many seconds" in review and "<del>5</del>" in review and "<ins>30</ins>" in review
    assert review.count("<del>") == 1
    client.post(REVIEW, data={"change_reason": "too many questions"})
    after = administration.setting("incoming-server/it-mailbox")
    assert after == before.model_copy(update={"poll_seconds": 30})


def test_nothing_is_saved_where_nothing_was_changed(client: TestClient, administration: Administration) -> None:
    post(client, UPDATE)
    assert "Nothing differs from what is saved." in client.get(REVIEW).text
    client.post(REVIEW, data={})
    assert administration.published(SETTINGS) == []


def test_a_new_password_is_shown_as_changed_and_only_so(client: TestClient, administration: Administration) -> None:
    post(client, UPDATE, password__secret=CANARY)
    review = client.get(REVIEW).text
    assert re.search(r"Password</th><td[^>]*><del>set</del></td><td[^>]*><ins>changed</ins>", review)
    assert CANARY not in review + client.get(UPDATE).text
    client.post(REVIEW, data={})
    assert administration.revealed(administration.setting("incoming-server/it-mailbox").password) == CANARY


@pytest.mark.parametrize(
    "elsewhere",
    [
        {"host": "evil.example"},
        {"port": "1993"},
        {"username": "other@desk.example"},
        {"security": "starttls"},
        {"ca_file": "/tmp/own.pem"},
    ],
    ids=lambda elsewhere: next(iter(elsewhere)),
)
@pytest.mark.parametrize("do", ["test", "save"])
def test_a_saved_password_is_never_sent_elsewhere(
    client: TestClient, administration: Administration, elsewhere: dict[str, str], do: str
) -> None:
    answer = post(client, UPDATE, do, **elsewhere)
    assert answer.status_code == 422
    assert "Enter it again" in errors(answer.text)["f-password"]
    assert client.get("/email-settings/test").status_code == 422  # nor behind the form's back
    assert client.post("/email-settings/test", data={}).status_code == 422
    assert client.post(REVIEW, data={}).status_code == 422
    assert administration.messages == []
    given = post(client, UPDATE, do, **elsewhere, password__secret=CANARY)
    assert given.status_code == 303


def test_a_pasted_password_with_a_blank_at_its_end_is_told_and_taken_as_it_is(
    client: TestClient, administration: Administration
) -> None:
    post(client, UPDATE, password__secret=CANARY + " ")
    assert "begins or ends with a blank" in client.get(REVIEW).text
    post(client, UPDATE, password__secret=CANARY)
    assert "begins or ends with a blank" not in client.get(REVIEW).text
    post(client, UPDATE, password__secret=CANARY + " ")
    client.post(REVIEW, data={})
    assert administration.revealed(administration.setting("incoming-server/it-mailbox").password) == CANARY + " "


def test_a_window_without_a_key_says_that_it_can_keep_no_password(
    client: TestClient, administration: Administration
) -> None:
    administration.services.config.public_key_file = None
    answer = post(client, UPDATE, password__secret=CANARY)
    assert "no key to seal it with" in errors(answer.text)["f-password"]
    assert CANARY not in answer.text


def test_a_server_is_switched_off_and_on(client: TestClient, administration: Administration) -> None:
    form = filled(client.get(UPDATE).text, UPDATE)
    assert form.pop("enabled") == ["yes"]
    client.post(UPDATE, data={**form, "do": "save"})
    client.post(REVIEW, data={})
    assert administration.setting("incoming-server/it-mailbox").enabled is False
    post(client, UPDATE, enabled="yes")
    client.post(REVIEW, data={})
    assert administration.setting("incoming-server/it-mailbox").enabled is True


# ---- the Default Logging Analyst ----


def test_the_default_logging_analyst_is_found_by_part_of_a_name(client: TestClient) -> None:
    answer = post(client, UPDATE, "find", default_logging_analyst="both")
    assert answer.status_code == 200
    assert 'value="beate"' in answer.text and "Beate Both" in answer.text


def test_several_that_are_found_are_offered_to_choose_from(client: TestClient, administration: Administration) -> None:
    answer = post(client, UPDATE, default_logging_analyst="desk.example")
    assert "Several Analysts are found" in errors(answer.text)["f-default_logging_analyst"]
    offered = re.findall(r'name="default_logging_analyst.pick" value="(\w+)"', answer.text)
    assert sorted(offered) == ["alan", "beate", "henry", "ida"]  # Analysts alone
    chosen = {**filled(answer.text, UPDATE), "default_logging_analyst.pick": "alan", "do": "save"}
    assert client.post(UPDATE, data=chosen).headers["location"] == REVIEW
    client.post(REVIEW, data={})
    assert administration.setting("incoming-server/it-mailbox").default_logging_analyst == "alan"


def test_the_review_calls_both_analysts_by_their_names(client: TestClient) -> None:
    post(client, UPDATE, default_logging_analyst="alan")
    review = client.get(REVIEW).text
    names = [re.search(rf"<{tag}>([^<]+)</{tag}>", review) for tag in ("del", "ins")]
    assert all(found and " " in found[1] for found in names), names  # a first and a last name, and no id


def test_the_table_of_use_linked_analyst_stands_beside_it(client: TestClient) -> None:
    text = client.get(UPDATE).text
    assert text.index('name="use_linked_analyst"') < text.index("Person sending call")
    assert "The logging Analyst is the person sending the email." in text


# ---- one server's details at a time, and nothing is lost ----


def test_details_of_another_server_are_closed_first(client: TestClient) -> None:
    post(client, UPDATE, "keep", name="Half done")
    other = "/email-settings/servers/incoming/hr-mailbox/update"
    for path in (other, NEW, "/email-settings/add/outgoing"):
        answer = client.get(path)
        assert answer.status_code == 409
        assert "Half done" in answer.text and "not saved" in answer.text
    assert 'value="Half done"' in client.get(UPDATE).text  # still there
    assert "Half done" in client.get("/email-settings").text  # and the list says so
    assert client.get("/email-settings/details").headers["location"] == UPDATE
    client.post("/email-settings/close", data={})
    assert client.get(other).status_code == 200
    assert "Half done" not in client.get(UPDATE).text


def test_details_in_which_nothing_was_changed_are_closed_unasked(client: TestClient) -> None:
    post(client, UPDATE, "keep")
    assert client.get(NEW).status_code == 200
    assert post(client, UPDATE, "close").headers["location"] == "/email-settings"


def test_closing_with_changes_asks_first(client: TestClient) -> None:
    answer = post(client, UPDATE, "close", name="Half done")
    assert answer.status_code == 409
    assert "Discard the changes" in answer.text
    assert 'value="Half done"' in client.get(UPDATE).text


def test_a_password_that_was_typed_stays_while_the_rest_is_put_right(
    client: TestClient, administration: Administration
) -> None:
    assert post(client, UPDATE, port="x", password__secret=CANARY).status_code == 422
    assert post(client, UPDATE, port="").status_code == 303
    client.post(REVIEW, data={})
    assert administration.revealed(administration.setting("incoming-server/it-mailbox").password) == CANARY


def test_what_one_account_has_typed_no_other_sees(client: TestClient, administration: Administration) -> None:
    post(client, UPDATE, "keep", name="Half done", password__secret=CANARY)
    other = administration.browser(Identity("2", "Bob", frozenset(Right)))
    assert "Half done" not in other.get(UPDATE).text + other.get("/email-settings").text
    assert other.get(NEW).status_code == 200
    assert other.get(REVIEW).headers["location"] == "/email-settings"


# ---- two administrators, and trouble ----


def test_somebody_elses_change_meanwhile_is_told_and_neither_is_lost(
    client: TestClient, administration: Administration
) -> None:
    key = "incoming-server/it-mailbox"
    post(client, UPDATE, "keep", poll_seconds="30", name="Ours")
    theirs = administration.setting(key).model_copy(update={"name": "Theirs", "folder": "Desk"})
    administration.put(key, theirs, who="Bob")
    refused = client.post(REVIEW, data={"change_reason": "mine"})
    assert refused.status_code == 409
    for words in ("Bob", "Folder", "<ins>Desk</ins>", "<ins>Theirs</ins>", "<ins>30</ins>"):
        assert words in refused.text
    assert administration.setting(key) == theirs
    client.post(REVIEW, data={"rebase": "yes"})
    review = client.get(REVIEW)
    assert review.status_code == 200 and "<ins>30</ins>" in review.text and "<ins>Ours</ins>" in review.text
    client.post(REVIEW, data={})
    assert administration.setting(key) == theirs.model_copy(update={"poll_seconds": 30, "name": "Ours"})


def test_a_server_that_was_deleted_meanwhile_is_not_saved(client: TestClient, administration: Administration) -> None:
    post(client, UPDATE, poll_seconds="30")
    administration.remove("incoming-server/it-mailbox")
    answer = client.post(REVIEW, data={})
    assert (answer.status_code, "deleted meanwhile" in answer.text) == (422, True)
    assert administration.setting("incoming-server/it-mailbox") is None


def test_while_the_broker_is_away_nothing_is_saved_and_nothing_is_lost(
    client: TestClient, administration: Administration
) -> None:
    post(client, UPDATE, poll_seconds="30")
    administration.away = True
    answer = client.post(REVIEW, data={"change_reason": "typed once"})
    assert answer.status_code in (422, 503)
    assert "Nothing was saved" in answer.text and "typed once" in answer.text
    administration.away = False
    assert client.post(REVIEW, data={"change_reason": "typed once"}).status_code == 303
    assert administration.setting("incoming-server/it-mailbox").poll_seconds == 30


def test_a_server_is_saved_although_its_test_failed_and_the_review_says_so(
    client: TestClient, administration: Administration
) -> None:
    post(client, UPDATE, poll_seconds="30")
    assert "have not been tested" in client.get(REVIEW).text
    after = administration.setting("incoming-server/it-mailbox").model_copy(update={"poll_seconds": 30})
    administration.test_result("incoming-server/it-mailbox", after, ok=False)
    assert "last test of these settings failed" in client.get(REVIEW).text
    client.post(REVIEW, data={})
    assert administration.setting("incoming-server/it-mailbox") == after
    assert "last test failed" in client.get("/email-settings").text


def test_after_saving_the_process_that_uses_the_server_looks_at_it(
    client: TestClient, administration: Administration
) -> None:
    post(client, UPDATE, poll_seconds="30")
    client.post(REVIEW, data={})
    [look] = administration.tests
    assert (look.server, look.to) == (administration.setting("incoming-server/it-mailbox"), ())


def test_only_system_set_up_may(administration: Administration) -> None:
    client = administration.browser(Identity("2", "Bob", frozenset(Right) - {Right.SYSTEM_SET_UP}))
    for path in ("/email-settings", NEW, UPDATE, REVIEW, "/email-settings/test", "/email-settings/rows"):
        assert client.get(path).status_code == 403
    assert client.post(REVIEW, data={}).status_code == 403


def test_a_change_reason_is_asked_for_where_it_is_required(client: TestClient, administration: Administration) -> None:
    key = "email-options/email-options"
    administration.put(key, administration.setting(key).model_copy(update={"change_reason_required": True}))
    post(client, UPDATE, poll_seconds="30")
    refused = client.post(REVIEW, data={"change_reason": " "})
    assert refused.status_code == 422
    assert "A Change Reason is required" in errors(refused.text)["f-change_reason"]
    assert client.post(REVIEW, data={"change_reason": "too many questions"}).status_code == 303
    assert administration.setting("incoming-server/it-mailbox").poll_seconds == 30
