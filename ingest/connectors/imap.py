"""IMAP (RFC 3501, RFC 9051): a cursor of UIDVALIDITY and UID, never UNSEEN, since other clients read mail too."""

import imaplib
import threading
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from imapclient import DELETED, SEEN

from ingest.connectors.base import BATCH_BYTES, LOOKED_AT, SHOWN_BYTES, WATCH, FetchedBatch, Mode, Step, take_batch
from ingest.connectors.imap_folder import ImapFolder, ListedMail
from ingest.connectors.imap_mails import ImapMails
from ingest.connectors.imap_session import ImapSession
from ingest.connectors.mailbox_connector import FetchResult, whats_there
from ingest.connectors.session_connector import SessionConnector
from ingest.mail_preview import holds
from mailserver.authentication import refused
from mailserver.sasl import Credentials
from runtime.telemetry.logs import get_logger
from schemas.servers import MailboxCursor
from schemas.settings import IncomingServer

log = get_logger(__name__)

IDLE_SECONDS = 540.0  # IDLE is renewed before RFC 2177's 29 minutes, and before most firewalls forget the connection


class ImapConnector(SessionConnector[ImapSession]):
    """One IMAP folder. See `Connector`."""

    protocol = "imap"
    library_error = imaplib.IMAP4.error

    def __init__(self, server: IncomingServer, account: Credentials, mode: Mode = WATCH) -> None:
        super().__init__(server, account, mode)
        self._folder: ImapFolder | None = None
        self._uidvalidity = 0
        self._uidnext: int | None = None
        self._can_idle = False
        self._left_until: datetime | None = None  # date of the newest message that the first read left alone
        self._passed = 0  # once none waits, all up to this UID are fetched or left alone
        self._after = 0  # all up to this UID are fetched, left alone or owed

    def opening(self) -> tuple[Step, ...]:
        return Step("connect", self._connect), Step("log in", self._log_in), Step("open mailbox", self._choose_folder)

    def _new_session(self) -> ImapSession:
        return ImapSession(self._server)

    def _is_break(self, error: Exception) -> bool:
        return isinstance(error, (imaplib.IMAP4.abort, OSError))

    def _log_in(self) -> str:
        if self._require().authenticated:
            return "the server lets us in without a login (PREAUTH)"
        try:
            return super()._log_in()
        except UnicodeEncodeError:
            text = "the LOGIN command takes no letters beyond ASCII in user name or password; choose sasl-plain"
            raise refused(self._server, text) from None

    def _choose_folder(self) -> str:
        with self._translated():
            session = self._require()
            folder = self._folder = ImapFolder(session, self._server, read_only=self._mode.read_only)
            self._uidvalidity, self._uidnext = folder.uidvalidity, folder.uidnext
            self._can_idle = session.has_capability("IDLE")
        return f"{self._server.folder}: {whats_there(self._server, folder.exists)}"

    def newest(self, marker: str) -> bytes | None:
        with self._translated():
            subjects = self._chosen().newest_subjects(LOOKED_AT)
            for uid in sorted(subjects, reverse=True):
                if holds(subjects[uid], marker):
                    return self._mails().beginning(str(uid), SHOWN_BYTES)
        return None

    def next_batch(self, cursor: MailboxCursor | None, room: int = BATCH_BYTES) -> FetchedBatch | None:
        folder = self._chosen()
        if cursor is not None and self._is_of_another_mailbox(cursor):
            cursor = None
        uidnext, self._uidnext = self._uidnext, None  # it is that of the login: later cursors go beyond it
        with self._translated():
            if cursor is None and self._server.start_from == "now":
                return self._from_now_on(folder, uidnext or 1)
            if self._waiting:
                return self._fetch(room)
            self._left_until = cursor.left_until if cursor else None
            if cursor is not None and not folder.is_numbered_as(cursor, uidnext):
                return self._from_the_start(folder, room)
            self._after = cursor.uid or 0 if cursor else 0
            self._owed.load(cursor.owed if cursor else ())
            return self._look_on(folder, room)

    def _look_on(self, folder: ImapFolder, room: int) -> FetchedBatch | None:
        """What came since, and what is owed: what is no longer there is no longer owed."""
        now, looked_for = datetime.now(UTC), self._owed.listed()
        found = folder.list_mails(self._after, looked_for)
        gone = set(looked_for) - {str(mail.uid) for mail in found}
        self._owed.record((), {}, gone, now)
        self._wait_for([mail for mail in found if self._owed.is_due(str(mail.uid), now)])
        if self._waiting:
            return self._fetch(room)
        return FetchedBatch((), self._cursor(self._after)) if gone else None

    def _wait_for(self, found: Sequence[ListedMail]) -> None:
        self._waiting = [(str(mail.uid), mail.size) for mail in found]

    def _is_of_another_mailbox(self, cursor: MailboxCursor) -> bool:
        """Another folder, another protocol; or another account, unless it is the same mailbox under a new name."""
        server = self._server
        renamed = cursor.username is not None and cursor.username != server.username
        other = renamed and cursor.uidvalidity != self._uidvalidity
        return cursor.folder != server.folder or cursor.uid is None or other

    def _from_the_start(self, folder: ImapFolder, room: int) -> FetchedBatch:
        """Of a mailbox whose UIDVALIDITY was reset: what comes again is recognised by its mail id.

        What the first read left alone stays alone, by its date, which servers keep when they reset UIDs.
        """
        present = folder.list_mails(0)
        new = folder.not_left_alone(present, self._left_until)
        log.warning(
            "the server reset UIDVALIDITY: the mailbox is read from the start",
            server=self._server.id,
            mails=len(new),
            left_alone=len(present) - len(new),
        )
        self._wait_for(new)
        self._after, self._passed = 0, max((mail.uid for mail in present), default=0)
        self._owed.load(())
        return self._fetch(room) if self._waiting else FetchedBatch((), self._cursor(self._passed))

    def _from_now_on(self, folder: ImapFolder, uidnext: int) -> FetchedBatch:
        present = folder.list_mails(0)
        self._left_until = max((mail.date for mail in present if mail.date is not None), default=None)
        last = max((mail.uid for mail in present), default=0)
        return FetchedBatch((), self._cursor(max(last, uidnext - 1)), skipped=len(present))

    def _fetch(self, room: int) -> FetchedBatch:
        """The next of those that wait; what is not given is owed."""
        sizes = dict(take_batch(self._waiting, room, lambda uid: uid in self.suspects or uid in self._owed))
        result = self._read(sizes, room)
        gone = sizes.keys() - result.mails.keys() - result.not_given.keys()
        self._owed.record(result.mails, result.not_given, gone, datetime.now(UTC))
        self._after = max(self._after, *map(int, sizes))
        mails = tuple(result.mails[uid] for uid in sizes if uid in result.mails)
        return FetchedBatch(mails, self._cursor(self._after if self._waiting else max(self._after, self._passed)))

    def _read(self, sizes: Mapping[str, int], room: int) -> FetchResult:
        if self.suspects.breaks_connections(next(iter(sizes))):  # it is alone
            return FetchResult(not_given={uid: self.suspects.skip(uid) for uid in sizes})
        with self.suspects.fetching(sizes, self._is_break):
            return self._mails().read(sizes, room)

    def _mails(self) -> ImapMails:
        return ImapMails(self._require(), self._locator)

    def apply_after_fetch(self, batch: FetchedBatch) -> None:
        if not batch.mails or batch.cursor.uidvalidity != self._uidvalidity:
            return  # UIDVALIDITY was reset: these UIDs name other messages now
        uids = [int(mail.handle) for mail in batch.mails]
        with self._translated():
            session, server = self._require(), self._server
            if server.after_fetch == "seen":
                session.add_flags(uids, [SEEN], silent=True)
            elif server.after_fetch == "delete":
                self._delete(session, uids)
            elif server.after_fetch == "move":
                if session.has_capability("MOVE"):
                    session.move(uids, server.move_to)
                else:
                    session.copy(uids, server.move_to)
                    self._delete(session, uids)

    def _delete(self, session: ImapSession, uids: list[int]) -> None:
        """Without UIDPLUS (RFC 4315) an EXPUNGE would take what others marked too: then it is only marked."""
        session.add_flags(uids, [DELETED], silent=True)
        if session.has_capability("UIDPLUS"):
            session.uid_expunge(uids)

    def wait(self, seconds: float, stop: threading.Event) -> None:
        session = self._require()
        self._owed.new_round()
        if "EXISTS" in session.unsolicited:  # said while the last response was on its way, and not said again
            return
        with self._translated():
            if not self._can_idle:
                stop.wait(seconds)
            elif session.idle_until_called(min(seconds, IDLE_SECONDS)):
                return
            if not stop.is_set():
                session.noop()  # shows a dead connection, and lets the server look at the mailbox

    def close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            session.leave()

    def _chosen(self) -> ImapFolder:
        assert self._folder is not None, "the mailbox is opened first"
        return self._folder

    def _cursor(self, uid: int) -> MailboxCursor:
        self._check_owed()
        return MailboxCursor(
            server_id=self._server.id,
            folder=self._server.folder,
            uidvalidity=self._uidvalidity,
            uid=uid,
            username=self._server.username,
            left_until=self._left_until,
            owed=self._owed.mails,
        )

    def _locator(self, uid: str) -> str:
        return f"{self._server.folder};UIDVALIDITY={self._uidvalidity};UID={uid}"
