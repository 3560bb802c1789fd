"""The topic catalogue: every topic there is, what it holds, who writes it and who reads it.

Topic set-up, documents, examples, AsyncAPI and the deploy files are all made from this one table.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ConfigDict, TypeAdapter

from schemas.desk_commands import DeskRequested
from schemas.events import CallEvent, NotificationRequested, NotificationResult
from schemas.persons import Person
from schemas.resolved_mail import RejectedMail, ResolvedMail
from schemas.servers import AccountTokens, MailboxCursor, ServerStatus, ServerTest, ServerTestResult, SettingsChange
from schemas.settings import Setting

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
MAIL_PARTITIONS = 12
_UNION = ConfigDict(hide_input_in_errors=True, defer_build=True)  # a union does not take them over from its members


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """One topic. `short` is its name without prefix and version; `value` is None where the value is raw bytes."""

    short: str
    doc: str
    key: str
    value: TypeAdapter[Any] | None
    writers: tuple[str, ...]
    readers: tuple[str, ...]
    partitions: int = MAIL_PARTITIONS
    retention_ms: int | None = None  # None: compacted, kept for ever
    version: int = 1
    dead_letters: tuple[str, ...] = ()  # the stages that read it and may dead-letter from it
    deferred: bool = False  # has a .retry topic

    def name(self, prefix: str) -> str:
        """The topic's name at the broker, e.g. `mailcall.mail.fetched.v1`."""
        return f"{prefix}.{self.short}.v{self.version}"

    def dlq(self, prefix: str) -> str:
        return f"{self.name(prefix)}.dlq"

    def retry(self, prefix: str) -> str:
        return f"{self.name(prefix)}.retry"

    @property
    def event_type(self) -> str:
        """`ce_type` of its records. The version is that of the schema, not of the product."""
        return f"mailcall.{self.short}.v{self.version}"

    @property
    def compacted(self) -> bool:
        return self.retention_ms is None


def without_prefix(name: str, prefix: str) -> str:
    """A topic's name as metrics tell it: `mail.fetched.v1` of `mailcall.mail.fetched.v1`."""
    return name.removeprefix(f"{prefix}.")


MAIL_FETCHED = Topic(
    short="mail.fetched",
    doc="Raw messages, RFC 5322 bytes untouched; what is known about them is in the headers. Above 700 kB, or two "
    "thirds of the largest record, the value is empty and `ce_dataref` names the blob (claim check).",
    key="sender's address, normalised",
    value=None,
    writers=("ingest", "console", "MTAs and integrators"),
    readers=("resolver", "console"),
    retention_ms=7 * DAY_MS,
    dead_letters=("resolver",),
)
MAIL_RESOLVED = Topic(
    short="mail.resolved",
    doc="Parsed messages with their sender, conversation references, wanted action and call template.",
    key="sender's address, normalised",
    value=TypeAdapter(ResolvedMail),
    writers=("resolver",),
    readers=("logger", "console"),
    retention_ms=7 * DAY_MS,
    dead_letters=("logger",),
)
MAIL_REJECTED = Topic(
    short="mail.rejected",
    doc="Messages that become no call, with the reason and the evidence.",
    key="sender's address, normalised",
    value=TypeAdapter(RejectedMail),
    writers=("resolver", "logger", "console"),
    readers=("console",),
    retention_ms=30 * DAY_MS,
)
DESK_REQUESTED = Topic(
    short="desk.requested",
    doc="Commands of other systems: log a call, create a task or a request, update, close or reopen an item. "
    "`call.events` has the outcome, by `request_id`.",
    key="item reference; request id where the item is yet to be made",
    value=TypeAdapter(DeskRequested, config=_UNION),
    writers=("console", "integrators"),
    readers=("logger",),
    retention_ms=7 * DAY_MS,
    dead_letters=("logger",),
)
CALL_EVENTS = Topic(
    short="call.events",
    doc="What happened to calls, tasks and requests.",
    key="item reference",
    value=TypeAdapter(CallEvent, config=_UNION),
    writers=("logger",),
    readers=("integrators", "console"),
    retention_ms=30 * DAY_MS,
)
NOTIFICATION_REQUESTED = Topic(
    short="notification.requested",
    doc="Notifications to be sent, with all that rendering needs.",
    key="recipient's address, normalised",
    value=TypeAdapter(NotificationRequested),
    writers=("logger", "integrators"),
    readers=("outbound", "console"),
    retention_ms=7 * DAY_MS,
    dead_letters=("outbound",),
    deferred=True,
)
NOTIFICATION_RESULTS = Topic(
    short="notification.results",
    doc="The outcome of each notification: sent, deferred, failed or bounced, with the server's reply.",
    key="notification id",
    value=TypeAdapter(NotificationResult),
    writers=("outbound", "resolver"),
    readers=("logger", "integrators", "console"),
    retention_ms=30 * DAY_MS,
    dead_letters=("logger",),
)
SETTINGS = Topic(
    short="settings",
    doc="Email Settings, one record per setting; a tombstone deletes. One partition keeps snapshots consistent.",
    key="kind/id",
    value=TypeAdapter(Setting, config=_UNION),
    writers=("console",),
    readers=("ingest", "resolver", "logger", "outbound", "console"),
    partitions=1,
)
SETTINGS_CHANGES = Topic(
    short="settings.changes",
    doc="Who changed which setting or person, when and why, before and after; never a secret.",
    key="kind/id",
    value=TypeAdapter(SettingsChange),
    writers=("console",),
    readers=("console",),
    partitions=1,
    retention_ms=5 * 365 * DAY_MS,
)
PERSONS = Topic(
    short="persons",
    doc="Persons, to and from the CMDB: those published here are stored in the desk; those created by mail appear.",
    key="person id",
    value=TypeAdapter(Person),
    writers=("CMDB feeds", "console", "logger"),
    readers=("logger", "console"),
    dead_letters=("logger",),
)
SERVER_TESTS = Topic(
    short="server.tests",
    doc="Tests of mail servers that an administrator asks for.",
    key="test id",
    value=TypeAdapter(ServerTest),
    writers=("console",),
    readers=("ingest", "outbound"),
    partitions=1,
    retention_ms=HOUR_MS,
    dead_letters=("ingest", "outbound"),
)
SERVER_TEST_RESULTS = Topic(
    short="server.test-results",
    doc="What happened at each step of a test.",
    key="test id",
    value=TypeAdapter(ServerTestResult),
    writers=("ingest", "outbound"),
    readers=("console",),
    partitions=1,
    retention_ms=HOUR_MS,
)
SERVER_STATUS = Topic(
    short="server.status",
    doc="The state of each mail server: since when, last success, last error, backlog.",
    key="server id",
    value=TypeAdapter(ServerStatus),
    writers=("ingest", "outbound"),
    readers=("console",),
    partitions=1,
)
SERVER_TOKENS = Topic(
    short="server.tokens",
    doc="The OAuth2 tokens of mail accounts, sealed: a renewed refresh token outlives the process that got it.",
    key="account",
    value=TypeAdapter(AccountTokens),
    writers=("ingest", "outbound"),
    readers=("ingest", "outbound"),
    partitions=1,
)
MAILBOX_CURSORS = Topic(
    short="mailbox.cursors",
    doc="How far each mailbox has been read. An instance of ingest watches the servers in its partitions.",
    key="server id",
    value=TypeAdapter(MailboxCursor),
    writers=("ingest",),
    readers=("ingest", "console"),
)

TOPICS: tuple[Topic, ...] = (
    MAIL_FETCHED,
    MAIL_RESOLVED,
    MAIL_REJECTED,
    DESK_REQUESTED,
    CALL_EVENTS,
    NOTIFICATION_REQUESTED,
    NOTIFICATION_RESULTS,
    SETTINGS,
    SETTINGS_CHANGES,
    PERSONS,
    SERVER_TESTS,
    SERVER_TEST_RESULTS,
    SERVER_STATUS,
    SERVER_TOKENS,
    MAILBOX_CURSORS,
)
BY_SHORT_NAME: Mapping[str, Topic] = {topic.short: topic for topic in TOPICS}
