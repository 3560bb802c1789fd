"""Settings: what is wrong is refused with a sentence, and no refusal shows a secret."""

from typing import Any

import pytest
from pydantic import ValidationError

from schemas.persons import Person
from schemas.settings import EmailOptions, Format, IncomingServer, Partition
from schemas.topics import SETTINGS

assert SETTINGS.value is not None
SETTING = SETTINGS.value
INCOMING: dict[str, Any] = {
    "kind": "incoming-server", "id": "it", "protocol": "imap", "call_template": "t", "default_logging_analyst": "ida",
}  # fmt: skip
OUTGOING: dict[str, Any] = {"kind": "outgoing-server", "id": "out", "from_address": "it@desk.example"}
PROFILE: dict[str, Any] = {
    "kind": "mapi-profile", "id": "m", "transport": "graph", "tenant": "desk.example", "client_id": "app",
    "client_secret": {"env": "SECRET"},
}  # fmt: skip
EWS: dict[str, Any] = {
    "kind": "mapi-profile", "id": "m", "transport": "ews", "username": "CORP\\it", "password": {"env": "PASSWORD"},
    "url": "https://mail.example.org/EWS/Exchange.asmx",
}  # fmt: skip
TEMPLATE: dict[str, Any] = {"kind": "call-template", "id": "t", "impact": "I", "urgency": "U"}
PARTITION: dict[str, Any] = {
    "kind": "partition", "id": "it", "impacts": ["I"], "urgencies": ["U"], "priorities": ["P"],
    "priority_matrix": {"I": {"U": "P"}},
}  # fmt: skip


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        (TEMPLATE | {"body_to": ["subject"]}, "body_to: a text of many lines is no subject"),
        (TEMPLATE | {"body_to": []}, "at least 1 item"),
        (TEMPLATE | {"subject_to": ["a\nb"]}, "pattern"),
        (TEMPLATE | {"subject_to": [""]}, "at least 1 character"),
        (TEMPLATE | {"body_to": list("abcdef")}, "at most 5 items"),
        (INCOMING | {"after_fetch": "move"}, "move_to goes with after_fetch: move"),
        (INCOMING | {"move_to": "Done"}, "move_to goes with after_fetch: move"),
        (INCOMING | {"protocol": "pop3", "folder": "Other"}, "POP3 has one mailbox"),
        (INCOMING | {"protocol": "pop3", "after_fetch": "move", "move_to": "x"}, "POP3 has one mailbox"),
        (INCOMING | {"protocol": "exchange"}, "'imap', 'pop3', 'mapi' or 'folder'"),
        (INCOMING | {"protocol": "mapi"}, "profile and mailbox go with protocol: mapi"),
        (INCOMING | {"protocol": "mapi", "profile": "m"}, "profile and mailbox go with protocol: mapi"),
        (INCOMING | {"profile": "m", "mailbox": "it@desk.example"}, "profile and mailbox go with protocol: mapi"),
        (OUTGOING | {"protocol": "mapi", "mailbox": "it@desk.example"}, "profile and mailbox go with protocol: mapi"),
        (INCOMING | {"protocol": "mapi", "profile": "m", "mailbox": "it"}, "not an e-mail address"),
        (PROFILE | {"transport": "mapi"}, "'graph' or 'ews'"),
        (PROFILE | {"client_secret": None}, "proved by exactly one of client_secret, certificate, token_file"),
        (PROFILE | {"token_file": "/var/run/token"}, "proved by exactly one of client_secret, certificate, token_file"),
        (PROFILE | {"tenant": None}, "a log-in at a directory needs tenant"),
        (PROFILE | {"client_id": ""}, "a log-in at a directory needs client_id"),
        (PROFILE | {"username": "CORP\\it"}, "username goes with transport: ews"),
        (PROFILE | {"url": "https://mail.example.org/"}, "url goes with transport: ews"),
        (PROFILE | {"impersonation": True}, "impersonation goes with transport: ews"),
        (PROFILE | {"graph_url": "http://mail.example.org/"}, "pattern"),
        (PROFILE | {"client_secret": None, "certificate": {"env": "C"}, "secret_ends": "2027-01-01"}, "secret_ends is"),
        (EWS | {"password": None}, "basic and ntlm need password"),
        (EWS | {"username": None, "authentication": "basic"}, "basic and ntlm need username"),
        (EWS | {"url": None}, "basic, ntlm and oauth2 need url"),
        (EWS | {"authentication": "basic", "url": None}, "basic, ntlm and oauth2 need url"),
        (PROFILE | {"transport": "ews", "authentication": "oauth2"}, "basic, ntlm and oauth2 need url"),
        (EWS | {"authentication": "kerberos", "username": None}, "a password goes with a username"),
        (EWS | {"authentication": "oauth2"}, "proved by exactly one of client_secret, certificate, token_file"),
        (EWS | {"authentication": "oauth2", "managed_identity": True}, "username goes with transport: ews and another"),
        (EWS | {"tenant": "desk.example"}, "tenant goes with transport: graph, or transport: ews with authentication:"),
        (EWS | {"graph_url": "https://graph.example/"}, "graph_url goes with transport: graph"),
        (EWS | {"client_secret": {"env": "S"}}, "client_secret goes with transport: graph, or"),
        (INCOMING | {"port": 0}, "greater than or equal to 1"),
        (INCOMING | {"host": "a\r\nb"}, "pattern"),
        (INCOMING | {"id": "../x"}, "pattern"),
        (INCOMING | {"password": {"env": "A", "file": "B"}}, "exactly one of sealed, env or file"),
        (INCOMING | {"password": {}}, "exactly one of sealed, env or file"),
        (OUTGOING | {"from_address": "it"}, "not an e-mail address"),
        (OUTGOING | {"from_address": "it@a.example, hr@a.example"}, "more than one @; give each by itself"),
        (OUTGOING | {"from_name": "IT\nBcc: x@y"}, "pattern"),
        (OUTGOING | {"timeout_seconds": 0}, "greater than 0"),
        (PARTITION | {"impacts": ["I", "J"]}, "no priority for impact 'J', urgency 'U'"),
        (PARTITION | {"priorities": ["Q"]}, "none of the partition's priorities"),
        (PARTITION | {"impacts": []}, "at least 1 item"),
        ({"kind": "email-options", "default_format": "rtf"}, "'html' or 'text'"),
        ({"kind": "mapi-server", "id": "x"}, "does not match any of the expected tags"),
        ({"id": "x"}, "Unable to extract tag"),
    ],
)
def test_a_wrong_setting_is_refused_with_a_sentence(setting: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValidationError) as caught:
        SETTING.validate_python(setting)
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    "profile",
    [
        PROFILE,
        PROFILE | {"secret_ends": "2027-01-01", "cloud": "china", "graph_url": "https://graph.example/"},
        PROFILE | {"client_secret": None, "certificate": {"file": "/run/secrets/app.pem"}},
        PROFILE | {"client_secret": None, "token_file": "/var/run/token"},
        {"kind": "mapi-profile", "id": "m", "transport": "graph", "managed_identity": True},
        EWS,
        EWS | {"authentication": "basic", "impersonation": True},
        {"kind": "mapi-profile", "id": "m", "transport": "ews", "authentication": "kerberos"},
        PROFILE | {"transport": "ews", "authentication": "oauth2", "impersonation": True, "url": EWS["url"]},
    ],
)
def test_a_mapi_profile_says_how_it_is_logged_in_to(profile: dict[str, Any]) -> None:
    read = SETTING.validate_python(profile)
    assert read.logs_in_at_directory is ("username" not in profile and profile.get("authentication") != "kerberos")


def test_a_mapi_server_has_no_log_in_of_its_own() -> None:
    server = SETTING.validate_python(INCOMING | {"protocol": "mapi", "profile": "m", "mailbox": "it@desk.example"})
    assert (server.authentication, server.security, server.mailbox) == ("none", "none", "it@desk.example")


def test_a_refusal_never_shows_what_was_entered() -> None:
    with pytest.raises(ValidationError) as caught:
        SETTING.validate_python(INCOMING | {"password": "s3cret", "port": "s3cret"})
    assert "s3cret" not in str(caught.value)


def test_defaults_are_the_careful_ones() -> None:
    server = SETTING.validate_python(INCOMING)
    assert isinstance(server, IncomingServer)
    assert (server.security, server.start_from, server.after_fetch) == ("tls", "now", "seen")
    assert not server.allow_password_in_clear
    assert not server.use_linked_analyst
    assert EmailOptions().default_format is Format.HTML
    assert not EmailOptions().message_format_per_person


def test_a_partition_knows_the_priority_of_its_own_values_only() -> None:
    partition = SETTING.validate_python(PARTITION)
    assert isinstance(partition, Partition)
    assert partition.priority("I", "U") == "P"
    assert partition.priority("I", "X") is None
    assert partition.priority("X", "U") is None


def test_a_person_is_a_user_an_analyst_or_both() -> None:
    with pytest.raises(ValidationError, match="flagged as a User"):
        Person(id="x")
    assert Person(id="x", first_name="Ursula", last_name="Usher", is_user=True).name == "Ursula Usher"
    assert Person(id="x", last_name="Usher", is_analyst=True).name == "Usher"


def test_the_bare_word_off_of_a_yaml_file_is_the_word() -> None:
    fields = {"id": "it", "protocol": "imap", "call_template": "c", "default_logging_analyst": "ida"}
    assert IncomingServer.model_validate({**fields, "trust": False}).trust == "off"


def test_who_writes_for_others_is_kept_in_the_form_that_is_compared_and_what_is_neither_is_refused() -> None:
    fields = {"id": "it", "protocol": "imap", "call_template": "c", "default_logging_analyst": "ida"}
    assert IncomingServer.model_validate(fields).reply_to_is_sender == ()
    server = IncomingServer.model_validate(
        {**fields, "reply_to_is_sender": ["NoReply@Shop.example", "@BÜCHER.example"]}
    )
    assert server.reply_to_is_sender == ("noreply@shop.example", "@xn--bcher-kva.example")
    for wrong in ("shop.example", "@", "@*.shop.example", "a b@shop.example", "Shop <noreply@shop.example>", ""):
        with pytest.raises(ValidationError, match="neither an address"):
            IncomingServer.model_validate({**fields, "reply_to_is_sender": [wrong]})


def test_blocked_senders_are_kept_in_the_form_that_is_compared() -> None:
    options = EmailOptions(blocked_senders=("Ann@Example.COM", "@BÜCHER.example"))
    assert options.blocked_senders == ("ann@example.com", "@xn--bcher-kva.example")
