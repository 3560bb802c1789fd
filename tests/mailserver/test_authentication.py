"""The requirement's table of authentication methods, and passwords."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mailserver.authentication import METHODS, Credentials, credentials, method_for, problem, sasl_client
from mailserver.connection import Protocol
from mailserver.errors import MailServerError
from runtime.secrets import make_keys, seal
from schemas.reasons import Reason
from schemas.settings import Authentication, MailServer, Secret


@dataclass
class Config:
    secret_key_file: Path | None = None


def server(**settings: Any) -> MailServer:
    values = {"id": "it", "host": "mail.example.test", "username": "desk", "password": {"env": "PW"}, **settings}
    return MailServer.model_validate(values)


def test_every_method_stands_in_the_table() -> None:
    assert set(METHODS) == set(Authentication)


# The requirement's sentences: "(No authentication) ... often used with SMTP servers"; "Standard ... is not supported by
# SMTP servers"; "APOP ... supported by most POP3 servers, but cannot be used with other servers".
@pytest.mark.parametrize(
    ("authentication", "protocol", "expected"),
    [
        (Authentication.NONE, "smtp", None),
        (Authentication.NONE, "imap", "has to be logged in to"),
        (Authentication.NONE, "pop3", "has to be logged in to"),
        (Authentication.NONE, "folder", None),
        (Authentication.SASL_PLAIN, "folder", "authentication is none"),
        (Authentication.STANDARD, "imap", None),
        (Authentication.STANDARD, "pop3", None),
        (Authentication.STANDARD, "smtp", "SMTP knows no log-in but SASL"),
        (Authentication.APOP, "imap", "APOP is a command of POP3"),
        (Authentication.APOP, "smtp", "APOP is a command of POP3"),
        (Authentication.APOP, "pop3", "not built yet"),
        (Authentication.SASL_PLAIN, "imap", None),
        (Authentication.SASL_PLAIN, "smtp", None),
        (Authentication.SASL_LOGIN, "pop3", None),
        (Authentication.SASL_NTLM, "imap", "not built yet"),
        (Authentication.SASL_GSS, "smtp", "not built yet"),
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


def test_a_method_that_is_not_built_names_those_that_are() -> None:
    with pytest.raises(MailServerError) as caught:
        method_for(server(authentication="sasl-cram-md5"), "imap")
    assert caught.value.reason is Reason.AUTHENTICATION_REFUSED
    assert "standard, sasl-login, sasl-plain" in caught.value.text


def test_a_readable_password_does_not_travel_unencrypted() -> None:
    with pytest.raises(MailServerError) as caught:
        method_for(server(security="none"), "imap")
    assert caught.value.reason is Reason.SECURITY_REFUSED


def test_sasl_plain_is_that_of_rfc_4616() -> None:
    client = sasl_client(METHODS[Authentication.SASL_PLAIN], Credentials("tim", "tanstaafltanstaafl"))
    assert client(b"") == b"\0tim\0tanstaafltanstaafl"


def test_sasl_login_gives_the_user_then_the_password() -> None:
    client = sasl_client(METHODS[Authentication.SASL_LOGIN], Credentials("jörg", "geheim"))
    assert [client(b"Username:"), client(b"Password:"), client(b"?")] == ["jörg".encode(), b"geheim", b""]


def test_a_password_is_found_where_the_settings_say(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    public = make_keys(tmp_path / "key")
    (tmp_path / "password").write_text("from file\n")
    monkeypatch.setenv("PW", "from environment")
    config = Config(tmp_path / "key")
    secrets = {
        "from environment": Secret(env="PW"),
        "from file": Secret(file=str(tmp_path / "password")),
        "from box": seal("from box", public),
    }
    for expected, secret in secrets.items():
        assert credentials(server(password=secret), config) == Credentials("desk", expected)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"password": None}, "username and password"),
        ({"username": None}, "username and password"),
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
        credentials(server(**settings), Config())
    assert caught.value.reason is Reason.AUTHENTICATION_REFUSED
    assert not caught.value.temporary
    assert told in caught.value.text
    assert "DELE" not in caught.value.text


def test_credentials_do_not_show_the_password() -> None:
    assert "s3cret" not in repr(Credentials("desk", "s3cret"))
