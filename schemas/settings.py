"""What an administrator sets up: the values of the `settings` topic, one model a kind.

The words are the requirement's: Email Settings window, Incoming and Outgoing Email Servers, Call Template, Priority
Matrix.
"""

from collections.abc import Callable, Iterator
from datetime import date
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from schemas.addresses import SafeAddress, SenderPattern
from schemas.base import FieldName, Id, Line, Model
from schemas.notification_rules import AutoReplyLimits, Group, NotificationRule, Role
from schemas.together import Checked, Misfit, Together, together

# https, but for this machine itself
ADDRESS_PATTERN = r"^(https://|http://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?/)[^\x00-\x20\x7f]*$"
Cloud = Literal["global", "us-government", "us-defense", "china"]  # Microsoft's national clouds

UNPARTITIONED = "desk"  # the id of the one partition of a desk without partitioning


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


class Format(StrEnum):
    """Requirement R3.9: the format of a mail that goes out."""

    HTML = "html"
    TEXT = "text"


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


class RateLimits(Model):
    """How many mails are accepted within `minutes` before the rest is taken for a flood; 0: any number."""

    minutes: int = Field(60, ge=1, le=1440, description="the window that is looked back upon, by the mails' own dates")
    per_sender: int = Field(500, ge=0, description="mails of one sender at this server")
    per_sender_and_item: int = Field(100, ge=0, description="mails of one sender to one call, task or request")
    per_server: int = Field(0, ge=0, description="mails of all senders at this server")


def _off(value: object) -> object:
    """YAML 1.1 takes the bare word off for false."""
    return "off" if value is False else value


ItemRole = Literal["user", "logging-analyst", "any-analyst"]

_MAPI = (
    together(
        "protocol profile mailbox",
        lambda server: all(
            (value is not None) == (server.protocol == "mapi") for value in (server.profile, server.mailbox)
        ),
        "profile and mailbox go with protocol: mapi, and only with it",
        "choose the MAPI profile and the mailbox's address, or leave both out",
    ),
)


class IncomingServer(MailServer):
    """Requirement R3.16: a server that mail is received from."""

    kind: Literal["incoming-server"] = "incoming-server"
    protocol: Literal["imap", "pop3", "mapi", "folder"] = Field(description="how mail is fetched")
    profile: Id | None = Field(None, description="with protocol mapi: the MAPI profile that leads to Exchange")
    mailbox: SafeAddress | None = Field(None, description="with protocol mapi: the address of the mailbox")
    folder: Line = Field("INBOX", description="the IMAP folder that is read")
    path: Line | None = Field(
        None, description="with protocol folder: a Maildir, or a directory of .eml files, that ingest can read"
    )
    max_mail_bytes: int = Field(
        50_000_000,
        ge=100_000,
        le=1_000_000_000,
        description="a larger mail is logged with its headers and first part; its bytes are kept in the blob store",
    )
    poll_seconds: float = Field(
        60, gt=0, allow_inf_nan=False, description="how often to look when the server does not call"
    )
    after_fetch: Literal["leave", "seen", "move", "delete"] = Field(
        "seen", description="what becomes of a mail on its server once the broker has acknowledged it"
    )
    move_to: Line | None = Field(
        None, description="with after_fetch: move, the IMAP folder for fetched mail, or the directory within path"
    )
    start_from: Literal["now", "beginning"] = Field("now", description="what a first look at a full mailbox takes")
    call_template: Id = Field(description="the Call Template that calls from this server are logged with")
    default_logging_analyst: Id = Field(
        description="the person who is Logging Analyst unless Use Linked Analyst applies"
    )
    use_linked_analyst: bool = Field(
        False, description="an Analyst who sends a mail is the Logging Analyst of its call"
    )
    close_words: tuple[Line, ...] = Field(
        ("#close", "#closed", "#resolved"), description="first line or subject that closes the item"
    )
    may_close: tuple[ItemRole, ...] = Field(
        ("user", "logging-analyst", "any-analyst"),
        description="who may close an item by mail: as what they stand in it",
    )
    trust: Annotated[Literal["off", "mark", "quarantine"], BeforeValidator(_off)] = Field(
        "off",
        description="what is asked of Authentication-Results. mark: who is not proved has no Analyst's rights and "
        "changes no state; quarantine: besides, the mail of whoever fails is held until somebody releases it",
    )
    authserv_id: Line | None = Field(
        None,
        min_length=1,
        description="the name that this mailbox's own mail system writes into Authentication-Results; "
        "*.example.com where each of its hosts writes its own; - where it writes none (Microsoft 365)",
    )
    reply_to_is_sender: tuple[SenderPattern, ...] = Field(
        (),
        description="forms, lists and groups that write for others, addresses (noreply@shop.example) and domains "
        "without their subdomains (@lists.example): the sender of their mail is whom Reply-To names, else "
        "X-Original-From or X-Original-Sender",
    )
    oversize: Literal["log", "reject"] = Field("log", description="what becomes of a mail above max_mail_bytes")
    floods: RateLimits = Field(default_factory=RateLimits, description="when many mails are a flood")

    @model_validator(mode="before")
    @classmethod
    def _folder_needs_no_login(cls, data: Any) -> Any:
        """A folder of this machine has no connection to protect and no account; those of MAPI are its profile's."""
        if isinstance(data, dict) and data.get("protocol") in ("folder", "mapi"):
            return {"authentication": Authentication.NONE, "security": Security.NONE, **data}
        return data

    TOGETHER = (
        *_MAPI,
        together(
            "after_fetch move_to",
            lambda server: (server.after_fetch == "move") == (server.move_to is not None),
            "move_to goes with after_fetch: move, and only with it",
            "set both, or neither",
        ),
        together(
            "protocol after_fetch",
            lambda server: server.protocol != "pop3" or server.after_fetch != "move",
            "POP3 has one mailbox: folder and move are IMAP's",
            "choose another after_fetch, or protocol: imap",
        ),
        together(
            "protocol folder",
            lambda server: server.protocol != "pop3" or server.folder == "INBOX",
            "POP3 has one mailbox: folder and move are IMAP's",
            "leave folder out, or choose protocol: imap",
        ),
        together(
            "protocol path",
            lambda server: (server.protocol == "folder") == (server.path is not None),
            "path goes with protocol: folder, and only with it",
            "set both, or neither",
        ),
        together(
            "trust authserv_id",
            lambda server: server.trust == "off" or server.authserv_id is not None,
            "trust: mark and trust: quarantine need authserv_id: whose Authentication-Results is believed",
            "set authserv_id, see docs/trust.md, or trust: off",
        ),
    )


class OutgoingServer(MailServer):
    """Requirement R3.13: a server that mail is sent through."""

    kind: Literal["outgoing-server"] = "outgoing-server"
    protocol: Literal["smtp", "mapi"] = Field("smtp", description="how mail is sent")
    profile: Id | None = Field(None, description="with protocol mapi: the MAPI profile that leads to Exchange")
    mailbox: SafeAddress | None = Field(None, description="with protocol mapi: the mailbox that sends")
    save_sent: bool = Field(True, description="with protocol mapi: keep a copy in the mailbox's Sent Items")
    authentication: Authentication = Field(
        Authentication.NONE, description="none, or a SASL method: standard and apop are not supported by SMTP servers"
    )
    from_address: SafeAddress = Field(description="the address in From of every mail sent here")
    from_name: Line = Field("", description="the name in From, such as the name of the desk")
    reply_to: SafeAddress | None = Field(None, description="where answers go: the partition's incoming address")
    bounce_address: SafeAddress | None = Field(
        None, description="where other servers report what they cannot deliver; they report nothing when left out"
    )
    fallback: Id | None = Field(None, description="the outgoing server that sends while this one cannot")
    connections: int = Field(2, ge=1, le=20, description="connections that one process keeps to the server at a time")
    mails_per_minute: int = Field(0, ge=0, description="mails that all processes together send here; 0: any number")
    recipients_per_mail: int = Field(50, ge=1, le=1000, description="a mail to more recipients is handed over in parts")

    TOGETHER = _MAPI


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
        """Whether its log-in cannot be tried without a mailbox: Exchange Web Services are asked about one always."""
        return _is_ews(self)


class CallTemplate(Checked):
    """Requirement R2.1: what a call gets that is logged from this template."""

    kind: Literal["call-template"] = "call-template"
    id: Id = Field(description="the template's name; incoming servers refer to it")
    partition: Id = Field(UNPARTITIONED, description="the partition that the call belongs to")
    screen_set: Line = Field("", description="the Screen Set that shows the call")
    ipk_status: Line = Field("", description="the call's first IPK Status")
    ipk_stream: Line = Field("", description="the call's IPK Stream")
    assigned_office: Line = Field("", description="the Office that the call is assigned to")
    assigned_group: Line = Field("", description="the Group that the call is assigned to")
    call_type: Line = Field("", description="the type of the call")
    impact: Line = Field(description="one of the partition's impacts; with urgency it gives the Priority")
    urgency: Line = Field(description="one of the partition's urgencies")
    fields: dict[str, Line] = Field(default_factory=dict, description="defaults for further fields of the call")
    subject_to: tuple[FieldName, ...] = Field(
        ("subject",),
        max_length=5,
        description="where the mail's subject goes: subject, description, or names of further fields",
    )
    body_to: tuple[FieldName, ...] = Field(
        ("description",),
        min_length=1,
        max_length=5,
        description="where the mail's text goes: description, or names of further fields",
    )

    TOGETHER = (
        together(
            "body_to",
            lambda template: "subject" not in template.body_to,
            "body_to: a text of many lines is no subject",
            "name description or a further field",
        ),
    )


ClosedAction = Literal["reopen", "new-call", "journal"]


class AfterClosing(Model):
    """What becomes of a mail to an item that has been closed for at most `within_days` days; None: however long."""

    action: ClosedAction = Field(
        description="reopen the item; log a new-call that is linked to it; keep the mail in its journal, and no more"
    )
    within_days: int | None = Field(None, ge=0, description="how many days it may be closed; any number when left out")


def _unfit_cells(partition: "Partition") -> Iterator[Misfit]:
    """Each cell of the matrix that is empty, or holds no priority of the partition."""
    known = ", ".join(partition.priorities)
    for impact in partition.impacts:
        for urgency in partition.urgencies:
            cell = (("priority_matrix", impact, urgency),)
            priority = partition.priority(impact, urgency)
            if priority is None:
                text = f"the priority matrix has no priority for impact {impact!r}, urgency {urgency!r}"
                yield Misfit(cell, text, f"give it one of: {known}")
            elif priority not in partition.priorities:
                text = f"{priority!r} in the priority matrix is none of the partition's priorities"
                yield Misfit(cell, text, f"give it one of: {known}; or add it to priorities")


class Partition(Checked):
    """A department's part of the desk: its own impact, urgency and priority values and its Priority Matrix."""

    kind: Literal["partition"] = "partition"
    id: Id = Field(
        UNPARTITIONED,
        description="the partition's name in templates, events and commands; a desk without partitioning has one "
        "partition and need not name it",
    )
    name: Line = Field("", description="what people call it; stands in notifications")
    outgoing_server: Id | None = Field(None, description="the default outgoing server when left out")
    impacts: tuple[Line, ...] = Field(min_length=1, description="the Call Impact values")
    urgencies: tuple[Line, ...] = Field(min_length=1, description="the Call Urgency values")
    priorities: tuple[Line, ...] = Field(min_length=1, description="the Call Priority values")
    priority_matrix: dict[str, dict[str, Line]] = Field(description="impact -> urgency -> priority")
    after_closing: tuple[AfterClosing, ...] = Field(
        (AfterClosing(action="reopen", within_days=14), AfterClosing(action="new-call")),
        description="what becomes of a mail to a closed item: the first rule that fits; new-call where none does",
    )

    TOGETHER = (Together(("impacts", "urgencies", "priorities", "priority_matrix"), _unfit_cells),)

    def priority(self, impact: str, urgency: str) -> str | None:
        """The priority of a call, or None where impact or urgency is not the partition's."""
        return self.priority_matrix.get(impact, {}).get(urgency)


class MessageTemplate(Model):
    """Subject, text and HTML of one event's notification, for one partition or all. Jinja2, sandboxed."""

    kind: Literal["message-template"] = "message-template"
    id: Id = Field(description="the template's own name")
    event: Line = Field(description="the event it tells of, such as CallLogged, or one of an integrator's own")
    partition: Id | None = Field(None, description="the partition it is for; every partition when left out")
    recipient: Role | None = Field(None, description="whom it is for; everybody who is told when left out")
    subject: Line = Field(description="template of the subject; the item reference is put before it")
    text: str = Field(description="template of the plain text")
    html: str | None = Field(None, description="template of the HTML; made from the text when left out")


class EmailOptions(Model):
    """The two fields at the top of the Email Settings window, and the default outgoing server. One record."""

    kind: Literal["email-options"] = "email-options"
    id: Literal["email-options"] = Field("email-options", description="there is one such record")
    default_format: Format = Field(Format.HTML, description="Default Format of outgoing mail (Requirement R3.9)")
    message_format_per_person: bool = Field(False, description="Message Format per Analyst/User (Requirement R3.10)")
    default_outgoing_server: Id | None = Field(
        None, description="sends for every partition that names no server of its own"
    )
    blocked_senders: tuple[SenderPattern, ...] = Field(
        (),
        description="whose mail is rejected: addresses (ann@example.com) and domains without their subdomains "
        "(@example.com)",
    )
    plus_tags: bool = Field(
        False, description="ann+printer@example.com is ann@example.com where nobody has the longer address"
    )
    give_up_after_hours: int = Field(
        48, ge=1, le=240, description="how long a notification is tried that no server takes"
    )
    bounces_until_marked: int = Field(
        3, ge=0, description="hard bounces after which nothing more is sent to an address; 0: never"
    )
    answers: AutoReplyLimits = Field(
        default_factory=AutoReplyLimits, description="how often a sender is answered by the desk itself"
    )
    change_reason_required: bool = Field(
        False, description="whether whoever changes a setting or a person has to give a Change Reason"
    )
    token_days: int = Field(365, ge=1, le=3650, description="how long a reply to one of our mails proves its item")


Setting = Annotated[
    IncomingServer
    | OutgoingServer
    | MapiProfile
    | CallTemplate
    | Partition
    | MessageTemplate
    | NotificationRule
    | Group
    | EmailOptions,
    Field(discriminator="kind"),
]
