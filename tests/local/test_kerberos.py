"""The realm's users get into Dovecot by GSSAPI, each into the mailbox of its own; nobody else does."""

import imaplib
from collections.abc import Callable
from importlib import import_module
from typing import Any

import pytest

from deploy.local import StartError
from deploy.local.servers.dovecot import Dovecot
from deploy.local.servers.kerberos import Realm, User
from tests.local.test_mechanisms import PROTOCOLS, TIMEOUT

SERVICES = {"imap": "imap@localhost", "pop3": "pop@localhost", "smtp": "smtp@localhost"}
NO_SECURITY_LAYER = b"\1\0\0\0"
BeUser = Callable[[User], None]
Gss = Callable[..., Callable[[bytes], bytes]]


@pytest.fixture
def gssapi(kerberos: Realm) -> Any:
    """The module. It is compiled, so that it may be there only since the realm is."""
    return import_module("gssapi")


@pytest.fixture
def gss(gssapi: Any) -> Gss:
    """RFC 4752, section 3.1: makes the client's side, for the user that the environment makes it."""

    def client(protocol: str, authorization: str = "") -> Callable[[bytes], bytes]:
        name = gssapi.Name(SERVICES[protocol], gssapi.NameType.hostbased_service)
        context = gssapi.SecurityContext(name=name, usage="initiate")

        def answer(challenge: bytes) -> bytes:
            if not context.complete:
                return context.step(challenge or None) or b""
            assert context.unwrap(challenge).message[0] & NO_SECURITY_LAYER[0]
            return bytes(context.wrap(NO_SECURITY_LAYER + authorization.encode(), False).message)

        return answer

    return client


@pytest.fixture
def be(kerberos: Realm, monkeypatch: pytest.MonkeyPatch) -> BeUser:
    """Makes this process that user, until the test ends."""

    def be(user: User) -> None:
        for name, value in kerberos.environment(user).items():
            monkeypatch.setenv(name, value)

    return be


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_user_with_a_keytab_gets_in(
    dovecot: Dovecot, kerberos_user: User, be: BeUser, gss: Gss, protocol: str
) -> None:
    be(kerberos_user)
    PROTOCOLS[protocol](dovecot, "GSSAPI", gss(protocol))


@pytest.mark.parametrize("named", ["", "name", "principal"])
def test_it_is_the_mailbox_that_mails_were_delivered_to(
    dovecot: Dovecot, kerberos_user: User, be: BeUser, gss: Gss, named: str
) -> None:
    dovecot.deliver(kerberos_user.mailbox, b"Subject: Printer\r\n\r\nGood morning\r\n")
    be(kerberos_user)
    with imaplib.IMAP4(dovecot.host, dovecot.imap_port, TIMEOUT) as imap:
        imap.authenticate("GSSAPI", gss("imap", getattr(kerberos_user, named) if named else ""))
        assert imap.select()[1] == [b"1"]


def test_a_user_does_not_get_in_as_another(
    dovecot: Dovecot, kerberos: Realm, kerberos_user: User, be: BeUser, gss: Gss
) -> None:
    be(kerberos_user)
    with imaplib.IMAP4(dovecot.host, dovecot.imap_port, TIMEOUT) as imap, pytest.raises(imaplib.IMAP4.error):
        imap.authenticate("GSSAPI", gss("imap", f"somebody-else@{kerberos_user.principal.split('@')[1]}"))


def test_without_a_keytab_a_ticket_is_needed(
    dovecot: Dovecot,
    kerberos: Realm,
    kerberos_user: User,
    be: BeUser,
    gss: Gss,
    gssapi: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    be(kerberos_user)
    monkeypatch.setenv("KRB5_CLIENT_KTNAME", "FILE:/nowhere")
    with pytest.raises(gssapi.exceptions.GSSError):
        gss("imap")(b"")
    kerberos.kinit(kerberos_user)
    PROTOCOLS["imap"](dovecot, "GSSAPI", gss("imap"))


def test_a_password_gets_a_ticket_and_a_wrong_one_does_not(kerberos_user: User, be: BeUser, gssapi: Any) -> None:
    be(kerberos_user)
    name = gssapi.Name(kerberos_user.name, gssapi.NameType.user)
    acquire = gssapi.raw.acquire_cred_with_password
    assert acquire(name, kerberos_user.password.encode(), usage="initiate").creds
    with pytest.raises(gssapi.exceptions.GSSError):
        acquire(name, b"wrong", usage="initiate")


def test_a_user_is_made_once(kerberos: Realm, kerberos_user: User) -> None:
    with pytest.raises(StartError, match="addprinc"):
        kerberos.add_user(kerberos_user.name, "again")
