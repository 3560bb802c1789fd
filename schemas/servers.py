"""Mail servers in operation: status, cursors, tests, tokens; and changes of settings."""

from datetime import date, datetime
from typing import Any, Literal

from pydantic import Field

from schemas.base import Id, Line, Model
from schemas.reasons import Reason
from schemas.settings import IncomingServer, MapiProfile, OutgoingServer

ServerState = Literal["starting", "connected", "idle", "authentication-refused", "unreachable", "throttled", "disabled"]


class ServerStatus(Model):
    """Value of `server.status`: how a mail server is, in words for an administrator. Never a secret."""

    server_id: Id
    direction: Literal["incoming", "outgoing"]
    state: ServerState
    since: datetime
    last_success: datetime | None = None
    last_error: str | None = Field(None, description="what happened and what to do, with the server's own words")
    reason: Reason | None = None
    backlog: int | None = Field(None, description="mails seen on the server and not yet fetched")
    left_alone: int | None = Field(
        None, description="mails that lay there at the first look and are not taken (start_from: now)"
    )
    not_given: tuple[str, ...] = Field(
        (),
        description="mails on an incoming server that it does not give, each with what it says: they are asked for "
        "again; of many the first only, and how many more there are",
    )
    secret_ends: date | None = Field(
        None, description="the day that the secret or certificate of its MAPI profile ends, from 30 days before on"
    )


MAX_SYNC_STATE = 1_000_000  # characters; with what else a cursor holds it stays within a record


class OwedMail(Model):
    """A mail that its server lists and does not give: passed over for now, and asked for again.

    `handle`: UID or UIDL, as for a mail that came. `why`: in the server's words.
    """

    handle: str
    why: str
    since: datetime
    tries: int
    next_try: datetime


class MailboxCursor(Model):
    """Value of `mailbox.cursors`: how far a mailbox has been read.

    IMAP: `uidvalidity` and the highest `uid` fetched (RFC 3501, 2.3.1.1). POP3: the set of UIDLs fetched that are still
    there. Folder: likewise, with the names of the files. Graph: `delta`, and digests of ids as UIDLs, of the
    last mails fetched. EWS: `sync_state`, and in `uidls` what has been fetched of the changes behind it.
    """

    server_id: Id
    folder: Line = "INBOX"
    uidvalidity: int | None = None
    uid: int | None = None
    uidls: tuple[str, ...] = ()
    delta: str | None = Field(
        None,
        max_length=8_000,
        description="by Microsoft Graph: address where delta goes on; empty while a folder is read the first time",
    )
    sync_state: str | None = Field(
        None, max_length=MAX_SYNC_STATE, description="where the server's list of changes is read on (SyncFolderItems)"
    )
    username: Line | None = Field(None, description="of the account that was read; another one is another mailbox")
    left_until: datetime | None = Field(
        None, description="date of the newest mail that a first look left alone: it stays alone if numbered anew"
    )
    left_alone: int | None = Field(None, description="how many mails a first look left alone (start_from: now)")
    owed: tuple[OwedMail, ...] = Field((), description="mails before this place that the server has not given yet")


class AccountTokens(Model):
    """Value of `server.tokens`: the OAuth2 tokens of an account, sealed for the processes that use it."""

    account: str = Field(pattern=r"^[0-9a-f]{32}$", description="digest of where its tokens come from")
    server_id: Id = Field(description="the mail server that they were last renewed for")
    sealed: str = Field(description="base64 of a NaCl sealed box; only the processes can open it")
    renewed_at: datetime


class ServerTest(Model):
    """Value of `server.tests`: a test of a mail server, as stored (`server_id`) or not yet saved (`server`).

    Or of a MAPI profile's log-in alone (`profile`, saved or not). The rest is for outgoing servers, but for `marker`.
    """

    test_id: Id
    server_id: Id | None = None
    server: IncomingServer | OutgoingServer | None = Field(None, discriminator="kind")
    profile: MapiProfile | None = Field(None, description="the MAPI profile to log in by, instead of a server")
    mailbox: Line = Field("", description="with profile: address of a mailbox to open; a token alone needs none")
    marker: Line = Field("", description="show the newest mail whose subject holds this; the newest of all if empty")
    to: tuple[str, ...] = ()
    cc: tuple[str, ...] = ()
    bcc: tuple[str, ...] = ()
    subject: Line = ""
    message: str = ""
    probe: bool = Field(False, description="the mail is one of many sorts of headers and parts, to see what changes")


class TestStep(Model):
    step: Line
    ok: bool
    status: str


class ServerTestResult(Model):
    """Value of `server.test-results`: each step with its status in an administrator's words."""

    test_id: Id
    ok: bool
    steps: tuple[TestStep, ...]
    sender: str = ""
    subject: str = ""
    message: str = ""
    sent: str = Field("", description="of a probe: the mail as it was handed over")
    server: Line = Field("", description="key of the server in `settings`, saved or not; empty where nobody knows it")
    tested: Line = Field(
        "", description="ce_id that a record of `settings` with just the tested values has, whether it is there or not"
    )


class SettingsChange(Model):
    """Value of `settings.changes`: who changed what, when and why. Secrets are left out of `before` and `after`."""

    key: Line
    who: Line
    at: datetime
    change_reason: Line = ""
    managed_by: Line = Field(
        "", description="the file or repository that the setting is managed in, where it is in one"
    )
    before: dict[str, Any] | None = None
    after: dict[str, Any] | None = None
