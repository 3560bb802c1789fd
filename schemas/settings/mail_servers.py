"""The incoming and outgoing email servers of the Email Settings window (Requirement R3.13, R3.16)."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from schemas.addresses import SafeAddress, SenderPattern
from schemas.base import Id, Line, Model, together
from schemas.settings.connections import Authentication, MailServer, Security


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
    connections: int = Field(3, ge=1, le=20, description="connections that one process keeps to the server at a time")
    mails_per_minute: int = Field(0, ge=0, description="mails that all processes together send here; 0: any number")
    recipients_per_mail: int = Field(50, ge=1, le=1000, description="a mail to more recipients is handed over in parts")

    TOGETHER = _MAPI
