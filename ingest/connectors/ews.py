"""Exchange by EWS: a cursor of the server's own list of changes (SyncFolderItems), never "unread". Polled.

A mail has another id in every folder, so one that is moved away and back comes again, and is known by its mail id.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ingest.connectors.announced import UNKNOWN_SIZE
from ingest.connectors.base import (
    BLOCK_BYTES,
    FIRST_PART_BYTES,
    LOOKED_AT,
    SHOWN_BYTES,
    WATCH,
    FetchedBatch,
    Mode,
    RemoteMail,
    Step,
    lies_there,
    spooled,
    take_block,
)
from ingest.connectors.owed import Owed, too_much_owed
from ingest.connectors.suspects import Suspects
from mailserver.errors import MailServerError
from mailserver.exchange.account import ExchangeAccount
from mailserver.exchange.ews_extra import ews_client
from mailserver.exchange.ews_items import Changes, FolderFound, ItemError, Listed
from runtime.logs import get_logger
from schemas.reasons import Reason
from schemas.servers import MAX_SYNC_STATE, MailboxCursor
from schemas.settings import IncomingServer

if TYPE_CHECKING:
    from mailserver.exchange.ews import EwsClient

log = get_logger(__name__)

PAGES_UNTOLD = 8  # of changes that hold no new mail, before the cursor is moved on for them alone
_NEVER = datetime.min.replace(tzinfo=UTC)  # when a mail came that has no date
MOST_PAGES = 20_000  # of a list, before it counts as one without end: ten million mails


class EwsConnector:
    """One folder of a mailbox. See `Connector`.

    While the folder is listed anew, because the server has forgotten a state, the cursor keeps that state: whoever goes
    on after a crash lists anew as well, and leaves alone again what the first look left alone.
    """

    def __init__(self, server: IncomingServer, account: ExchangeAccount, mode: Mode = WATCH) -> None:
        self._server = server
        self._account = account
        self._look_only = mode.look_only
        self._cursor_bytes = mode.cursor_bytes
        self._client: EwsClient | None = None
        self._folder = self._move_to = FolderFound("", 0)
        self._left_until: datetime | None = None
        self._waiting: list[tuple[str, int]] = []  # (item, size) not yet fetched, of the changes before `_state`
        self._received: dict[str, datetime | None] = {}  # of those that wait
        self._since: str | None = None  # the state that the cursor has
        self._state: str | None = None  # up to here the changes are listed
        self._fetched: list[str] = []  # of the changes between the two
        self._anew = False  # the folder is being listed anew
        self._is_last = True  # all changes are listed
        self._trouble: MailServerError | None = None  # met in the middle of a block, whose first mails went on
        self._owed = Owed()
        self.suspects = Suspects()

    @property
    def backlog(self) -> int:
        return len(self._waiting)

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
        if server.move_to is not None:
            self._move_to = client.folder(server.move_to)
        return f"{server.folder}: {lies_there(server, self._folder.total)}"

    def newest(self, marker: str) -> bytes | None:
        client = self._require()
        for one in client.newest(self._folder, LOOKED_AT):
            if marker in one.subject:
                try:
                    return self._beginning(client, one)
                except ItemError as error:
                    if not error.is_gone:
                        raise MailServerError(
                            Reason.FOLDER_REFUSED, f"{client.where}: {error}", temporary=True
                        ) from error
        return None

    @staticmethod
    def _beginning(client: EwsClient, one: Listed) -> bytes:
        found = bytearray()
        with client.mime(one.id, one.size) as pieces:
            for piece in pieces:
                found += piece
                if len(found) >= SHOWN_BYTES:
                    break
        return bytes(found[:SHOWN_BYTES])

    def next_block(self, cursor: MailboxCursor | None, room: int = BLOCK_BYTES) -> FetchedBatch | None:
        client = self._require()
        if cursor is not None and (cursor.sync_state is None or cursor.folder != self._server.folder):
            cursor = None
        if cursor is None and self._server.start_from == "now":
            return self._from_now_on(client)
        if self._trouble is not None:
            raise self._trouble
        if self._waiting:
            return self._fetch(client, room)
        self._take_up(cursor)
        return self._look_on(client, cursor, room)

    def _take_up(self, cursor: MailboxCursor | None) -> None:
        """Where to list on: at the cursor, or where this connection is already, which is behind the cursor."""
        since = (cursor.sync_state or None) if cursor else None
        if since != self._since or self._state is None:
            self._since = self._state = since
            self._fetched = list(cursor.uidls) if cursor else []
            self._anew = False
        self._left_until = cursor.left_until if cursor else None
        self._owed.load(cursor.owed if cursor else ())

    def _look_on(self, client: EwsClient, cursor: MailboxCursor | None, room: int) -> FetchedBatch | None:
        """Pages of changes until there is something to fetch."""
        now = datetime.now(UTC)
        due = [one for one in self._owed.listed() if self._owed.is_due(one, now)]
        for page in range(PAGES_UNTOLD):
            found = self._list(client, cursor)
            if found is None:  # another mailbox than the cursor's
                return self.next_block(None, room)
            if page == 0:
                found = {**dict.fromkeys(due), **found}
            if found:
                self._wait_for(found)
                return self._fetch(client, room)
            if self._is_last:
                break
        told_nothing = self._is_last and not self._anew
        self._anew = self._anew and not self._is_last
        return None if told_nothing else FetchedBatch((), self._cursor())

    def _wait_for(self, found: dict[str, Listed | None]) -> None:
        self._waiting = [
            (one, max(listed.size, UNKNOWN_SIZE) if listed else UNKNOWN_SIZE) for one, listed in found.items()
        ]
        self._received = {one: listed.received if listed else None for one, listed in found.items()}

    def _list(self, client: EwsClient, cursor: MailboxCursor | None) -> dict[str, Listed | None] | None:
        """What came, of the next page of changes; None where the cursor is of another mailbox than this."""
        changes = self._page(client, self._state)
        if changes is None:
            if cursor is not None and cursor.username not in (None, self._account.mailbox):
                return None
            log.warning(
                "the server has forgotten how far the mailbox was read: it is listed anew", server=self._server.id
            )
            self._anew, self._state, self._fetched = True, None, []
            return self._list(client, cursor)
        done = {*self._fetched, *(mail.handle for mail in self._owed.mails)}
        came = [one for one in changes.came if one.id not in done and not self._is_left_alone(one)]
        came.sort(key=lambda one: one.received or _NEVER)
        self._state, self._is_last = changes.state, changes.is_last
        return {one.id: one for one in came}

    def _page(self, client: EwsClient, state: str | None) -> Changes | None:
        """The changes behind a state; None where the server has forgotten it."""
        changes = client.changes(self._folder, state)
        told = ""
        if changes is None and state is None:
            told = "refuses to list the folder from its beginning"
        elif changes is not None and changes.state == state and not changes.is_last:
            told = "lists the same again and again"
        if told:
            raise MailServerError(Reason.SERVER_UNREACHABLE, f"{client.where} {told}", temporary=True)
        if changes is not None and len(changes.state) > MAX_SYNC_STATE:
            raise self._too_large(len(changes.state))
        return changes

    def _is_left_alone(self, one: Listed) -> bool:
        """Only of a list made anew: later a mail with an old date is one that was moved here."""
        until = self._left_until
        return self._anew and until is not None and one.received is not None and one.received <= until

    def _from_now_on(self, client: EwsClient) -> FetchedBatch:
        skipped, newest, state = 0, _NEVER, None
        for _ in range(MOST_PAGES):
            changes = self._page(client, state)
            if changes is None:
                break
            skipped += len(changes.came)
            newest = max(newest, *(one.received or _NEVER for one in changes.came), _NEVER)
            state = changes.state
            if changes.is_last:
                self._left_until = None if newest is _NEVER else newest
                self._since = self._state = state
                self._fetched, self._anew, self._is_last = [], False, True
                self._owed.load(())
                return FetchedBatch((), self._cursor(), skipped=skipped)
        text = f"{client.where} lists the folder and comes to no end"
        raise MailServerError(Reason.SERVER_UNREACHABLE, text, temporary=True)

    def _fetch(self, client: EwsClient, room: int) -> FetchedBatch:
        """The next of those that wait; what is not given is owed."""
        mails: dict[str, RemoteMail] = {}
        not_given: dict[str, str] = {}
        gone: list[str] = []
        taken = take_block(self._waiting, room, lambda one: one in self.suspects or one in self._owed)
        for place, (item_id, size) in enumerate(taken):
            if self.suspects.breaks_connections(item_id):
                not_given[item_id] = self.suspects.passed_over(item_id)
                continue
            try:
                with self.suspects.fetching([item_id], _is_break):
                    held = sum(len(mail.raw) for mail in mails.values())
                    mails[item_id] = self._read(client, item_id, size, max(room - held, FIRST_PART_BYTES))
            except ItemError as error:
                if error.is_gone:
                    gone.append(item_id)
                else:
                    not_given[item_id] = str(error)
            except MailServerError as error:
                if not mails:
                    raise
                self._trouble = error
                self._waiting[:0] = taken[place:]
                break
        self._owed.answered(mails, not_given, gone, datetime.now(UTC))
        if not self._anew:
            self._fetched += [*mails, *not_given, *gone]
        return FetchedBatch(tuple(mails.values()), self._cursor())

    def _read(self, client: EwsClient, item_id: str, size: int, room: int) -> RemoteMail:
        with client.mime(item_id, size) as pieces:
            return spooled(
                item_id, self._locator(item_id), pieces,
                room=room, internal_date=self._received.get(item_id), announced=size,
            )  # fmt: skip

    def settle(self, block: FetchedBatch) -> None:
        ids, after = [mail.handle for mail in block.mails], self._server.after_fetch
        if not ids or after == "leave" or self._look_only:
            return
        client = self._require()
        if after == "seen":
            client.mark_read(ids)
        elif after == "delete":
            client.delete(ids)
        else:
            client.move(ids, self._move_to)

    def wait(self, seconds: float, stop: threading.Event) -> None:
        self._owed.new_round()
        stop.wait(seconds)

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

    def _cursor(self) -> MailboxCursor:
        """The list's newest state once all before it is fetched; till then the old one, and what is fetched since."""
        told = too_much_owed(self._owed)
        if told:
            raise MailServerError(Reason.SERVER_UNREACHABLE, f"{self._require().where}: {told}", temporary=True)
        if not self._waiting and not (self._anew and not self._is_last):
            self._since, self._fetched, self._anew = self._state, [], False
        fetched: Iterable[str] = () if self._anew else self._fetched
        cursor = MailboxCursor(
            server_id=self._server.id,
            folder=self._server.folder,
            sync_state=self._since or "",
            uidls=tuple(fetched),
            username=self._account.mailbox,
            left_until=self._left_until,
            owed=self._owed.mails,
        )
        size = len(cursor.sync_state or "") + sum(len(one) + 3 for one in cursor.uidls)
        if size > self._cursor_bytes:
            raise self._too_large(size)
        return cursor

    def _too_large(self, size: int) -> MailServerError:
        text = (
            f"{self._require().where}: what is to be remembered of {self._server.folder} takes {size} bytes, more than "
            "can be kept in mind: take mails out of it, or set after_fetch to delete or move"
        )
        return MailServerError(Reason.FOLDER_REFUSED, text, temporary=False)

    def _locator(self, item_id: str) -> str:
        return f"{self._server.folder};ITEMID={item_id}"


def _is_break(error: Exception) -> bool:
    return isinstance(error, MailServerError) and error.reason is Reason.SERVER_UNREACHABLE
