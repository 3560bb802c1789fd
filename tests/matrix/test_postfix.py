"""Every SMTP method by every connection on Postfix, which asks Dovecot who may log in; and what relays say no to."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest

from deploy.local.servers.postfix import Postfix
from deploy.local.servers.smtp_sink import SmtpSink
from mailserver.authentication import METHODS, CredentialKind
from mailserver.connection import Protocol
from mailserver.errors import MailServerError
from outbound.transports.base import RecipientResult
from outbound.transports.smtp import SmtpTransport
from schemas.reasons import Reason
from schemas.settings import Authentication, OutgoingServer, Security
from tests.matrix.conftest import CLIENT_SECRET, PASSWORD, Way, accounts

MakeWay = Callable[[Protocol, Security, Authentication], Way]
SMTP_METHODS = [
    one
    for one, method in METHODS.items()
    if "smtp" not in method.excluded and method.needs is not CredentialKind.NOTHING
]
# Postfix offers what Dovecot does; like every server of today it has no MSN.
NOT_OFFERED = (Authentication.SASL_MSN,)
OFFERED = [one for one in SMTP_METHODS if one not in NOT_OFFERED]
every_security = pytest.mark.parametrize("security", Security)


def test_all_that_the_requirement_allows_is_here() -> None:
    assert len(OFFERED) == len(METHODS) - 4  # none, standard, APOP and MSN


def server_of(way: Way, postfix: Postfix, security: Security, **changed: Any) -> OutgoingServer:
    port = postfix.smtps_port if security is Security.TLS else postfix.smtp_port
    server = way.server(port=port, ca_file=str(postfix.authority), **changed)
    assert isinstance(server, OutgoingServer)
    return server


def send(
    server: OutgoingServer, recipient: str, content: bytes = b"Subject: hello\r\n\r\nhello\r\n"
) -> RecipientResult:
    transport = SmtpTransport(server, accounts().credentials)
    verdict = transport.send("desk@example.test", [recipient], content)[recipient]
    transport.quit()
    return verdict


def arrived(sink: SmtpSink, recipient: str) -> int:
    sink.wait_until(lambda mails: any(recipient in mail.recipients for mail in mails))
    return sum(recipient in mail.recipients for mail in sink.messages)


def somebody() -> str:
    return f"{uuid.uuid4().hex[:12]}@example.test"


@every_security
@pytest.mark.parametrize("authentication", OFFERED)
def test_the_right_secret_sends_a_mail_that_arrives(
    way: MakeWay, postfix: Postfix, dovecot_relay: SmtpSink, authentication: Authentication, security: Security
) -> None:
    recipient = somebody()
    verdict = send(server_of(way("smtp", security, authentication), postfix, security), recipient)
    assert verdict.outcome == "sent", verdict
    assert "queued as" in verdict.reply
    assert arrived(dovecot_relay, recipient) == 1


@pytest.mark.parametrize("authentication", OFFERED)
def test_a_wrong_secret_is_refused_in_words_without_it(
    way: MakeWay, postfix: Postfix, monkeypatch: pytest.MonkeyPatch, authentication: Authentication
) -> None:
    one = way("smtp", Security.TLS, authentication)
    for variable in (PASSWORD, CLIENT_SECRET):
        monkeypatch.setenv(variable, "not-this-one")
    with pytest.raises(MailServerError) as caught:
        send(server_of(one, postfix, Security.TLS), somebody())
    assert caught.value.reason is Reason.AUTHENTICATION_REFUSED
    assert "not-this-one" not in caught.value.text


@pytest.mark.parametrize("security", [Security.NONE, Security.STARTTLS])
def test_without_authentication_it_takes_mail_where_it_takes_it_from_all(
    way: MakeWay, postfix: Postfix, dovecot_relay: SmtpSink, security: Security
) -> None:
    recipient = somebody()
    one = way("smtp", security, Authentication.SASL_PLAIN)
    server = server_of(one, postfix, security, authentication="none", username=None, password=None)
    assert send(server.model_copy(update={"port": postfix.open_port}), recipient).outcome == "sent"
    assert arrived(dovecot_relay, recipient) == 1


def test_a_relay_that_wants_a_log_in_says_so(way: MakeWay, postfix: Postfix) -> None:
    one = way("smtp", Security.TLS, Authentication.SASL_PLAIN)
    server = server_of(one, postfix, Security.TLS, authentication="none", username=None, password=None)
    verdict = send(server, somebody())
    assert (verdict.outcome, verdict.reason) == ("failed", Reason.RECIPIENT_REFUSED)
    assert "554" in verdict.reply


@pytest.mark.parametrize(
    ("recipient", "outcome", "words"),
    [("nobody@example.test", "failed", "550 5.1.1"), ("later@example.test", "deferred", "450 4.7.1")],
)
def test_what_it_says_of_a_recipient(way: MakeWay, postfix: Postfix, recipient: str, outcome: str, words: str) -> None:
    verdict = send(server_of(way("smtp", Security.TLS, Authentication.SASL_PLAIN), postfix, Security.TLS), recipient)
    assert verdict.outcome == outcome
    assert verdict.reply.startswith(words)


def test_a_mail_above_its_limit_is_refused_for_good(way: MakeWay, postfix: Postfix) -> None:
    server = server_of(way("smtp", Security.TLS, Authentication.SASL_PLAIN), postfix, Security.TLS)
    verdict = send(server, somebody(), b"Subject: large\r\n\r\n" + b"x" * 70 * 1000 + b"\r\n" * 60_000)
    assert (verdict.outcome, verdict.reason) == ("failed", Reason.MESSAGE_REFUSED)
    assert "552" in verdict.reply
