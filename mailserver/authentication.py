"""Requirement R10: the methods of authentication, which goes with which protocol, and what each needs."""

import base64
import binascii
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum

from mailserver.connection import Protocol, port_of
from mailserver.errors import MailServerError, server_label
from mailserver.sasl import Credentials, SaslExchange, Target
from mailserver.sasl_error import SaslError
from mailserver.security import check_password_may_travel
from runtime.foreign_words import words
from schemas.reasons import Reason
from schemas.settings import Authentication, MailServer


class LoginScheme(StrEnum):
    """How the user and the password reach the server."""

    NOTHING = "nothing"
    COMMAND = "command"  # the protocol's own: LOGIN (RFC 9051, 6.2.3), USER and PASS (RFC 1939, 7)
    APOP = "apop"  # RFC 1939, 7
    SASL = "sasl"  # AUTHENTICATE or AUTH with a mechanism (RFC 4422)


class CredentialKind(StrEnum):
    """What of a server's settings a method logs in with."""

    NOTHING = "nothing"
    PASSWORD = "username and password"
    TOKEN = "username and oauth"
    TICKET = "a Kerberos ticket"  # got with username and password, or the process's own


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """One authentication method. `mechanisms`: by any of these names, the first that the server offers.

    `in_clear`: who reads the connection can log in. `proves_server`: the server proves that it knows the password, too.
    `excluded`: protocols it cannot go with, and why, in a sentence.
    """

    exchange: LoginScheme
    needs: CredentialKind = CredentialKind.PASSWORD
    mechanisms: tuple[str, ...] = ()
    in_clear: bool = False
    proves_server: bool = False
    excluded: Mapping[Protocol, str] = field(default_factory=dict)


_NEEDS_ACCOUNT = "a mailbox belongs to an account, so its server has to be logged in to"
_APOP_IS_POP3 = "APOP is a command of POP3 and not a SASL method"
_SMTP_HAS_NO_LOGIN = "SMTP knows no log-in but SASL: choose sasl-plain or sasl-login"
_NO_LOGIN: Mapping[Protocol, str] = {
    "folder": "a folder of this machine is not logged in to: choose none",
    "mapi": "the profile says how MAPI is logged in to: choose none",
}


def _sasl(
    *mechanisms: str,
    needs: CredentialKind = CredentialKind.PASSWORD,
    in_clear: bool = False,
    proves_server: bool = False,
) -> Method:
    return Method(
        exchange=LoginScheme.SASL,
        needs=needs,
        mechanisms=mechanisms,
        in_clear=in_clear,
        proves_server=proves_server,
        excluded=_NO_LOGIN,
    )


METHODS: Mapping[Authentication, Method] = {
    Authentication.NONE: Method(
        exchange=LoginScheme.NOTHING,
        needs=CredentialKind.NOTHING,
        excluded={"imap": _NEEDS_ACCOUNT, "pop3": _NEEDS_ACCOUNT},
    ),
    Authentication.STANDARD: Method(
        exchange=LoginScheme.COMMAND, in_clear=True, excluded={"smtp": _SMTP_HAS_NO_LOGIN, **_NO_LOGIN}
    ),
    Authentication.APOP: Method(
        exchange=LoginScheme.APOP, excluded={"imap": _APOP_IS_POP3, "smtp": _APOP_IS_POP3, **_NO_LOGIN}
    ),
    Authentication.SASL_LOGIN: _sasl("LOGIN", in_clear=True),
    Authentication.SASL_PLAIN: _sasl("PLAIN", in_clear=True),
    Authentication.SASL_CRAM_MD5: _sasl("CRAM-MD5"),
    Authentication.SASL_DIGEST_MD5: _sasl("DIGEST-MD5", proves_server=True),
    Authentication.SASL_NTLM: _sasl("NTLM"),
    Authentication.SASL_MSN: _sasl("MSN", "NTLM"),  # Requirement R10.21: NTLM, by the name that the server gives it
    Authentication.SASL_GSS: _sasl("GSSAPI", needs=CredentialKind.TICKET),
    Authentication.SASL_SCRAM_SHA_256: _sasl("SCRAM-SHA-256", proves_server=True),
    Authentication.SASL_XOAUTH2: _sasl("XOAUTH2", needs=CredentialKind.TOKEN, in_clear=True),
    Authentication.SASL_OAUTHBEARER: _sasl("OAUTHBEARER", needs=CredentialKind.TOKEN, in_clear=True),
}
_SERVICES: Mapping[Protocol, str] = {"imap": "imap", "pop3": "pop", "smtp": "smtp"}


def problem(authentication: Authentication, protocol: Protocol) -> str | None:
    """Why this method cannot be used with this protocol, in a sentence; None where it can."""
    excluded = METHODS[authentication].excluded.get(protocol)
    if excluded is None:
        return None
    return f"authentication {authentication} does not go with {protocol.upper()}: {excluded}"


def missing(server: MailServer) -> str | None:
    """What the server's method needs and its settings do not give, in a sentence; None where all is there."""
    given = {
        CredentialKind.NOTHING: True,
        CredentialKind.PASSWORD: bool(server.username) and server.password is not None,
        CredentialKind.TOKEN: bool(server.username) and server.oauth is not None,
        CredentialKind.TICKET: bool(server.username) or server.password is None,
    }
    need = METHODS[server.authentication].needs
    if given[need]:
        return None
    what = "a username beside the password" if need is CredentialKind.TICKET else str(need)
    return f"authentication {server.authentication} needs {what}"


def method_for(server: MailServer, protocol: Protocol) -> Method:
    """The server's method, checked: fit for the protocol, and no readable password over a network.

    Raises `MailServerError`.
    """
    text = problem(server.authentication, protocol) or missing(server)
    if text:
        raise unusable(server, text)
    method = METHODS[server.authentication]
    if method.in_clear:
        check_password_may_travel(server)
    return method


@contextmanager
def sasl_log_in(
    server: MailServer, protocol: Protocol, account: Credentials, offered: Collection[str]
) -> Iterator[tuple[str, SaslExchange]]:
    """Around one AUTHENTICATE or AUTH: the mechanism's name, and what answers the server's challenges.

    `offered`: the server's mechanisms; empty where it does not say. Raises `MailServerError` before anything is sent
    where it offers none of the method's; and where its own part of the exchange is wrong or left out.
    """
    method = METHODS[server.authentication]
    mechanism = _mechanism(server, method, {name.upper() for name in offered})
    target = Target(_SERVICES[protocol], server.host, port_of(server, protocol))
    try:
        exchange = SaslExchange(mechanism, account, target)
        yield mechanism, exchange
        if method.proves_server and not exchange.ended:
            raise SaslError("the server did not prove that it knows the password: it may be another one")
    except SaslError as error:
        raise unusable(server, f"the log-in by {server.authentication} failed: {words(error)}") from error


def _mechanism(server: MailServer, method: Method, offered: set[str]) -> str:
    for name in method.mechanisms:
        if name in offered or not offered:
            return name
    text = (
        f"the server does not offer {' or '.join(method.mechanisms)}; it offers {words(', '.join(sorted(offered)))}. "
        "Choose one of these as authentication, or have the method switched on at the server"
    )
    raise unusable(server, text)


def response_in_base64(exchange: SaslExchange, challenge: bytes) -> str:
    """The line that answers a challenge, as POP3 (RFC 5034, 4) and SMTP (RFC 4954, 4) carry both."""
    try:
        decoded = base64.b64decode(challenge)
    except binascii.Error:
        decoded = b""  # LOGIN: some servers ask in plain words
    return base64.b64encode(exchange(decoded)).decode("ascii")


def logged_in(server: MailServer) -> str:
    """Who was let in, for people."""
    return f"logged in {f'as {server.username} ' if server.username else ''}by {server.authentication}"


def refused(server: MailServer, said: str, *, temporary: bool = False) -> MailServerError:
    """The server did not let the account in; `said` are its own words."""
    text = (
        f"{server_label(server)} refused the log-in of {server.username!r} by {server.authentication}: {said}. "
        "Check username, password and authentication"
    )
    return MailServerError(Reason.AUTHENTICATION_REFUSED, text, temporary=temporary)


def unusable(server: MailServer, text: str) -> MailServerError:
    """The log-in cannot be tried as it is set."""
    return MailServerError(Reason.AUTHENTICATION_REFUSED, f"{server_label(server)}: {text}", temporary=False)
