"""Dovecot offers every protocol with every connection security, by user and password; bad certificates can be had."""

import imaplib
import poplib
import smtplib
import ssl
from collections.abc import Callable, Mapping

import pytest

from deploy.local.servers.dovecot import Dovecot
from deploy.local.servers.dovecot_container import choose_dovecot
from deploy.local.servers.oauth import OAuthServer
from deploy.local.servers.smtp_sink import SmtpSink

pytestmark = pytest.mark.debian

TIMEOUT = 20
MAIL = b"From: anna@example.test\r\nTo: %s\r\nSubject: Printer\r\n\r\nGood morning\r\n"


@pytest.fixture
def trust(dovecot: Dovecot) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(dovecot.authority))


def imap_starttls(host: str, port: int, trust: ssl.SSLContext) -> imaplib.IMAP4:
    imap = imaplib.IMAP4(host, port, TIMEOUT)
    imap.starttls(trust)
    return imap


def pop3_starttls(host: str, port: int, trust: ssl.SSLContext) -> poplib.POP3:
    pop3 = poplib.POP3(host, port, TIMEOUT)
    pop3.stls(trust)
    return pop3


def smtp_starttls(host: str, port: int, trust: ssl.SSLContext) -> smtplib.SMTP:
    smtp = smtplib.SMTP(host, port, timeout=TIMEOUT)
    smtp.starttls(context=trust)
    return smtp


IMAP: dict[str, Callable[[Dovecot, ssl.SSLContext], imaplib.IMAP4]] = {
    "plain": lambda d, _: imaplib.IMAP4(d.host, d.imap_port, TIMEOUT),
    "starttls": lambda d, trust: imap_starttls(d.host, d.imap_port, trust),
    "tls": lambda d, trust: imaplib.IMAP4_SSL(d.host, d.imaps_port, ssl_context=trust, timeout=TIMEOUT),
}
POP3: dict[str, Callable[[Dovecot, ssl.SSLContext], poplib.POP3]] = {
    "plain": lambda d, _: poplib.POP3(d.host, d.pop3_port, TIMEOUT),
    "starttls": lambda d, trust: pop3_starttls(d.host, d.pop3_port, trust),
    "tls": lambda d, trust: poplib.POP3_SSL(d.host, d.pop3s_port, timeout=TIMEOUT, context=trust),
}
SMTP: dict[str, Callable[[Dovecot, ssl.SSLContext], smtplib.SMTP]] = {
    "plain": lambda d, _: smtplib.SMTP(d.host, d.submission_port, timeout=TIMEOUT),
    "starttls": lambda d, trust: smtp_starttls(d.host, d.submission_port, trust),
    "tls": lambda d, trust: smtplib.SMTP_SSL(d.host, d.submissions_port, timeout=TIMEOUT, context=trust),
}


@pytest.mark.parametrize("security", IMAP)
def test_imap(dovecot: Dovecot, dovecot_account: tuple[str, str], trust: ssl.SSLContext, security: str) -> None:
    dovecot.deliver(dovecot_account[0], MAIL % dovecot_account[0].encode())
    with IMAP[security](dovecot, trust) as imap:
        imap.login(*dovecot_account)
        assert imap.select()[1] == [b"1"]
        assert b"IDLE" in imap.capability()[1][0]


@pytest.mark.parametrize("security", POP3)
def test_pop3(dovecot: Dovecot, dovecot_account: tuple[str, str], trust: ssl.SSLContext, security: str) -> None:
    dovecot.deliver(dovecot_account[0], MAIL % dovecot_account[0].encode())
    pop3 = POP3[security](dovecot, trust)
    pop3.user(dovecot_account[0])
    pop3.pass_(dovecot_account[1])
    assert pop3.stat()[0] == 1
    assert len(pop3.uidl()[1]) == 1
    pop3.quit()


@pytest.mark.parametrize("security", SMTP)
def test_submission(
    dovecot: Dovecot, dovecot_relay: SmtpSink, dovecot_account: tuple[str, str], trust: ssl.SSLContext, security: str
) -> None:
    with SMTP[security](dovecot, trust) as smtp:
        smtp.login(*dovecot_account)
        smtp.sendmail("anna@example.test", dovecot_account[0], MAIL % b"somebody@example.test")
    mails = dovecot_relay.wait_for(1, seconds=10)
    assert [mail.raw.count(b"Subject: Printer") for mail in mails if dovecot_account[0] in mail.recipients] == [1]


def test_a_wrong_password_is_refused_at_once(dovecot: Dovecot, dovecot_account: tuple[str, str]) -> None:
    for _ in range(5):
        with imaplib.IMAP4(dovecot.host, dovecot.imap_port, TIMEOUT) as imap, pytest.raises(imaplib.IMAP4.error):
            imap.login(dovecot_account[0], "wrong")


def test_a_client_that_does_not_trust_the_authority_is_not_served(dovecot: Dovecot) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        imaplib.IMAP4_SSL(dovecot.host, dovecot.imaps_port, ssl_context=ssl.create_default_context(), timeout=TIMEOUT)


CERTIFICATE_ERRORS = {"expired": "certificate has expired", "other host": "mismatch", "self-signed": "self.signed"}


@pytest.mark.parametrize("security", ["starttls", "tls"])
@pytest.mark.parametrize("protocol", [IMAP, POP3, SMTP], ids=["imap", "pop3", "smtp"])
@pytest.mark.parametrize("fault", CERTIFICATE_ERRORS)
def test_a_bad_certificate_has_just_that_fault(
    faulty_dovecots: Mapping[str, Dovecot],
    fault: str,
    protocol: Mapping[str, Callable[[Dovecot, ssl.SSLContext], object]],
    security: str,
) -> None:
    trust = ssl.create_default_context(cafile=str(faulty_dovecots[fault].authority))
    with pytest.raises(ssl.SSLCertVerificationError, match=CERTIFICATE_ERRORS[fault]):
        protocol[security](faulty_dovecots[fault], trust)


def test_a_killed_dovecot_comes_back_with_its_mails(dovecot_relay: SmtpSink, oauth: OAuthServer) -> None:
    with choose_dovecot()("s3cret", dovecot_relay.port, oauth) as dovecot:
        dovecot.deliver("hans@example.test", MAIL % b"hans@example.test")
        dovecot.kill()
        dovecot.start()
        with IMAP["plain"](dovecot, ssl.create_default_context()) as imap:
            imap.login("hans@example.test", dovecot.password)
            assert imap.select()[1] == [b"1"]
