"""Exchange Online by Microsoft Graph: a cursor of a delta link and the messages that are known. Polled.

A message that is moved away and back has another id: it is fetched once more, and recognised by its bytes.
"""

from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime
from urllib.parse import unquote

from ingest.connectors.base import BATCH_BYTES, LOOKED_AT, SHOWN_BYTES, WATCH, FetchedBatch, Mode, Step, take_batch
from ingest.connectors.graph_changes import GraphChanges
from ingest.connectors.graph_folder import MOST_MAILS, GraphFolder, find_folder
from ingest.connectors.graph_items import Listed
from ingest.connectors.mailbox_connector import MailboxConnector, whats_there
from ingest.connectors.owed import NotGivenError
from ingest.connectors.remote_mail import UNKNOWN_SIZE, RemoteMail, spooled
from mailserver.errors import MailServerError
from mailserver.exchange.account import ExchangeAccount
from mailserver.exchange.graph import GraphSession
from mailserver.exchange.graph_responses import GraphError
from schemas.reasons import Reason
from schemas.servers import MailboxCursor
from schemas.settings import IncomingServer

_GONE = 404
_OF_THE_ACCOUNT = frozenset({401, 403, 429, 503, 509})  # they say nothing of the one message that was asked for


class GraphConnector(MailboxConnector):
    """One folder of one mailbox. See `Connector`."""

    def __init__(self, server: IncomingServer, account: ExchangeAccount, mode: Mode = WATCH) -> None:
        super().__init__(server, mode)
        self._mailbox = account.mailbox
        self._session = GraphSession(server.id, account)
        self._folder: GraphFolder | None = None
        self._changes: GraphChanges | None = None
        self._move_to = ""  # id of the folder that messages go to
        self._given: frozenset[str] = frozenset()  # ids of the last batch's messages
        self._moved: set[str] = set()  # ids that this connection moved away: a listing may still have them for a while
        self._dates: Mapping[str, datetime | None] = {}  # of those that wait

    @property
    def _label(self) -> str:
        return self._session.label

    def opening(self) -> tuple[Step, ...]:
        return (
            Step("connect", self._session.connect),
            Step("log in", self._session.log_in),
            Step("open mailbox", self._choose_folder),
        )

    def _choose_folder(self) -> str:
        server = self._server
        folder = self._folder = self._find(server.folder, "folder")
        self._changes = GraphChanges(server.id, folder)
        target = "deleteditems" if server.after_fetch == "delete" else server.move_to
        if target is not None:
            self._move_to = self._find(target, "move_to").id
            if self._move_to == folder.id:
                raise self._refused(
                    f"after_fetch {server.after_fetch} would put mail into the folder that is read: name another one"
                )
        return f"{server.folder}: {whats_there(server, folder.mails)}"

    def _find(self, name: str, setting: str) -> GraphFolder:
        folder = find_folder(self._session, name)
        if folder is None:
            raise self._refused(f"there is no folder {name!r}: create it, or correct {setting}")
        return folder

    def newest(self, marker: str) -> bytes | None:
        folder, _ = self._require()
        for id_, subject in folder.subjects(LOOKED_AT):
            if marker.casefold() in subject.casefold():
                return self._beginning(folder, id_)
        return None

    def _beginning(self, folder: GraphFolder, id_: str) -> bytes:
        beginning = b""
        with closing(folder.content(id_)) as pieces:
            for piece in pieces:
                beginning += piece
                if len(beginning) >= SHOWN_BYTES:
                    break
        return beginning[:SHOWN_BYTES]

    def next_batch(self, cursor: MailboxCursor | None, room: int = BATCH_BYTES) -> FetchedBatch | None:
        folder, changes = self._require()
        if cursor is not None and self._is_of_another_mailbox(cursor, folder):
            cursor = None
        if changes.link is None:
            changes.load(cursor)
            self._owed.load(cursor.owed if cursor else ())
        owed_before = self._owed.mails
        if not self._waiting:
            found = changes.look()
            if cursor is None and self._server.start_from == "now":
                changes.leave_alone(found)
                return FetchedBatch((), self._cursor(changes), skipped=len(found))
            self._wait_for(found, changes)
        mails = self._fetch(folder, changes, room)
        while self._waiting and not mails and self._owed.mails == owed_before:  # all of them were gone
            mails = self._fetch(folder, changes, room)
        self._given = frozenset(mail.handle for mail in mails)
        if not mails and self._owed.mails == owed_before:
            return None
        return FetchedBatch(mails, self._cursor(changes))

    def _is_of_another_mailbox(self, cursor: MailboxCursor, folder: GraphFolder) -> bool:
        """Another folder, protocol or transport; or another mailbox, unless it is the same one under a new name."""
        if cursor.delta is None or cursor.folder != self._server.folder:
            return True
        renamed = (cursor.username or "").lower() != self._mailbox.lower()
        return renamed and folder.id not in unquote(cursor.delta)  # an id that no other mailbox has

    def _wait_for(self, found: dict[str, Listed], changes: GraphChanges) -> None:
        """What is new waits, in the order in which it was received, and with it what is owed and due."""
        now = datetime.now(UTC)
        owed = {id_: Listed(id_, UNKNOWN_SIZE, None) for id_ in self._owed.listed()}
        listed = [
            mail for mail in (owed | found).values() if mail.id not in self._moved and self._owed.is_due(mail.id, now)
        ]
        new = changes.unknown(listed, self._owed)
        self._waiting = [(mail.id, mail.size) for mail in new]
        self._dates = {mail.id: mail.received for mail in new}

    def _fetch(self, folder: GraphFolder, changes: GraphChanges, room: int) -> tuple[RemoteMail, ...]:
        """The next of those that wait; what is not given is owed."""
        taken = take_batch(self._waiting, room)
        result = self._fetch_one_by_one(
            taken, room, lambda id_, size, left: self._read(folder, id_, size, left), _is_break
        )
        self._owed.record(result.mails, result.not_given, result.gone, datetime.now(UTC))
        leaves = self._server.after_fetch in ("move", "delete")
        changes.know(id_ for id_, mail in result.mails.items() if not (leaves and mail.is_kept_whole))
        if not self._waiting:
            changes.all_fetched()
        return tuple(result.mails.values())

    def _read(self, folder: GraphFolder, id_: str, size: int, room: int) -> RemoteMail | None:
        """None: it is gone. Raises `NotGivenError`; `MailServerError` for what is not about this one message."""
        locator = f"{self._server.folder};ID={id_}"
        try:
            with closing(folder.content(id_)) as pieces:
                return spooled(id_, locator, pieces, room=room, internal_date=self._dates.get(id_), announced=size)
        except GraphError as error:
            if error.status == _GONE:
                return None
            if _is_break(error) or error.status in _OF_THE_ACCOUNT:
                raise
            raise NotGivenError(f"HTTP status {error.status}, {error.said}") from error

    def apply_after_fetch(self, batch: FetchedBatch) -> None:
        if self._server.after_fetch == "leave" or not batch.mails:
            return
        folder, _ = self._require()
        handles = [mail.handle for mail in batch.mails]
        if not self._given.issuperset(handles):
            handles = self._not_applied(folder, handles)
        for id_ in handles:
            try:
                if self._server.after_fetch == "seen":
                    folder.mark_read(id_)
                else:
                    self._moved.add(id_)
                    folder.move(id_, self._move_to)
            except GraphError as error:
                if error.status != _GONE:
                    raise

    def _not_applied(self, folder: GraphFolder, handles: list[str]) -> list[str]:
        """Of a batch on which an earlier connection began: what is left to be done gets less each time, even if no
        connection lives long enough for all of it."""
        there = folder.newest(MOST_MAILS).mails
        is_seen_enough = self._server.after_fetch == "seen"
        return [id_ for id_ in handles if id_ in there and not (is_seen_enough and there[id_].is_read)]

    def interrupt(self) -> None:
        self._session.interrupt()

    def close(self) -> None:
        self._session.close()

    def _require(self) -> tuple[GraphFolder, GraphChanges]:
        assert self._folder is not None and self._changes is not None, "the mailbox is opened first"
        return self._folder, self._changes

    def _cursor(self, changes: GraphChanges) -> MailboxCursor:
        self._check_size(changes.known)
        self._check_owed()
        return MailboxCursor(
            server_id=self._server.id,
            folder=self._server.folder,
            username=self._mailbox,
            uidls=tuple(changes.known),
            left_until=changes.left_until,
            delta=changes.link or "",
            owed=self._owed.mails,
        )


def _is_break(error: Exception) -> bool:
    """Whether an exchange did not end, or the service failed: that may be the message's fault, or not."""
    if isinstance(error, GraphError):
        return error.status >= 500 and error.status not in _OF_THE_ACCOUNT
    return isinstance(error, MailServerError) and error.reason is Reason.SERVER_UNREACHABLE
