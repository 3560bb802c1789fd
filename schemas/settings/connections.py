"""How to connect and log in to a mail server: security, authentication, passwords, OAuth2."""

from enum import StrEnum
from typing import Literal

from pydantic import Field

from schemas.base import Checked, Id, Line, together

# https, but for this machine itself
ADDRESS_PATTERN = r"^(https://|http://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?/)[^\x00-\x20\x7f]*$"


class Security(StrEnum):
    """How the connection to a mail server is protected."""

    NONE = "none"
    STARTTLS = "starttls"
    TLS = "tls"


class Authentication(StrEnum):
    """Requirement R10.1: its methods by their own names, and beyond them SCRAM and OAuth2."""

    NONE = "none"
    STANDARD = "standard"
    APOP = "apop"
    SASL_LOGIN = "sasl-login"
    SASL_PLAIN = "sasl-plain"
    SASL_CRAM_MD5 = "sasl-cram-md5"
    SASL_DIGEST_MD5 = "sasl-digest-md5"
    SASL_NTLM = "sasl-ntlm"
    SASL_MSN = "sasl-msn"
    SASL_GSS = "sasl-gss"
    SASL_SCRAM_SHA_256 = "sasl-scram-sha-256"
    SASL_XOAUTH2 = "sasl-xoauth2"
    SASL_OAUTHBEARER = "sasl-oauthbearer"


class Secret(Checked):
    """A password without the password: exactly one of a sealed box, an environment variable, a mounted file."""

    sealed: str | None = Field(None, description="base64 of a NaCl sealed box; only the processes can open it")
    env: Line | None = Field(None, description="name of an environment variable of the process that uses it")
    file: Line | None = Field(None, description="path of a file mounted into the process that uses it")

    TOGETHER = (
        together(
            "sealed env file",
            lambda secret: sum(value is not None for value in (secret.sealed, secret.env, secret.file)) == 1,
            "a password is given as exactly one of sealed, env or file",
            "leave one of them",
        ),
    )


class OAuth(Checked):
    """Where tokens come from, for sasl-xoauth2 and sasl-oauthbearer (RFC 6749).

    With `refresh_token` the refresh-token flow (section 6), without it the client-credentials flow (section 4.4).
    """

    token_url: str = Field(
        pattern=ADDRESS_PATTERN,
        max_length=1000,
        description="the provider's token endpoint; https, but for this machine itself",
    )
    client_id: Line = Field(min_length=1, description="the application's id at the provider")
    client_secret: Secret | None = Field(None, description="the application's secret, where it has one")
    refresh_token: Secret | None = Field(None, description="the account's consent; not with client credentials")
    scope: Line = Field("", description="what is asked for, words with blanks between; the provider's default if empty")
    ca_file: Line | None = Field(None, description="PEM file of the authority that signed the endpoint's certificate")

    TOGETHER = (
        together(
            "client_secret refresh_token",
            lambda oauth: oauth.client_secret is not None or oauth.refresh_token is not None,
            "client_secret (client credentials) or refresh_token (an account's consent) has to be set",
            "set the one that the provider gave",
        ),
    )


class MailServer(Checked):
    """What incoming and outgoing servers have in common: where it is and how to log in."""

    id: Id = Field(description="the server's name in topics, logs and commands")
    name: Line = Field("", description="what people call it")
    enabled: bool = Field(True, description="a disabled server is not spoken to; its mail waits")
    host: Line = Field("localhost", description="host name or IP address; the certificate must be for it")
    port: int | None = Field(None, ge=1, le=65535, description="the protocol's own port when left out")
    security: Security = Field(Security.TLS, description="how the connection is protected")
    ca_file: Line | None = Field(None, description="PEM file of the authority that signed the server's certificate")
    minimum_tls: Literal["1.2", "1.3"] = Field("1.2", description="the oldest TLS version that is accepted")
    authentication: Authentication = Field(
        Authentication.STANDARD, description="how the account is logged in to (Requirement R10.1)"
    )
    username: Line | None = Field(None, description="of the mail account, for every method but none")
    password: Secret | None = Field(
        None, description="of the mail account: sealed, or where to find it; never in clear"
    )
    oauth: OAuth | None = Field(None, description="where tokens come from, for sasl-xoauth2 and sasl-oauthbearer")
    allow_password_in_clear: bool = Field(
        False, description="must be set before a password goes over an unencrypted connection to another machine"
    )
    timeout_seconds: float = Field(60, gt=0, le=600, description="how long one answer of the server is waited for")
