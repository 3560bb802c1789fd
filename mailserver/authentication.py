"""Requirement R10: the table of authentication methods, which goes with which protocol, and what each needs.

A new method is a value of `schemas.settings.Authentication`, one line in `METHODS` and, if it is a new SASL mechanism,
a generator in `sasl.py`; and its page in docs/authentication/.
"""

import base64
import binascii
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum

from mailserver import sasl
from mailserver.connection import Protocol, check_password_may_travel, port_of
from mailserver.errors import MailServerError, SaslError, server_label
from mailserver.sasl import Credentials, Mechanism, SaslExchange, Target
from runtime.security.redaction import printable
from schemas.reasons import Reason
from schemas.settings import Authentication, MailServer


class LoginScheme(StrEnum):
    """How the user and the password reach the server."""

    NOTHING = "nothing"
    COMMAND = "command"  # the protocol's own: LOGIN (RFC 9051, 6.2.3), USER and PASS (RFC 1939, 7)
    APOP = "apop"  # RFC 1939, 7
    SASL = "sasl"  # AUTHENTICATE or AUTH with a mechanism (RFC 4422)


class CredentialKind(StrEnum):
    """What a method logs in with, of a server's settings."""

    NOTHING = "nothing"
    PASSWORD = "username and password"
    TOKEN = "username and oauth"
    TICKET = "a Kerberos ticket"  # requested with username and password, or the process's own


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """One authentication method. `mechanisms`: by any of these, the first that the server offers.

    `in_clear`: somebody who reads the connection can log in. `proves_server`: the server proves that it knows the
    password, too. `excluded`: protocols it cannot go with, and why, in a sentence.
    """

    scheme: LoginScheme
    needs: CredentialKind = CredentialKind.PASSWORD
    mechanisms: Mapping[str, Mechanism] = field(default_factory=dict)
    in_clear: bool = False
    proves_server: bool = False
    excluded: Mapping[Protocol, str] = field(default_factory=dict)


_NEEDS_ACCOUNT = "a mailbox belongs to an account, so its server needs a login"
_APOP_IS_POP3 = "APOP is a command of POP3 and not a SASL method"
_SMTP_HAS_NO_LOGIN = "SMTP knows no login but SASL: choose sasl-plain or sasl-login"
_NO_LOGIN: Mapping[Protocol, str] = {
    "folder": "a folder of this machine needs no login: choose none",
    "mapi": "the profile says how to log in with MAPI: choose none",
}


def _sasl(
    mechanisms: Mapping[str, Mechanism],
    needs: CredentialKind = CredentialKind.PASSWORD,
    *,
    in_clear: bool = False,
    proves_server: bool = False,
) -> Method:
    return Method(
        scheme=LoginScheme.SASL,
        needs=needs,
        mechanisms=mechanisms,
        in_clear=in_clear,
        proves_server=proves_server,
        excluded=_NO_LOGIN,
    )


METHODS: Mapping[Authentication, Method] = {
    Authentication.NONE: Method(
        scheme=LoginScheme.NOTHING,
        needs=CredentialKind.NOTHING,
        excluded={"imap": _NEEDS_ACCOUNT, "pop3": _NEEDS_ACCOUNT},
    ),
    Authentication.STANDARD: Method(
        scheme=LoginScheme.COMMAND, in_clear=True, excluded={"smtp": _SMTP_HAS_NO_LOGIN, **_NO_LOGIN}
    ),
    Authentication.APOP: Method(
        scheme=LoginScheme.APOP, excluded={"imap": _APOP_IS_POP3, "smtp": _APOP_IS_POP3, **_NO_LOGIN}
    ),
    Authentication.SASL_LOGIN: _sasl({"LOGIN": sasl.login}, in_clear=True),
    Authentication.SASL_PLAIN: _sasl({"PLAIN": sasl.plain}, in_clear=True),
    Authentication.SASL_CRAM_MD5: _sasl({"CRAM-MD5": sasl.cram_md5}),
    Authentication.SASL_DIGEST_MD5: _sasl({"DIGEST-MD5": sasl.digest_md5}, proves_server=True),
    Authentication.SASL_NTLM: _sasl({"NTLM": sasl.ntlm}),
    # Requirement R10.21: NTLM, by the name that the server gives it
    Authentication.SASL_MSN: _sasl({"MSN": sasl.ntlm, "NTLM": sasl.ntlm}),
    Authentication.SASL_GSS: _sasl({"GSSAPI": sasl.gssapi}, CredentialKind.TICKET),
    Authentication.SASL_SCRAM_SHA_256: _sasl({"SCRAM-SHA-256": sasl.scram_sha_256}, proves_server=True),
    Authentication.SASL_XOAUTH2: _sasl({"XOAUTH2": sasl.xoauth2}, CredentialKind.TOKEN, in_clear=True),
    Authentication.SASL_OAUTHBEARER: _sasl({"OAUTHBEARER": sasl.oauthbearer}, CredentialKind.TOKEN, in_clear=True),
}
_SERVICES: Mapping[Protocol, str] = {"imap": "imap", "pop3": "pop", "smtp": "smtp"}


def problem(authentication: Authentication, protocol: Protocol) -> str | None:
    """Why this method cannot be used with this protocol, in a sentence; None if it can."""
    excluded = METHODS[authentication].excluded.get(protocol)
    if excluded is None:
        return None
    return f"authentication {authentication} does not go with {protocol.upper()}: {excluded}"


def missing(server: MailServer) -> str | None:
    """What the server's method needs and its settings do not have, in a sentence; None if nothing is missing."""
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
    """The server's method, checked: fit for the protocol, and no password in clear text over a network.

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
    """Around one AUTHENTICATE or AUTH: the mechanism's name, and what responds to the server's challenges.

    `offered`: the server's mechanisms; empty if it does not say. Raises `MailServerError` before anything is sent if it
    offers none of the method's; and if its own part of the exchange is wrong or left out.
    """
    method = METHODS[server.authentication]
    mechanism = _mechanism(server, method, {name.upper() for name in offered})
    target = Target(_SERVICES[protocol], server.host, port_of(server, protocol))
    try:
        exchange = SaslExchange(method.mechanisms[mechanism], account, target)
        yield mechanism, exchange
        if method.proves_server and not exchange.ended:
            raise SaslError("the server did not prove that it knows the password: it may be another one")
    except SaslError as error:
        raise unusable(server, f"the login by {server.authentication} failed: {printable(error)}") from error


def _mechanism(server: MailServer, method: Method, offered: set[str]) -> str:
    for name in method.mechanisms:
        if name in offered or not offered:
            return name
    text = (
        f"the server does not offer {' or '.join(method.mechanisms)}; it offers "
        f"{printable(', '.join(sorted(offered)))}. Choose one of these as authentication, or have the method "
        "enabled at the server"
    )
    raise unusable(server, text)


def response_in_base64(exchange: SaslExchange, challenge: bytes) -> str:
    """The line that responds to a challenge, as POP3 (RFC 5034, 4) and SMTP (RFC 4954, 4) carry both."""
    try:
        decoded = base64.b64decode(challenge)
    except binascii.Error:
        decoded = b""  # LOGIN: some servers ask in plain text
    return base64.b64encode(exchange(decoded)).decode("ascii")


def logged_in(server: MailServer) -> str:
    """Who was let in, for people."""
    return f"logged in {f'as {server.username} ' if server.username else ''}by {server.authentication}"


def refused(server: MailServer, said: str, *, temporary: bool = False) -> MailServerError:
    """The server did not let the account in; `said` are its own words."""
    text = (
        f"{server_label(server)} refused the login of {server.username!r} by {server.authentication}: {said}. "
        "Check username, password and authentication"
    )
    return MailServerError(Reason.AUTHENTICATION_REFUSED, text, temporary=temporary)


def unusable(server: MailServer, text: str) -> MailServerError:
    """A login cannot be attempted with these settings."""
    return MailServerError(Reason.AUTHENTICATION_REFUSED, f"{server_label(server)}: {text}", temporary=False)
