"""The MAPI profile: how to connect and log in to Exchange (Requirement R5.2, R9.2)."""

from collections.abc import Callable
from datetime import date
from typing import Literal

from pydantic import Field

from schemas.base import Checked, Id, Line, Together, together
from schemas.settings.connections import ADDRESS_PATTERN, Secret

Cloud = Literal["global", "us-government", "us-defense", "china"]  # Microsoft's national clouds


_PROOFS = ("client_secret", "certificate", "token_file", "managed_identity")  # of the application, one of them


def _is_of_directory(profile: "MapiProfile") -> bool:
    return profile.transport == "graph" or profile.authentication == "oauth2"


def _given(profile: "MapiProfile", names: tuple[str, ...]) -> list[str]:
    return [name for name in names if getattr(profile, name)]


def _is_ews(profile: "MapiProfile") -> bool:
    return profile.transport == "ews"


def _is_graph(profile: "MapiProfile") -> bool:
    return profile.transport == "graph"


def _has_account(profile: "MapiProfile") -> bool:
    return profile.transport == "ews" and profile.authentication != "oauth2"


def _needed_at_directory(name: str) -> Together:
    return together(
        f"{name} transport authentication managed_identity",
        lambda profile: not _is_of_directory(profile) or profile.managed_identity or getattr(profile, name),
        f"a log-in at a directory needs {name}",
        "copy it from the application's page in Microsoft Entra",
    )


def _needed_with_password(name: str) -> Together:
    return together(
        f"{name} transport authentication",
        lambda profile: (
            profile.transport != "ews" or profile.authentication not in ("basic", "ntlm") or getattr(profile, name)
        ),
        f"basic and ntlm need {name}",
        "enter it, or choose kerberos or oauth2",
    )


def _only_with(name: str, fits: Callable[["MapiProfile"], bool], what: str) -> Together:
    """The field of this name may be set only where the profile `fits`, which `what` says in words."""
    return together(
        f"{name} transport authentication",
        lambda profile: not getattr(profile, name) or fits(profile),
        f"{name} goes with {what}",
        "leave it out, or choose that",
    )


class MapiProfile(Checked):
    """Requirement R5.2, R9.2: how Exchange is reached and logged in to, configured before a MAPI server names it.

    Transport `graph` is Microsoft Graph, for Exchange Online; `ews` is Exchange Web Services, for Exchange Server.
    """

    kind: Literal["mapi-profile"] = "mapi-profile"
    id: Id = Field(description="the profile's name in servers, topics and commands")
    name: Line = Field("", description="what people call it")
    transport: Literal["graph", "ews"] = Field(
        description="graph: Exchange Online; ews: Exchange Server 2019 and Subscription Edition, and what speaks as it"
    )
    # of the directory: with graph, and with ews by oauth2
    cloud: Cloud = Field("global", description="whose Microsoft 365 it is, for what is logged in to at a directory")
    tenant: Line | None = Field(None, description="with graph: the directory's id, or one of its domains")
    client_id: Line | None = Field(None, description="the application's id in the directory")
    client_secret: Secret | None = Field(None, description="the application's secret")
    certificate: Secret | None = Field(
        None, description="instead of a secret: PEM of the application's certificate and its private key"
    )
    token_file: Line | None = Field(
        None, description="instead of a secret: file with the platform's token for the application (workload identity)"
    )
    managed_identity: bool = Field(
        False, description="instead of a secret: the identity of the machine in Azure; client_id names one of several"
    )
    secret_ends: date | None = Field(
        None, description="the day that the secret ends, as the directory shows it; a certificate says it itself"
    )
    # ews
    url: str | None = Field(
        None,
        pattern=ADDRESS_PATTERN,
        max_length=1000,
        description="with ews: address of its EWS; only with kerberos it is found by itself if empty",
    )
    authentication: Literal["basic", "ntlm", "kerberos", "oauth2"] = Field(
        "ntlm", description="with ews: how the account is logged in to; oauth2 takes tenant and client_id besides"
    )
    username: Line | None = Field(None, description="with ews: the account, as DOMAIN\\name or name@domain")
    password: Secret | None = Field(None, description="with ews: the account's password")
    impersonation: bool = Field(
        False, description="with ews: the account acts as each mailbox (ApplicationImpersonation), not as its delegate"
    )
    # both
    login_url: str | None = Field(
        None, pattern=ADDRESS_PATTERN, max_length=1000, description="another address than the cloud's own to log in at"
    )
    graph_url: str | None = Field(
        None, pattern=ADDRESS_PATTERN, max_length=1000, description="another address than the cloud's own for Graph"
    )
    ca_file: Line | None = Field(None, description="PEM file of the authority that signed the servers' certificates")
    timeout_seconds: float = Field(60, gt=0, le=600, description="how long one answer is waited for")

    # The first field of each is the one that is put right.
    TOGETHER = (
        together(
            "client_secret certificate token_file managed_identity transport authentication",
            lambda profile: not _is_of_directory(profile) or len(_given(profile, _PROOFS)) == 1,
            "the application is proved by exactly one of client_secret, certificate, token_file and managed_identity",
            "set the one that the directory knows, and leave out the others",
        ),
        *(_needed_at_directory(name) for name in ("tenant", "client_id")),
        *(_needed_with_password(name) for name in ("username", "password")),
        # A ticket of Kerberos is good for one host of the realm. A password or token would be whoever's is answered.
        together(
            "url transport authentication",
            lambda profile: profile.transport != "ews" or profile.authentication == "kerberos" or profile.url,
            "basic, ntlm and oauth2 need url: whoever answers for the mailbox's domain would get the password or token",
            "enter it, such as https://mail.example.org/EWS/Exchange.asmx",
        ),
        together(
            "username password authentication",
            lambda profile: profile.password is None or profile.username or profile.authentication != "kerberos",
            "a password goes with a username",
            "set username as well, or leave the password out",
        ),
        together(
            "secret_ends client_secret",
            lambda profile: profile.secret_ends is None or profile.client_secret is not None,
            "secret_ends is the end of a client_secret",
            "leave it out: a certificate says itself when it ends",
        ),
        *(_only_with(name, _is_ews, "transport: ews") for name in ("url", "impersonation")),
        _only_with("graph_url", _is_graph, "transport: graph"),
        *(
            _only_with(name, _has_account, "transport: ews and another authentication than oauth2")
            for name in ("username", "password")
        ),
        *(
            _only_with(name, _is_of_directory, "transport: graph, or transport: ews with authentication: oauth2")
            for name in ("tenant", "client_id", "login_url", *_PROOFS)
        ),
    )

    @property
    def logs_in_at_directory(self) -> bool:
        """Whether Microsoft Entra gives a token for it."""
        return _is_of_directory(self)

    @property
    def needs_mailbox(self) -> bool:
        """Whether its login cannot be tested without a mailbox: each request to Exchange Web Services is about one."""
        return _is_ews(self)
