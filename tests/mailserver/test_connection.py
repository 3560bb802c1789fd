"""TLS contexts, and when a password may go unencrypted."""

import socket
import ssl
from pathlib import Path
from typing import Any

import pytest

from deploy.local.servers.certificates import make_certificates
from mailserver.connection import PORTS, check_password_may_travel, port_of, tls_context
from mailserver.errors import MailServerError, connection_error
from runtime.security.redaction import MAX_PRINTABLE, printable
from schemas.reasons import Reason
from schemas.settings import MailServer, Security


def server(**settings: Any) -> MailServer:
    return MailServer.model_validate({"id": "it", "host": "mail.example.test", **settings})


def test_certificate_and_host_name_are_verified_and_old_tls_is_not_spoken() -> None:
    context = tls_context(server())
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2


def test_an_authority_of_ones_own_is_trusted_alone(tmp_path: Path) -> None:
    authority = make_certificates(tmp_path).authority
    context = tls_context(server(ca_file=str(authority)))
    (trusted,) = context.get_ca_certs()
    assert trusted["subject"] == ((("commonName", "Mailcall local authority"),),)
    assert tls_context(server(id="hr", ca_file=str(authority))) is context


def test_an_authority_that_was_replaced_is_read_again(tmp_path: Path) -> None:
    authority = make_certificates(tmp_path).authority
    before = tls_context(server(ca_file=str(authority)))
    make_certificates(tmp_path)
    assert tls_context(server(ca_file=str(authority))) is not before


def test_a_server_that_greets_in_clear_where_tls_is_set_is_told_as_that() -> None:
    """Its port is the one for STARTTLS, or it has no TLS: the most usual slip; OpenSSL's word for it tells nobody."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(b"220 mail.example.test ESMTP\r\n")
        with pytest.raises(ssl.SSLError) as caught:
            tls_context(server()).wrap_socket(ours, server_hostname="mail.example.test")
    told = connection_error(server(port=587), caught.value)
    assert told.reason is Reason.SECURITY_REFUSED
    assert told.text == (
        "it (mail.example.test:587) answers without TLS. Set security: starttls or security: none, or the port at "
        "which the server speaks TLS"
    )


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_an_authority_that_cannot_be_read_is_told_with_its_place(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)
    with pytest.raises(MailServerError) as caught:
        tls_context(server(ca_file=str(path)))
    assert caught.value.reason is Reason.SECURITY_REFUSED
    assert str(path) in caught.value.text


@pytest.mark.parametrize(
    ("settings", "may"),
    [
        ({"security": "none"}, False),
        ({"security": "none", "host": "10.0.0.1"}, False),
        ({"security": "none", "host": "localhost.example.test"}, False),
        ({"security": "none", "allow_password_in_clear": True}, True),
        ({"security": "none", "host": "localhost"}, True),
        ({"security": "none", "host": "127.0.0.1"}, True),
        ({"security": "none", "host": "::1"}, True),
        ({"security": "starttls"}, True),
        ({"security": "tls"}, True),
    ],
)
def test_a_password_goes_unencrypted_only_where_nobody_else_hears_it_or_it_is_allowed(
    settings: dict[str, Any], may: bool
) -> None:
    if may:
        check_password_may_travel(server(**settings))
        return
    with pytest.raises(MailServerError) as caught:
        check_password_may_travel(server(**settings))
    assert caught.value.reason is Reason.SECURITY_REFUSED
    assert "allow_password_in_clear" in caught.value.text


def test_every_protocol_has_a_port_for_every_security() -> None:
    assert {security for _, security in PORTS} == set(Security)
    assert len(PORTS) == 3 * len(Security)
    assert port_of(server(security="tls"), "imap") == 993
    assert port_of(server(security="tls", port=1993), "imap") == 1993


def test_what_a_server_says_is_one_short_line_without_control_characters() -> None:
    said = printable(b"-ERR \x1b[31mno\r\n\tentry\x00 \xff" + b"x" * 10_000)
    assert said.startswith("-ERR [31mno entry \ufffdxxx")
    assert said.isprintable()
    assert len(said) == MAX_PRINTABLE


@pytest.mark.parametrize(
    ("error", "reason", "told"),
    [
        (TimeoutError(), Reason.SERVER_UNREACHABLE, "no answer within 60 seconds"),
        (ConnectionRefusedError(), Reason.SERVER_UNREACHABLE, "nothing listens"),
        (ConnectionResetError(104, "reset"), Reason.SERVER_UNREACHABLE, "broke"),
        (ssl.SSLError(1, "wrong version number"), Reason.SECURITY_REFUSED, "port and security"),
        (ssl.SSLEOFError(8, "EOF"), Reason.SERVER_UNREACHABLE, "broke"),
    ],
)
def test_each_failure_says_what_and_where(error: Exception, reason: Reason, told: str) -> None:
    result = connection_error(server(), error)
    assert result.reason is reason
    assert result.temporary is (reason is Reason.SERVER_UNREACHABLE)
    assert told in result.text
    assert "mail.example.test" in result.text
