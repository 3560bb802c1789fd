"""A mailbox and what opens it by each method, on Dovecot: the right secret, a wrong one, and servers as settings."""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest

from deploy.local.servers.dovecot import Dovecot
from deploy.local.servers.oauth import OAuthServer
from ingest.connectors import connector_for
from ingest.connectors.base import open_mailbox
from mailserver.authentication import METHODS, CredentialKind
from mailserver.connection import Protocol
from mailserver.credentials import CredentialProvider
from mailserver.oauth import Tokens
from outbound.transports.smtp import SmtpTransport
from schemas.settings import Authentication, IncomingServer, MailServer, OutgoingServer, Security
from tests.mailserver.memory_store import Keys, MemoryStore

PASSWORD, CLIENT_SECRET = "MATRIX_PASSWORD", "MATRIX_CLIENT_SECRET"
PORTS: Mapping[tuple[Protocol, Security], str] = {
    ("imap", Security.NONE): "imap_port",
    ("imap", Security.STARTTLS): "imap_port",
    ("imap", Security.TLS): "imaps_port",
    ("pop3", Security.NONE): "pop3_port",
    ("pop3", Security.STARTTLS): "pop3_port",
    ("pop3", Security.TLS): "pop3s_port",
    ("smtp", Security.NONE): "submission_port",
    ("smtp", Security.STARTTLS): "submission_port",
    ("smtp", Security.TLS): "submissions_port",
}


def accounts() -> CredentialProvider:
    return CredentialProvider(Keys(), Tokens(Keys(), MemoryStore()))


@dataclass(frozen=True)
class Way:
    """How to one account on one Dovecot. `mailbox`: the account's name for who delivers by password."""

    dovecot: Dovecot
    protocol: Protocol
    security: Security
    authentication: Authentication
    mailbox: str
    settings: Mapping[str, Any]

    def server(self, **changed: Any) -> MailServer:
        values = {
            "id": "matrix",
            "host": "localhost",
            "port": getattr(self.dovecot, PORTS[self.protocol, self.security]),
            "security": self.security,
            "ca_file": str(self.dovecot.authority),
            "authentication": self.authentication,
            "timeout_seconds": 20,
            **self.settings,
            **changed,
        }
        if self.protocol == "smtp":
            return OutgoingServer.model_validate({**values, "from_address": "desk@example.test"})
        incoming = {"start_from": "beginning", "call_template": "it", "default_logging_analyst": "anna"}
        return IncomingServer.model_validate({**values, **incoming, "protocol": self.protocol})

    def at(self, dovecot: Dovecot) -> "Way":
        return replace(self, dovecot=dovecot)


def log_in(server: MailServer) -> list[bytes]:
    """What lies in the mailbox; for an outgoing server: nothing, once a mail to the mailbox was taken."""
    if isinstance(server, OutgoingServer):
        transport = SmtpTransport(server, accounts().credentials)
        verdict = transport.send("desk@example.test", ["somebody@example.test"], b"Subject: hello\r\n\r\nhello\r\n")
        transport.quit()
        assert {one.outcome for one in verdict.values()} == {"sent"}
        return []
    assert isinstance(server, IncomingServer)
    connector = connector_for(server, accounts().credentials(server))
    try:
        open_mailbox(connector)
        block = connector.next_batch(None)
        return [mail.raw for mail in block.mails] if block else []
    finally:
        connector.close()


@pytest.fixture
def way(
    request: pytest.FixtureRequest, dovecot: Dovecot, oauth: OAuthServer, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Protocol, Security, Authentication], Way]:
    """Makes the way to a mailbox of this test alone."""

    def by_password(name: str) -> tuple[str, dict[str, Any]]:
        monkeypatch.setenv(PASSWORD, dovecot.password)
        return name, {"username": name, "password": {"env": PASSWORD}}

    def by_domain(name: str) -> tuple[str, dict[str, Any]]:
        """As Windows domains name users; Dovecot's account is `user@domain`."""
        user, _, domain = name.partition("@")
        _, settings = by_password(f"{domain.upper()}\\{user}")
        return name, settings

    def by_token(name: str) -> tuple[str, dict[str, Any]]:
        client = oauth.register(name)
        monkeypatch.setenv(CLIENT_SECRET, client.client_secret or "")
        given = {"token_url": oauth.token_url, "client_id": client.client_id, "client_secret": {"env": CLIENT_SECRET}}
        return name, {"username": name, "oauth": given}

    def by_ticket(_name: str) -> tuple[str, dict[str, Any]]:
        kerberos, user = request.getfixturevalue("kerberos"), request.getfixturevalue("kerberos_user")
        monkeypatch.setenv("KRB5_CONFIG", str(kerberos.configuration))
        monkeypatch.setenv("KRB5CCNAME", f"FILE:{user.tickets}")  # empty: the ticket is got with the password
        monkeypatch.setenv(PASSWORD, user.password)
        return user.mailbox, {"username": user.principal, "password": {"env": PASSWORD}}

    needs = {CredentialKind.PASSWORD: by_password, CredentialKind.TOKEN: by_token, CredentialKind.TICKET: by_ticket}

    def make(protocol: Protocol, security: Security, authentication: Authentication) -> Way:
        name = f"{uuid.uuid4().hex[:12]}@example.test"
        method = METHODS[authentication]
        prepare = by_domain if "NTLM" in method.mechanisms else needs[method.needs]
        mailbox, settings = prepare(name)
        return Way(dovecot, protocol, security, authentication, mailbox, settings)

    return make
