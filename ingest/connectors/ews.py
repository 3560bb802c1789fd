"""Exchange by EWS: a cursor of the server's own list of changes, never "unread". Polled.

A message has another id in every folder, so one that is moved away and back comes again, and is recognised by its mail
id.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ingest.connectors.base import BATCH_BYTES, LOOKED_AT, SHOWN_BYTES, WATCH, FetchedBatch, Mode, Step, take_batch
from ingest.connectors.ews_changes import EwsChanges
from ingest.connectors.mailbox_connector import MailboxConnector, whats_there
from ingest.connectors.owed import NotGivenError
from ingest.connectors.remote_mail import UNKNOWN_SIZE, RemoteMail, spooled
from mailserver.errors import MailServerError
from mailserver.exchange.account import ExchangeAccount
from mailserver.exchange.ews_interface import FolderFound, ItemError, Listed, ews_client
from schemas.reasons import Reason
from schemas.servers import MailboxCursor
from schemas.settings import IncomingServer

if TYPE_CHECKING:
    from mailserver.exchange.ews import EwsClient

EMPTY_PAGES = 8  # of changes that hold no new message, before the cursor is moved on for them alone


class EwsConnector(MailboxConnector):
    """One folder of a mailbox. See `Connector`."""

    def __init__(self, server: IncomingServer, account: ExchangeAccount, mode: Mode = WATCH) -> None:
        super().__init__(server, mode)
        self._account = account
        self._client: EwsClient | None = None
        self._folder = self._move_to = FolderFound("", 0)
        self._changes: EwsChanges | None = None
        self._received: dict[str, datetime | None] = {}  # of those that wait
        self._trouble: MailServerError | None = None  # met in the middle of a batch, whose first messages went on

    @property
    def _label(self) -> str:
        return self._require().label

    def opening(self) -> tuple[Step, ...]:
        return Step("connect", self._connect), Step("log in", self._log_in), Step("open mailbox", self._open)

    def _connect(self) -> str:
        client = self._client = ews_client(self._server.id, self._account)
        return client.connect()

    def _log_in(self) -> str:
        return self._require().log_in()

    def _open(self) -> str:
        client, server = self._require(), self._server
        self._folder = client.folder(server.folder)
        self._changes = EwsChanges(client, self._folder, server.id, self._account.mailbox)
        if server.move_to is not None:
            self._move_to = client.folder(server.move_to)
        return f"{server.folder}: {whats_there(server, self._folder.total)}"

    def newest(self, marker: str) -> bytes | None:
        client = self._require()
        for mail in client.newest(self._folder, LOOKED_AT):
            if marker in mail.subject:
                try:
                    return self._beginning(client, mail)
                except ItemError as error:
                    if not error.is_gone:
                        raise self._refused(str(error), temporary=True) from error
        return None

    @staticmethod
    def _beginning(client: EwsClient, mail: Listed) -> bytes:
        found = bytearray()
        with client.mime(mail.id, mail.size) as pieces:
            for piece in pieces:
                found += piece
                if len(found) >= SHOWN_BYTES:
                    break
        return bytes(found[:SHOWN_BYTES])

    def next_batch(self, cursor: MailboxCursor | None, room: int = BATCH_BYTES) -> FetchedBatch | None:
        changes = self._listing()
        if cursor is not None and (cursor.sync_state is None or cursor.folder != self._server.folder):
            cursor = None
        if cursor is None and self._server.start_from == "now":
            skipped = changes.skip_all()
            self._owed.load(())
            return FetchedBatch((), self._cursor(changes), skipped=skipped)
        if self._trouble is not None:
            raise self._trouble
        if self._waiting:
            return self._fetch(changes, room)
        changes.resume(cursor)
        self._owed.load(cursor.owed if cursor else ())
        return self._look_on(changes, cursor, room)

    def _look_on(self, changes: EwsChanges, cursor: MailboxCursor | None, room: int) -> FetchedBatch | None:
        """Pages of changes until there is something to fetch."""
        now = datetime.now(UTC)
        due = [handle for handle in self._owed.listed() if self._owed.is_due(handle, now)]
        owed = [mail.handle for mail in self._owed.mails]
        for page in range(EMPTY_PAGES):
            listed = changes.next_page(cursor, owed)
            if listed is None:  # another mailbox than the cursor's
                return self.next_batch(None, room)
            found: dict[str, Listed | None] = {**(dict.fromkeys(due) if page == 0 else {}), **listed}
            if found:
                self._wait_for(found)
                return self._fetch(changes, room)
            if changes.is_last:
                break
        return None if changes.end_of_pages() else FetchedBatch((), self._cursor(changes))

    def _wait_for(self, found: dict[str, Listed | None]) -> None:
        self._waiting = [
            (handle, max(mail.size, UNKNOWN_SIZE) if mail else UNKNOWN_SIZE) for handle, mail in found.items()
        ]
        self._received = {handle: mail.received if mail else None for handle, mail in found.items()}

    def _fetch(self, changes: EwsChanges, room: int) -> FetchedBatch:
        """The next of those that wait; what is not given is owed."""
        client = self._require()
        taken = take_batch(self._waiting, room, lambda handle: handle in self.suspects or handle in self._owed)
        result = self._fetch_one_by_one(
            taken, room, lambda item_id, size, left: self._read(client, item_id, size, left), _is_break
        )
        self._trouble = result.broken
        self._owed.record(result.mails, result.not_given, result.gone, datetime.now(UTC))
        changes.fetched([*result.mails, *result.not_given, *result.gone])
        return FetchedBatch(tuple(result.mails.values()), self._cursor(changes))

    def _read(self, client: EwsClient, item_id: str, size: int, room: int) -> RemoteMail | None:
        """None: it is gone. Raises `NotGivenError`; `MailServerError` for what is not about this one message."""
        locator, received = f"{self._server.folder};ITEMID={item_id}", self._received.get(item_id)
        try:
            with client.mime(item_id, size) as pieces:
                return spooled(item_id, locator, pieces, room=room, internal_date=received, announced=size)
        except ItemError as error:
            if error.is_gone:
                return None
            raise NotGivenError(str(error)) from error

    def apply_after_fetch(self, batch: FetchedBatch) -> None:
        ids, after = [mail.handle for mail in batch.mails], self._server.after_fetch
        if not ids or after == "leave" or self._mode.read_only:
            return
        client = self._require()
        if after == "seen":
            client.mark_read(ids)
        elif after == "delete":
            client.delete(ids)
        else:
            client.move(ids, self._move_to)

    def interrupt(self) -> None:
        client = self._client
        if client is not None:
            client.interrupt()

    def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def _require(self) -> EwsClient:
        assert self._client is not None, "the mailbox is opened first"
        return self._client

    def _listing(self) -> EwsChanges:
        assert self._changes is not None, "the mailbox is opened first"
        return self._changes

    def _cursor(self, changes: EwsChanges) -> MailboxCursor:
        self._check_owed()
        sync_state, fetched = changes.position(all_fetched=not self._waiting)
        size = len(sync_state) + sum(len(handle) + 3 for handle in fetched)
        if size > self._mode.cursor_bytes:
            raise changes.too_large(size)
        return MailboxCursor(
            server_id=self._server.id,
            folder=self._server.folder,
            sync_state=sync_state,
            uidls=fetched,
            username=self._account.mailbox,
            left_until=changes.left_until,
            owed=self._owed.mails,
        )


def _is_break(error: Exception) -> bool:
    return isinstance(error, MailServerError) and error.reason is Reason.SERVER_UNREACHABLE
