"""Requirement, "Methods of Authentication for Mail Servers": which method goes with which protocol, and how to log in.

All methods of the requirement stand in the table. Those that are not built yet say so when they are used.
"""

import base64
import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from mailserver.connection import Protocol
from mailserver.errors import MailServerError, place
from mailserver.security import check_password_may_travel
from runtime.secrets import HasSecretKey, SecretError, reveal
from schemas.reasons import Reason
from schemas.settings import Authentication, MailServer


class Exchange(StrEnum):
    """How the user and the password reach the server."""

    NOTHING = "nothing"
    COMMAND = "command"  # the protocol's own: LOGIN (RFC 9051, 6.2.3), USER and PASS (RFC 1939, 7)
    SASL = "sasl"  # AUTHENTICATE or AUTH with a mechanism (RFC 4422)


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """One authentication method. `excluded`: protocols it cannot go with, and why, in a sentence."""

    exchange: Exchange
    mechanism: str = ""
    in_clear: bool = False
    built: bool = False
    excluded: Mapping[Protocol, str] = field(default_factory=dict)


_NEEDS_ACCOUNT = "a mailbox belongs to an account, so its server has to be logged in to"
_APOP_IS_POP3 = "APOP is a command of POP3 and not a SASL method"
_SMTP_HAS_NO_LOGIN = "SMTP knows no log-in but SASL: choose sasl-plain or sasl-login"

METHODS: Mapping[Authentication, Method] = {
    Authentication.NONE: Method(
        exchange=Exchange.NOTHING, built=True, excluded={"imap": _NEEDS_ACCOUNT, "pop3": _NEEDS_ACCOUNT}
    ),
    Authentication.STANDARD: Method(
        exchange=Exchange.COMMAND, in_clear=True, built=True, excluded={"smtp": _SMTP_HAS_NO_LOGIN}
    ),
    Authentication.APOP: Method(exchange=Exchange.COMMAND, excluded={"imap": _APOP_IS_POP3, "smtp": _APOP_IS_POP3}),
    Authentication.SASL_LOGIN: Method(exchange=Exchange.SASL, mechanism="LOGIN", in_clear=True, built=True),
    Authentication.SASL_PLAIN: Method(exchange=Exchange.SASL, mechanism="PLAIN", in_clear=True, built=True),
    Authentication.SASL_CRAM_MD5: Method(exchange=Exchange.SASL, mechanism="CRAM-MD5"),
    Authentication.SASL_DIGEST_MD5: Method(exchange=Exchange.SASL, mechanism="DIGEST-MD5"),
    Authentication.SASL_NTLM: Method(exchange=Exchange.SASL, mechanism="NTLM"),
    Authentication.SASL_MSN: Method(exchange=Exchange.SASL, mechanism="MSN"),
    Authentication.SASL_GSS: Method(exchange=Exchange.SASL, mechanism="GSSAPI"),
    Authentication.SASL_SCRAM_SHA_256: Method(exchange=Exchange.SASL, mechanism="SCRAM-SHA-256"),
    Authentication.SASL_XOAUTH2: Method(exchange=Exchange.SASL, mechanism="XOAUTH2", in_clear=True),
    Authentication.SASL_OAUTHBEARER: Method(exchange=Exchange.SASL, mechanism="OAUTHBEARER", in_clear=True),
}


@dataclass(frozen=True, slots=True)
class Credentials:
    """User name and password of a mail account. Never printed."""

    username: str
    password: str = field(repr=False)


SaslClient = Callable[[bytes], bytes]
"""Answers a server's challenge; both without base64."""


def problem(authentication: Authentication, protocol: Protocol) -> str | None:
    """Why this method cannot be used with this protocol, in a sentence; None where it can."""
    method = METHODS[authentication]
    if protocol == "folder" and authentication is not Authentication.NONE:
        return "a folder of this machine has no account to log in to: its authentication is none"
    if protocol in method.excluded:
        return f"authentication {authentication} does not go with {protocol.upper()}: {method.excluded[protocol]}"
    if not method.built:
        ready = ", ".join(name for name, one in METHODS.items() if one.built and protocol not in one.excluded)
        return f"authentication {authentication} is not built yet. Ready for {protocol.upper()}: {ready}"
    return None


def method_for(server: MailServer, protocol: Protocol) -> Method:
    """The server's method, checked: fit for the protocol, and no readable password over a network.

    Raises `MailServerError`.
    """
    text = problem(server.authentication, protocol)
    if text:
        raise MailServerError(Reason.AUTHENTICATION_REFUSED, f"{place(server)}: {text}", temporary=False)
    method = METHODS[server.authentication]
    if method.in_clear:
        check_password_may_travel(server)
    return method


def credentials(server: MailServer, config: HasSecretKey) -> Credentials:
    """User name and password of the server's account, the password revealed. Raises `MailServerError`."""
    if not server.username or server.password is None:
        raise _unusable(server, "username and password have to be set for this authentication")
    try:
        password = reveal(server.password, config)
    except SecretError as error:
        raise _unusable(server, str(error)) from error
    if any(character in password for character in "\r\n\0"):
        raise _unusable(server, "the password holds a line end or a NUL, which no mail server can be told")
    return Credentials(server.username, password)


def sasl_client(method: Method, account: Credentials) -> SaslClient:
    """The client's side of a SASL exchange, for a method that is built."""
    return _SASL[method.mechanism](account)


def answer_in_base64(client: SaslClient, challenge: bytes) -> str:
    """The line that answers a challenge, as POP3 (RFC 5034, 4) and SMTP (RFC 4954, 4) carry both."""
    try:
        decoded = base64.b64decode(challenge)
    except binascii.Error:
        decoded = b""  # LOGIN: some servers ask in plain words
    return base64.b64encode(client(decoded)).decode("ascii")


def refused(server: MailServer, said: str, *, temporary: bool = False) -> MailServerError:
    """The server did not let the account in; `said` are its own words."""
    text = (
        f"{place(server)} refused the log-in of {server.username!r} by {server.authentication}: {said}. "
        "Check username, password and authentication"
    )
    return MailServerError(Reason.AUTHENTICATION_REFUSED, text, temporary=temporary)


def _unusable(server: MailServer, text: str) -> MailServerError:
    return MailServerError(Reason.AUTHENTICATION_REFUSED, f"{place(server)}: {text}", temporary=False)


def _plain(account: Credentials) -> SaslClient:
    """RFC 4616, section 2."""
    return lambda _challenge: f"\0{account.username}\0{account.password}".encode()


def _login(account: Credentials) -> SaslClient:
    """draft-murchison-sasl-login: the user name, then the password, whatever the server calls them."""
    answers = iter((account.username.encode(), account.password.encode()))
    return lambda _challenge: next(answers, b"")


_SASL: Mapping[str, Callable[[Credentials], SaslClient]] = {"PLAIN": _plain, "LOGIN": _login}
