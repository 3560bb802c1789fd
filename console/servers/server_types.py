"""The types of mail server that can be added, each with its fields, in sections, as the Email Server Details have them.

A further protocol is a further row of `TYPES`, and is then offered wherever types are.
"""

from dataclasses import dataclass

from console.servers.server_settings import MODELS, Direction, Server
from mailserver.connection import Protocol


@dataclass(frozen=True, slots=True)
class Section:
    """Fields that stand together, by their dotted names, in the order of the page. `more`: those few have to see."""

    id: str
    title: str
    fields: tuple[str, ...]
    more: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ServerType:
    """One type. `id`: what stands for it in addresses: the protocol, and the direction where it goes both ways."""

    id: str
    protocol: Protocol
    label: str
    direction: Direction
    about: str
    sections: tuple[Section, ...]

    @property
    def model(self) -> type[Server]:
        return MODELS[self.direction]

    @property
    def fields(self) -> tuple[str, ...]:
        return tuple(field for section in self.sections for field in (*section.fields, *section.more))


_NAMES = ("id", "name", "enabled")
_CONNECTION = Section(
    "connection",
    "Connection",
    (*_NAMES, "host", "port", "security"),
    ("minimum_tls", "ca_file", "timeout_seconds"),
)
_AUTHENTICATION = (
    Section(
        "authentication",
        "Authentication",
        ("authentication", "username", "password"),
        ("allow_password_in_clear",),
    ),
    Section(
        "oauth",
        "OAuth2",
        (),
        (
            "oauth.token_url",
            "oauth.client_id",
            "oauth.client_secret",
            "oauth.refresh_token",
            "oauth.scope",
            "oauth.ca_file",
        ),
    ),
)
_INCOMING = (
    Section(
        "calls",
        "Calls",
        ("call_template", "default_logging_analyst", "use_linked_analyst"),
        ("close_words", "may_close"),
    ),
    Section("trust", "Trust", ("trust", "authserv_id"), ("reply_to_is_sender",)),
    Section(
        "floods",
        "Floods",
        (),
        ("floods.minutes", "floods.per_sender", "floods.per_sender_and_item", "floods.per_server"),
    ),
)


_EXCHANGE = Section("connection", "Mailbox", (*_NAMES, "profile", "mailbox"))
_LIMITS = Section("limits", "Limits", ("fallback",), ("connections", "mails_per_minute", "recipients_per_mail"))


def _reading(*fields: str) -> Section:
    return Section("reading", "Reading", fields, ("poll_seconds", "max_mail_bytes", "oversize"))


TYPES: tuple[ServerType, ...] = (
    ServerType(
        "smtp",
        "smtp",
        "SMTP",
        "outgoing",
        "sends through an account on a mail server",
        (
            _CONNECTION,
            *_AUTHENTICATION,
            Section("sender", "Sender", ("from_address", "from_name", "reply_to", "bounce_address")),
            _LIMITS,
        ),
    ),
    ServerType(
        "mapi-outgoing",
        "mapi",
        "MAPI",
        "outgoing",
        "sends through a mailbox in Exchange that lets nobody in by SMTP; that is simpler to set up",
        (
            _EXCHANGE,
            Section("sender", "Sender", ("from_address", "from_name", "reply_to", "save_sent")),
            _LIMITS,
        ),
    ),
    ServerType(
        "imap",
        "imap",
        "IMAP",
        "incoming",
        "hears of a message at once, reads any folder of the mailbox, and can mark and move what it has read",
        (
            _CONNECTION,
            *_AUTHENTICATION,
            _reading("folder", "start_from", "after_fetch", "move_to"),
            *_INCOMING,
        ),
    ),
    ServerType(
        "pop3",
        "pop3",
        "POP3",
        "incoming",
        "for mail servers that have no IMAP",
        (_CONNECTION, *_AUTHENTICATION, _reading("start_from", "after_fetch"), *_INCOMING),
    ),
    ServerType(
        "mapi-incoming",
        "mapi",
        "MAPI",
        "incoming",
        "for a mailbox in Exchange that lets nobody in by IMAP or POP3; those are simpler to set up",
        (_EXCHANGE, _reading("folder", "start_from", "after_fetch", "move_to"), *_INCOMING),
    ),
    ServerType(
        "folder",
        "folder",
        "Folder of files",
        "incoming",
        "reads messages that lie as files where mail is fetched: a Maildir, or a directory of .eml files",
        (
            Section("connection", "Connection", (*_NAMES, "path")),
            _reading("start_from", "after_fetch", "move_to"),
            *_INCOMING,
        ),
    ),
)


def types_of(direction: str) -> tuple[ServerType, ...]:
    """Those that are offered behind Add of one of the two tables."""
    return tuple(one for one in TYPES if one.direction == direction)


def type_of(server: Server) -> ServerType:
    return next(one for one in TYPES if one.protocol == server.protocol and isinstance(server, one.model))


def find_type(id_: str) -> ServerType | None:
    return next((one for one in TYPES if one.id == id_), None)
