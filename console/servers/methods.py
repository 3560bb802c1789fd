"""Methods of Authentication for Mail Servers, in the requirement's words: which a type of server offers, and why not
the others."""

from collections.abc import Mapping
from dataclasses import dataclass

from console.web.labels import word
from console.web.wording import in_labels
from mailserver.authentication import METHODS, CredentialKind, problem
from mailserver.connection import Protocol
from schemas.settings import Authentication

_MIGHT_NOT = "Might not be supported by particular server implementations."
_NOT_SECURE = "It is not secure but is widely supported. Passwords are transmitted as Base64 strings."

# Requirement R10.1 to R10.22, word by word; below them the three that it does not name.
_DESCRIPTIONS: Mapping[Authentication, str] = {
    Authentication.NONE: "No authentication is used. This is often used with SMTP servers.",
    Authentication.STANDARD: (
        "The Standard authentication method is used. Passwords are transmitted as clear-text. "
        "This method is not supported by SMTP servers."
    ),
    Authentication.APOP: (
        "Secure APOP authentication. This is supported by most POP3 servers, but cannot be used with other servers "
        "like SMTP because APOP is not a SASL method."
    ),
    Authentication.SASL_LOGIN: f"SASL LOGIN authentication. {_NOT_SECURE}",
    Authentication.SASL_PLAIN: f"SASL PLAIN authentication. {_NOT_SECURE}",
    Authentication.SASL_CRAM_MD5: f"Secure SASL CRAM-MD5 authentication. {_MIGHT_NOT}",
    Authentication.SASL_DIGEST_MD5: f"Secure SASL DIGEST-MD5 authentication. {_MIGHT_NOT}",
    Authentication.SASL_NTLM: (
        f"Secure SASL NTLM authentication (also known as Secure Password Authentication - SPA). {_MIGHT_NOT}"
    ),
    Authentication.SASL_MSN: f"Secure SASL MSN authentication (equivalent to NTLM). {_MIGHT_NOT}",
    Authentication.SASL_GSS: (
        "Secure SASL GSS API authentication (Kerberos). Used to authenticate the current Windows account in Windows "
        "domain environments such as Active Directory."
    ),
    Authentication.SASL_SCRAM_SHA_256: (
        f"Secure SASL SCRAM-SHA-256 authentication: the server proves that it knows the password, too. {_MIGHT_NOT}"
    ),
    Authentication.SASL_XOAUTH2: (
        "OAuth2: a token of the provider instead of a password, as Microsoft 365 and Gmail ask for."
    ),
    Authentication.SASL_OAUTHBEARER: (
        "OAuth2 by the Internet standard (RFC 7628): a token of the provider instead of a password. Gmail offers it."
    ),
}


@dataclass(frozen=True, slots=True)
class MethodChoice:
    """A method as one type of server offers it. `why_not`: a sentence, empty where it can be chosen.

    `in_clear`: an eavesdropper on the connection has what is needed to log in.
    """

    value: Authentication
    label: str
    description: str
    needs: CredentialKind
    in_clear: bool
    why_not: str


def method_choices(protocol: Protocol) -> tuple[MethodChoice, ...]:
    """Every method in the requirement's order, for a type of server."""
    return tuple(
        MethodChoice(
            value,
            method_label(value),
            description,
            METHODS[value].needs,
            METHODS[value].in_clear,
            in_labels(problem(value, protocol) or ""),
        )
        for value, description in _DESCRIPTIONS.items()
    )


def method_label(value: Authentication) -> str:
    return "(No authentication)" if value is Authentication.NONE else word(value)
