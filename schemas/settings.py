"""What an administrator sets up: the values of the `settings` topic, one model a kind.

The words are the requirement's: Email Settings window, Incoming and Outgoing Email Servers, Call Template, Priority Matrix.
"""

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from schemas.addresses import SafeAddress
from schemas.base import Id, Line, Model


class Security(StrEnum):
    """How the connection to a mail server is protected."""

    NONE = "none"
    STARTTLS = "starttls"
    TLS = "tls"


class Authentication(StrEnum):
    """The requirement's methods by their own names, and beyond it SCRAM and OAuth2."""

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
    """Requirement: "Select the default format for any outgoing emails sent, either as HTML or Plain Text." """

    HTML = "html"
    TEXT = "text"


class Secret(Model):
    """A password without the password: exactly one of a sealed box, an environment variable, a mounted file."""

    sealed: str | None = Field(None, description="base64 of a NaCl sealed box; only the processes can open it")
    env: Line | None = Field(None, description="name of an environment variable of the process that uses it")
    file: Line | None = Field(None, description="path of a file mounted into the process that uses it")

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if sum(value is not None for value in (self.sealed, self.env, self.file)) != 1:
            raise ValueError("a password is given as exactly one of sealed, env or file")
        return self


class MailServer(Model):
    """What incoming and outgoing servers have in common: where it is and how to log in."""

    id: Id
    name: Line = ""
    enabled: bool = True
    host: Line = "localhost"
    port: int | None = Field(None, ge=1, le=65535, description="the protocol's own port when left out")
    security: Security = Security.TLS
    ca_file: Line | None = Field(None, description="PEM file of the authority that signed the server's certificate")
    authentication: Authentication = Authentication.STANDARD
    username: Line | None = None
    password: Secret | None = None
    allow_password_in_clear: bool = Field(
        False, description="must be set before a password goes over an unencrypted connection to another machine"
    )
    timeout_seconds: float = Field(60, gt=0, le=600)


class IncomingServer(MailServer):
    """Requirement: "Incoming Email Servers: ... settings that vFire Core will use for receiving emails." """

    kind: Literal["incoming-server"] = "incoming-server"
    protocol: Literal["imap", "pop3"]
    folder: Line = "INBOX"
    poll_seconds: float = Field(60, gt=0, description="how often to look when the server does not call")
    after_fetch: Literal["leave", "seen", "move", "delete"] = Field(
        "seen", description="what becomes of a mail on its server once the broker has acknowledged it"
    )
    move_to: Line | None = None
    start_from: Literal["now", "beginning"] = Field("now", description="what a first look at a full mailbox takes")
    call_template: Id
    default_logging_analyst: Id
    use_linked_analyst: bool = False
    close_words: tuple[Line, ...] = Field(
        ("#close", "#closed", "#resolved"), description="first line or subject that closes the item"
    )

    @model_validator(mode="after")
    def _fits_protocol(self) -> Self:
        if (self.after_fetch == "move") != (self.move_to is not None):
            raise ValueError("move_to goes with after_fetch: move, and only with it")
        if self.protocol == "pop3" and (self.after_fetch == "move" or self.folder != "INBOX"):
            raise ValueError("POP3 has one mailbox: folder and move are IMAP's")
        return self


class OutgoingServer(MailServer):
    """Requirement: "Outgoing Email Servers: ... settings that vFire Core will use for sending email." """

    kind: Literal["outgoing-server"] = "outgoing-server"
    protocol: Literal["smtp"] = "smtp"
    from_address: SafeAddress
    from_name: Line = ""
    reply_to: SafeAddress | None = Field(None, description="where answers go: the partition's incoming address")


class CallTemplate(Model):
    """Requirement: "determines the call properties, such as the partition, call screen set, IPK status and stream,
    assigned office and group"."""

    kind: Literal["call-template"] = "call-template"
    id: Id
    partition: Id
    screen_set: Line = ""
    ipk_status: Line = ""
    ipk_stream: Line = ""
    assigned_office: Line = ""
    assigned_group: Line = ""
    call_type: Line = ""
    impact: Line
    urgency: Line
    fields: dict[str, Line] = Field(default_factory=dict, description="defaults for further fields of the call")


class Partition(Model):
    """A department's part of the desk: its own impact, urgency and priority values and its Priority Matrix."""

    kind: Literal["partition"] = "partition"
    id: Id
    name: Line = ""
    outgoing_server: Id | None = Field(None, description="the default outgoing server when left out")
    impacts: tuple[Line, ...] = Field(min_length=1)
    urgencies: tuple[Line, ...] = Field(min_length=1)
    priorities: tuple[Line, ...] = Field(min_length=1)
    priority_matrix: dict[str, dict[str, Line]] = Field(description="impact -> urgency -> priority")

    @model_validator(mode="after")
    def _matrix_without_holes(self) -> Self:
        for impact in self.impacts:
            for urgency in self.urgencies:
                priority = self.priority_matrix.get(impact, {}).get(urgency)
                if priority is None:
                    raise ValueError(f"the priority matrix has no priority for impact {impact!r}, urgency {urgency!r}")
                if priority not in self.priorities:
                    raise ValueError(f"{priority!r} in the priority matrix is none of the partition's priorities")
        return self

    def priority(self, impact: str, urgency: str) -> str | None:
        """The priority of a call, or None where impact or urgency is not the partition's."""
        return self.priority_matrix.get(impact, {}).get(urgency)


class MessageTemplate(Model):
    """Subject, text and HTML of one event's notification, for one partition or all. Jinja2, sandboxed."""

    kind: Literal["message-template"] = "message-template"
    id: Id
    event: Line
    partition: Id | None = None
    subject: Line
    text: str
    html: str | None = None


class EmailOptions(Model):
    """The two fields at the top of the Email Settings window, and the default outgoing server. One record."""

    kind: Literal["email-options"] = "email-options"
    id: Literal["email-options"] = "email-options"
    default_format: Format = Format.HTML
    message_format_per_person: bool = Field(False, description='requirement: "Message Format per Analyst/User"')
    default_outgoing_server: Id | None = None


Setting = Annotated[
    IncomingServer | OutgoingServer | CallTemplate | Partition | MessageTemplate | EmailOptions,
    Field(discriminator="kind"),
]
