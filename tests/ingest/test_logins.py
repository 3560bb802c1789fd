"""Every way into a mailbox: protocol x security x method, with the right and the wrong password, against Dovecot."""

from typing import Any

import pytest

from ingest.connectors import connector_for
from mailserver.errors import MailServerError
from mailserver.sasl import Credentials
from schemas.reasons import Reason

PORTS = {
    ("imap", "none"): "imap_port",
    ("imap", "starttls"): "imap_port",
    ("imap", "tls"): "imaps_port",
    ("pop3", "none"): "pop3_port",
    ("pop3", "starttls"): "pop3_port",
    ("pop3", "tls"): "pop3s_port",
}
METHODS = ("standard", "sasl-plain", "sasl-login")
every_way = pytest.mark.parametrize(
    ("protocol", "security", "method"), [(*way, method) for way in PORTS for method in METHODS]
)


def server_of(inbox: Any, incoming_server: Any, protocol: str, security: str, **settings: Any) -> Any:
    values = {
        "protocol": protocol,
        "security": security,
        "host": "localhost",
        "port": getattr(inbox.dovecot, PORTS[protocol, security]),
        "ca_file": str(inbox.dovecot.authority),
        "username": inbox.address,
        **settings,
    }
    return incoming_server(**values)


@every_way
def test_the_right_password_opens_the_mailbox(
    inbox: Any, incoming_server: Any, protocol: str, security: str, method: str
) -> None:
    raw = inbox.deliver("hello")
    server = server_of(inbox, incoming_server, protocol, security, authentication=method)
    connector = connector_for(server, Credentials(inbox.address, inbox.password))
    connector.open()
    block = connector.next_block(None)
    connector.close()
    assert block is not None
    assert [mail.raw for mail in block.mails] == [raw]


@every_way
def test_a_wrong_password_is_refused_in_the_servers_words(
    inbox: Any, incoming_server: Any, protocol: str, security: str, method: str
) -> None:
    server = server_of(inbox, incoming_server, protocol, security, authentication=method)
    connector = connector_for(server, Credentials(inbox.address, "not this one"))
    with pytest.raises(MailServerError) as caught:
        connector.open()
    connector.close()
    assert (caught.value.reason, caught.value.temporary) == (Reason.AUTHENTICATION_REFUSED, False)
    assert "Authentication failed" in caught.value.text
    assert "not this one" not in caught.value.text


@pytest.mark.parametrize("protocol", ["imap", "pop3"])
@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_certificate_of_an_unknown_authority_is_not_trusted(
    inbox: Any, incoming_server: Any, protocol: str, security: str
) -> None:
    server = server_of(inbox, incoming_server, protocol, security, ca_file=None)
    connector = connector_for(server, Credentials(inbox.address, inbox.password))
    with pytest.raises(MailServerError) as caught:
        connector.open()
    connector.close()
    assert (caught.value.reason, caught.value.temporary) == (Reason.SECURITY_REFUSED, False)
    assert "ca_file" in caught.value.text


@pytest.mark.parametrize("protocol", ["imap", "pop3"])
def test_a_user_name_beyond_ascii_is_no_fault_of_the_program(inbox: Any, incoming_server: Any, protocol: str) -> None:
    server = server_of(inbox, incoming_server, protocol, "none", username="jörg")
    connector = connector_for(server, Credentials("jörg", "geheim ß"))
    with pytest.raises(MailServerError) as caught:
        connector.open()
    connector.close()
    assert caught.value.reason is Reason.AUTHENTICATION_REFUSED
