"""Requirement R10: the table of authentication methods, and passwords."""

from pathlib import Path
from typing import Any

import pytest

from mailserver.authentication import METHODS, CredentialKind, method_for, missing, problem, sasl_log_in
from mailserver.connection import Protocol
from mailserver.credentials import CredentialProvider
from mailserver.errors import MailServerError
from mailserver.oauth import Tokens
from mailserver.sasl import Credentials
from runtime.security.sealing import make_keys, seal
from schemas.reasons import Reason
from schemas.settings import Authentication, MailServer, Secret
from tests.mailserver.memory_store import Keys, MemoryStore


def accounts(config: Keys) -> CredentialProvider:
    return CredentialProvider(config, Tokens(config, MemoryStore()))


OAUTH = {"token_url": "https://login.example.test/token", "client_id": "mailcall", "client_secret": {"env": "PW"}}


def server(**settings: Any) -> MailServer:
    values = {"id": "it", "host": "mail.example.test", "username": "desk", "password": {"env": "PW"}, **settings}
    return MailServer.model_validate(values)


def test_every_method_stands_in_the_table() -> None:
    assert set(METHODS) == set(Authentication)


# Requirement R10.3: SMTP may go without a log-in. R10.6: Standard is not for SMTP. R10.8: APOP is for POP3 alone.
@pytest.mark.parametrize(
    ("authentication", "protocol", "expected"),
    [
        (Authentication.NONE, "smtp", None),
        (Authentication.NONE, "imap", "needs a login"),
        (Authentication.NONE, "pop3", "needs a login"),
        (Authentication.NONE, "folder", None),
        (Authentication.STANDARD, "imap", None),
        (Authentication.STANDARD, "pop3", None),
        (Authentication.STANDARD, "smtp", "SMTP knows no login but SASL"),
        (Authentication.APOP, "imap", "APOP is a command of POP3"),
        (Authentication.APOP, "smtp", "APOP is a command of POP3"),
        (Authentication.APOP, "pop3", None),
        (Authentication.SASL_PLAIN, "imap", None),
        (Authentication.SASL_PLAIN, "smtp", None),
        (Authentication.SASL_LOGIN, "pop3", None),
        (Authentication.SASL_NTLM, "imap", None),
        (Authentication.SASL_GSS, "smtp", None),
        (Authentication.NONE, "folder", None),
        (Authentication.STANDARD, "folder", "needs no login"),
        (Authentication.SASL_XOAUTH2, "folder", "needs no login"),
    ],
)
def test_each_pair_works_or_says_why_not(
    authentication: Authentication, protocol: Protocol, expected: str | None
) -> None:
    told = problem(authentication, protocol)
    if expected is None:
        assert told is None
    else:
        assert told is not None and expected in told


@pytest.mark.parametrize("authentication", Authentication)
def test_what_a_method_needs_is_asked_for(authentication: Authentication) -> None:
    needs = METHODS[authentication].needs
    bare = server(authentication=authentication, username=None, password=None)
    full = server(authentication=authentication, oauth=OAUTH)
    assert (missing(bare) is None) == (needs in (CredentialKind.NOTHING, CredentialKind.TICKET))
    assert missing(full) is None


def test_a_ticket_got_with_a_password_is_somebodys() -> None:
    assert "username" in str(missing(server(authentication="sasl-gss", username=None)))


@pytest.mark.parametrize(
    ("authentication", "offered", "expected"),
    [
        ("sasl-plain", ["LOGIN", "PLAIN"], "PLAIN"),
        ("sasl-plain", ["plain"], "PLAIN"),
        ("sasl-plain", [], "PLAIN"),
        ("sasl-msn", ["NTLM"], "NTLM"),
        ("sasl-msn", ["NTLM", "MSN"], "MSN"),
        ("sasl-gss", ["GSSAPI"], "GSSAPI"),
    ],
)
def test_the_mechanism_is_one_that_the_server_offers(authentication: str, offered: list[str], expected: str) -> None:
    with sasl_log_in(server(authentication=authentication), "imap", Credentials("desk", "pw"), offered) as (name, _):
        assert name == expected


def test_a_mechanism_that_is_not_offered_is_not_tried() -> None:
    with (
        pytest.raises(MailServerError) as caught,
        sasl_log_in(server(authentication="sasl-cram-md5"), "imap", Credentials("desk", "pw"), ["PLAIN", "LOGIN"]),
    ):
        pytest.fail("the log-in was begun")
    assert "does not offer CRAM-MD5; it offers LOGIN, PLAIN" in caught.value.text
    assert (caught.value.reason, caught.value.temporary) == (Reason.AUTHENTICATION_REFUSED, False)


@pytest.mark.parametrize("authentication", ["sasl-scram-sha-256", "sasl-digest-md5"])
def test_a_server_that_lets_us_in_without_its_proof_is_not_trusted(authentication: str) -> None:
    with (
        pytest.raises(MailServerError) as caught,
        sasl_log_in(server(authentication=authentication), "imap", Credentials("desk", "pw"), []),
    ):
        pass  # the server says OK at once
    assert "did not prove" in caught.value.text


@pytest.mark.parametrize("authentication", ["standard", "sasl-login", "sasl-plain"])
def test_a_readable_password_does_not_travel_unencrypted(authentication: str) -> None:
    with pytest.raises(MailServerError) as caught:
        method_for(server(security="none", authentication=authentication), "imap")
    assert caught.value.reason is Reason.SECURITY_REFUSED


def test_a_password_is_found_where_the_settings_say(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    public = make_keys(tmp_path / "key")
    (tmp_path / "password").write_text("from file\n")
    monkeypatch.setenv("PW", "from environment")
    config = Keys(tmp_path / "key")
    secrets = {
        "from environment": Secret(env="PW"),
        "from file": Secret(file=str(tmp_path / "password")),
        "from box": seal("from box", public),
    }
    for expected, secret in secrets.items():
        assert accounts(config).credentials(server(password=secret)) == Credentials("desk", expected)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"password": {"env": "ABSENT"}}, "ABSENT"),
        ({"password": {"file": "/absent"}}, "/absent"),
        ({"password": {"sealed": "AAAA"}}, "MAILCALL_SECRET_KEY_FILE"),
        ({"password": {"env": "TWO_LINES"}}, "line end"),
    ],
)
def test_a_password_that_cannot_be_had_says_why(
    monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any], told: str
) -> None:
    monkeypatch.setenv("TWO_LINES", "secret\r\nDELE 1")
    with pytest.raises(MailServerError) as caught:
        accounts(Keys()).credentials(server(**settings))
    assert caught.value.reason is Reason.AUTHENTICATION_REFUSED
    assert not caught.value.temporary
    assert told in caught.value.text
    assert "DELE" not in caught.value.text


def test_credentials_do_not_show_the_password() -> None:
    assert "s3cret" not in repr(Credentials("desk", "s3cret"))
