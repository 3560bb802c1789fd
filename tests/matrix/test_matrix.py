"""Protocol x method x connection against real servers, every cell that the table of methods allows.

Requirement R10: every method that it names, and those beyond it.
"""

import re
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from deploy.local.ports import HOST, free_port
from deploy.local.servers.certificates import make_certificates
from deploy.local.servers.dovecot import Dovecot
from deploy.local.servers.kerberos import Realm, User
from deploy.local.servers.oauth import OAuthServer
from mailserver.authentication import METHODS, CredentialKind
from mailserver.connection import Protocol
from mailserver.errors import MailServerError
from schemas.reasons import Reason
from schemas.settings import Authentication, Security
from tests.matrix.conftest import CLIENT_SECRET, PASSWORD, Way, log_in

MakeWay = Callable[[Protocol, Security, Authentication], Way]
# The others are not logged in to: a folder, and MAPI, whose profile is.
PROTOCOLS: tuple[Protocol, ...] = ("imap", "pop3", "smtp")
PAIRS = [
    (protocol, authentication)
    for protocol in PROTOCOLS
    for authentication, method in METHODS.items()
    if protocol not in method.excluded and method.needs is not CredentialKind.NOTHING
]
SASL_PAIRS = [pair for pair in PAIRS if METHODS[pair[1]].mechanisms]
every_pair = pytest.mark.parametrize(("protocol", "authentication"), PAIRS)
every_sasl_pair = pytest.mark.parametrize(("protocol", "authentication"), SASL_PAIRS)
every_security = pytest.mark.parametrize("security", Security)


def test_the_table_has_every_cell_that_the_requirement_allows() -> None:
    """IMAP: all but none and APOP. POP3: all but none. SMTP: all but standard and APOP (none stands below)."""
    assert {protocol: sum(pair[0] == protocol for pair in PAIRS) for protocol in PROTOCOLS} == {
        "imap": len(METHODS) - 2,
        "pop3": len(METHODS) - 1,
        "smtp": len(METHODS) - 3,
    }


@every_security
@every_pair
def test_the_right_secret_opens_the_account(
    way: MakeWay, protocol: Protocol, authentication: Authentication, security: Security
) -> None:
    one = way(protocol, security, authentication)
    raw = b"From: a@example.test\r\nSubject: hello\r\n\r\nhello\r\n"
    one.dovecot.deliver(one.mailbox, raw)
    assert log_in(one.server()) == ([] if protocol == "smtp" else [raw])


@every_pair
def test_a_wrong_secret_is_refused_in_words_without_it(
    way: MakeWay, monkeypatch: pytest.MonkeyPatch, protocol: Protocol, authentication: Authentication
) -> None:
    one = way(protocol, Security.TLS, authentication)
    for variable in (PASSWORD, CLIENT_SECRET):
        monkeypatch.setenv(variable, "not-this-one")
    error = refused(one)
    assert (error.reason, error.temporary) == (Reason.AUTHENTICATION_REFUSED, False)
    assert "not-this-one" not in error.text


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("authentication", [Authentication.SASL_XOAUTH2, Authentication.SASL_OAUTHBEARER])
def test_a_token_that_is_no_longer_good_is_refused_in_the_servers_words(
    way: MakeWay,
    oauth: OAuthServer,
    monkeypatch: pytest.MonkeyPatch,
    protocol: Protocol,
    authentication: Authentication,
) -> None:
    one = way(protocol, Security.TLS, authentication)
    client = oauth.register(one.mailbox, lifetime_seconds=0)
    monkeypatch.setenv(CLIENT_SECRET, client.client_secret or "")
    error = refused(one, one.server(oauth={**one.settings["oauth"], "client_id": client.client_id}))
    assert error.reason is Reason.AUTHENTICATION_REFUSED
    assert re.search("invalid_token|Authentication failed|status", error.text)


@every_sasl_pair
def test_a_mechanism_that_is_not_offered_is_told_with_those_that_are(
    way: MakeWay, plain_dovecot: Dovecot, protocol: Protocol, authentication: Authentication
) -> None:
    one = way(protocol, Security.TLS, authentication).at(plain_dovecot)
    if authentication in (Authentication.SASL_PLAIN, Authentication.SASL_LOGIN):
        assert log_in(one.server()) == []
        return
    error = refused(one)
    assert (error.reason, error.temporary) == (Reason.AUTHENTICATION_REFUSED, False)
    assert f"does not offer {next(iter(METHODS[authentication].mechanisms))}" in error.text
    assert "it offers LOGIN, PLAIN" in error.text


def test_a_pop3_server_without_apop_is_told(way: MakeWay, plain_dovecot: Dovecot) -> None:
    error = refused(way("pop3", Security.TLS, Authentication.APOP).at(plain_dovecot))
    assert "no APOP" in error.text


@every_pair
def test_a_server_that_hangs_up_half_way_is_trouble_that_passes(
    way: MakeWay, protocol: Protocol, authentication: Authentication
) -> None:
    one = way(protocol, Security.NONE, authentication)
    with hanging_up(one.server().port or 0) as port, pytest.raises(MailServerError) as caught:
        log_in(one.server(port=port))
    assert (caught.value.reason, caught.value.temporary) == (Reason.SERVER_UNREACHABLE, True)


class Taking:
    """An aiosmtpd handler that takes every mail from everybody."""

    def __init__(self) -> None:
        self.contents: list[bytes | str | None] = []

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        self.contents.append(envelope.content)
        return "250 OK"


@every_security
def test_an_outgoing_server_without_authentication_takes_mail(
    dovecot: Dovecot, tmp_path: Path, security: Security
) -> None:
    """Requirement R10.2. Dovecot's submission wants a log-in, so it is another server here."""
    certificates, handler, port = make_certificates(tmp_path), Taking(), free_port()
    context = certificates.context()
    protection: dict[Security, dict[str, Any]] = {
        Security.NONE: {},
        Security.STARTTLS: {"tls_context": context, "require_starttls": True},
        Security.TLS: {"ssl_context": context},
    }
    controller = Controller(handler, hostname=HOST, port=port, **protection[security])
    controller.start()
    try:
        one = Way(dovecot, "smtp", security, Authentication.NONE, "", {})
        log_in(one.server(port=port, ca_file=str(certificates.authority)))
    finally:
        controller.stop(no_assert=True)
    assert len(handler.contents) == 1


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_msn_is_the_ntlm_exchange_under_the_name_that_the_server_offers(way: MakeWay, protocol: Protocol) -> None:
    """No server of today offers MSN: between us and Dovecot its NTLM is called so."""
    one = way(protocol, Security.NONE, Authentication.SASL_MSN)
    with between(one.server().port or 0, {b"MSN": b"NTLM"}) as (port, said):
        log_in(one.server(port=port))
    assert re.search(rb"AUTH\w* MSN\r\n", said[0])


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_ticket_of_the_process_is_used_where_no_password_is_set(
    way: MakeWay, kerberos: Realm, kerberos_user: User, protocol: Protocol
) -> None:
    """Requirement R10.24: the account that the process runs as."""
    one = way(protocol, Security.TLS, Authentication.SASL_GSS)
    server = one.server(username=None, password=None)
    assert "Kerberos" in refused(one, server).text  # there is no ticket yet
    kerberos.kinit(kerberos_user)
    assert log_in(server) == []


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("security", [Security.STARTTLS, Security.TLS])
@pytest.mark.parametrize("fault", ["expired", "other host", "self-signed"])
def test_a_bad_certificate_is_told_and_no_secret_sent(
    way: MakeWay, faulty_dovecots: Mapping[str, Dovecot], protocol: Protocol, security: Security, fault: str
) -> None:
    one = way(protocol, security, Authentication.SASL_PLAIN).at(faulty_dovecots[fault])
    settings = {"ca_file": None} if fault == "self-signed" else {}
    error = refused(one, one.server(**settings))
    assert (error.reason, error.temporary) == (Reason.SECURITY_REFUSED, False)
    assert re.search({"expired": "expired", "other host": "not valid for", "self-signed": "self"}[fault], error.text)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("security", [Security.STARTTLS, Security.TLS])
def test_a_certificate_of_an_unknown_authority_is_not_trusted(
    way: MakeWay, protocol: Protocol, security: Security
) -> None:
    one = way(protocol, security, Authentication.SASL_PLAIN)
    error = refused(one, one.server(ca_file=None))
    assert (error.reason, error.temporary) == (Reason.SECURITY_REFUSED, False)
    assert "ca_file" in error.text


@every_pair
def test_a_user_name_beyond_ascii_is_no_fault_of_the_program(
    way: MakeWay, monkeypatch: pytest.MonkeyPatch, protocol: Protocol, authentication: Authentication
) -> None:
    one = way(protocol, Security.TLS, authentication)
    monkeypatch.setenv(PASSWORD, "geheim ß")
    with pytest.raises(MailServerError) as caught:
        log_in(one.server(username="jörg"))
    assert caught.value.reason is Reason.AUTHENTICATION_REFUSED


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("minimum", ["1.2", "1.3"])
def test_a_server_with_the_oldest_tls_that_is_accepted_opens(way: MakeWay, protocol: Protocol, minimum: str) -> None:
    assert log_in(way(protocol, Security.TLS, Authentication.SASL_PLAIN).server(minimum_tls=minimum)) == []


def refused(one: Way, server: Any = None) -> MailServerError:
    with pytest.raises(MailServerError) as caught:
        log_in(server or one.server())
    assert caught.value.text.isprintable()
    return caught.value


@contextmanager
def hanging_up(port: int) -> Iterator[int]:
    """Between us and a server: hangs up on the first line that begins a log-in."""
    with relay(port, lambda line: None if re.search(rb"(?i)\b(?:AUTH\w*|LOGIN|USER|APOP) ", line) else line) as near:
        yield near


@contextmanager
def between(port: int, names: Mapping[bytes, bytes]) -> Iterator[tuple[int, list[bytes]]]:
    """Between us and a server: what the server calls one way is called another. Also what was said to it."""
    said = [b""]

    def outward(line: bytes) -> bytes:
        said[0] += line
        for ours, theirs in names.items():
            line = line.replace(b" " + ours, b" " + theirs)
        return line

    def inward(data: bytes) -> bytes:
        for ours, theirs in names.items():
            data = data.replace(theirs, ours)
        return data

    with relay(port, outward, inward) as near:
        yield near, said


@contextmanager
def relay(
    port: int, outward: Callable[[bytes], bytes | None], inward: Callable[[bytes], bytes] = lambda data: data
) -> Iterator[int]:
    """A port that leads to another, line by line; None hangs up."""
    listener = socket.create_server((HOST, 0))

    def serve() -> None:
        try:
            near, _ = listener.accept()
        except OSError:
            return
        with near, socket.create_connection((HOST, port)) as far:
            threading.Thread(target=carry, args=(far, near, inward), daemon=True).start()
            for line in near.makefile("rb"):
                changed = outward(line)
                if changed is None:
                    near.shutdown(socket.SHUT_RDWR)
                    return
                far.sendall(changed)

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.close()


def carry(source: socket.socket, target: socket.socket, change: Callable[[bytes], bytes]) -> None:
    try:
        while data := source.recv(65536):
            target.sendall(change(data))
    except OSError:
        pass  # one side has left
