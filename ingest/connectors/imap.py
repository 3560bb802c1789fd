"""IMAP (RFC 3501, RFC 9051): a cursor of UIDVALIDITY and UID, never UNSEEN, since other clients read mail too."""

import imaplib
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from imapclient import DELETED, SEEN
from imapclient.exceptions import CapabilityError

from ingest.connectors.announced import UNKNOWN_SIZE
from ingest.connectors.base import (
    BLOCK_BYTES,
    IDLE_SECONDS,
    LOOKED_AT,
    SHOWN_BYTES,
    WATCH,
    FetchedBatch,
    Mode,
    Step,
    lies_there,
    take_block,
)
from ingest.connectors.imap_mails import ImapMails, Read
from ingest.connectors.imap_responses import answers, author_date, internal_date, size_of, uid_of
from ingest.connectors.imap_session import FetchRefusedError, ImapSession
from ingest.connectors.owed import Owed, too_much_owed
from ingest.connectors.passing import passes, trouble_that_passes
from ingest.connectors.suspects import Suspects
from ingest.shown import holds
from mailserver.authentication import logged_in, method_for, refused
from mailserver.connection import connected
from mailserver.errors import MailServerError, connection_error, server_label, words_of
from mailserver.sasl import Credentials
from mailserver.security import starttls_missing, tls_context
from runtime.logs import get_logger
from schemas.reasons import Reason
from schemas.servers import MailboxCursor
from schemas.settings import IncomingServer, Security

log = get_logger(__name__)

DATES_AT_ONCE = 10_000  # mails whose Date is asked for in one command


@dataclass(frozen=True, slots=True)
class _Listed:
    """A mail in the folder, not yet fetched. `date`: its INTERNALDATE, where that was asked for."""

    uid: int
    size: int
    date: datetime | None


class ImapConnector:
    """One IMAP folder. See `Connector`."""

    def __init__(self, server: IncomingServer, account: Credentials, mode: Mode = WATCH) -> None:
        self._server = server
        self._look_only = mode.look_only
        self._account = account
        self._session: ImapSession | None = None
        self._uidvalidity = 0
        self._uidnext: int | None = None
        self._exists: int | None = None  # mails in the folder, when it was chosen
        self._can_idle = False
        self._left_until: datetime | None = None  # date of the newest mail that the first look left alone
        self._waiting: list[tuple[str, int]] = []  # (UID, size) not yet fetched
        self._passed = 0  # once none waits, all up to this UID are fetched or left alone
        self._after = 0  # all up to this UID are fetched, left alone or owed
        self._owed = Owed()
        self.suspects = Suspects()

    @property
    def backlog(self) -> int:
        return len(self._waiting)

    def opening(self) -> tuple[Step, ...]:
        return Step("connect", self._connect), Step("log in", self._log_in), Step("open mailbox", self._choose_folder)

    def _connect(self) -> str:
        method_for(self._server, "imap")
        with self._translated():
            session = self._session = ImapSession(self._server)
        if self._server.security is Security.STARTTLS:
            self._start_tls(session)
        return connected(self._server, "imap", session.socket())

    def _start_tls(self, session: ImapSession) -> None:
        context = tls_context(self._server)
        try:
            session.starttls(context)
        except (CapabilityError, imaplib.IMAP4.error) as error:
            raise starttls_missing(self._server) from error
        except OSError as error:
            raise connection_error(self._server, error) from error

    def _log_in(self) -> str:
        session = self._require()
        if session.authenticated:
            return "the server lets us in without a log-in (PREAUTH)"
        try:
            with self._translated(refusals=False):
                session.log_in(self._account)
        except UnicodeEncodeError:
            text = "the LOGIN command takes no letters beyond ASCII in user name or password; choose sasl-plain"
            raise refused(self._server, text) from None
        except imaplib.IMAP4.error as error:
            said = words_of(error)
            if passes(said):
                raise trouble_that_passes(self._server, said) from error
            raise refused(self._server, said) from error
        return logged_in(self._server)

    def _choose_folder(self) -> str:
        with self._translated():
            chosen = self._select(self._require())
        self._uidvalidity = chosen.get(b"UIDVALIDITY", 0)
        self._uidnext = chosen.get(b"UIDNEXT") or None  # 0 is no UID
        self._exists = chosen.get(b"EXISTS")
        self._can_idle = self._require().has_capability("IDLE")
        return f"{self._server.folder}: {lies_there(self._server, self._exists or 0)}"

    def _select(self, session: ImapSession) -> Mapping[bytes, Any]:
        """Read-only where nothing is to be changed, so that not even \\Recent is (RFC 3501, 6.3.2)."""
        server = self._server
        readonly = self._look_only or server.after_fetch == "leave"
        if server.move_to is not None and not session.folder_exists(server.move_to):
            raise self._folder_error(
                f"there is no folder {server.move_to!r} to move mail to: make it, or correct move_to"
            )
        try:
            chosen: Mapping[bytes, Any] = session.select_folder(server.folder, readonly=readonly)
        except imaplib.IMAP4.readonly as error:
            raise self._folder_error(
                f"the folder {server.folder!r} can only be read: give the account the right to change it, or set "
                "after_fetch to leave"
            ) from error
        except imaplib.IMAP4.abort:
            raise
        except imaplib.IMAP4.error as error:
            if passes(words_of(error)):
                raise
            raise self._folder_error(
                f"the folder {server.folder!r} cannot be opened: {words_of(error)}. Check folder and its rights"
            ) from error
        return chosen

    def newest(self, marker: str) -> bytes | None:
        with self._translated():
            session = self._require()
            exists = self._exists or 0
            last = f"{max(1, exists - LOOKED_AT + 1)}:{exists}"
            listed = session.fetch_by_number(last, "(UID BODY.PEEK[HEADER.FIELDS (SUBJECT)])") if exists else []
            subjects = {uid_of(line) or 0: header or b"" for line, header in answers(listed)}
            for uid in sorted(subjects, reverse=True):
                if holds(subjects[uid], marker):
                    return self._mails().beginning(str(uid), SHOWN_BYTES)
        return None

    def next_block(self, cursor: MailboxCursor | None, room: int = BLOCK_BYTES) -> FetchedBatch | None:
        if cursor is not None and self._is_of_another_mailbox(cursor):
            cursor = None
        uidnext, self._uidnext = self._uidnext, None  # it is that of the log-in: later cursors go beyond it
        with self._translated():
            if cursor is None and self._server.start_from == "now":
                return self._from_now_on(uidnext or 1)
            if self._waiting:
                return self._fetch(room)
            self._left_until = cursor.left_until if cursor else None
            if cursor is not None and not self._is_numbered_as(cursor, uidnext):
                return self._from_the_start(room)
            self._after = cursor.uid or 0 if cursor else 0
            self._owed.load(cursor.owed if cursor else ())
            return self._look_on(room)

    def _look_on(self, room: int) -> FetchedBatch | None:
        """What came since, and what is owed: nobody owes any more what is no longer there."""
        now, looked_for = datetime.now(UTC), self._owed.listed()
        found = self._look(self._after, looked_for)
        gone = set(looked_for) - {str(one.uid) for one in found}
        self._owed.answered((), {}, gone, now)
        self._wait_for([one for one in found if self._owed.is_due(str(one.uid), now)])
        if self._waiting:
            return self._fetch(room)
        return FetchedBatch((), self._cursor(self._after)) if gone else None

    def _wait_for(self, found: list["_Listed"]) -> None:
        self._waiting = [(str(one.uid), one.size) for one in found]

    def _is_of_another_mailbox(self, cursor: MailboxCursor) -> bool:
        """Another folder, another protocol; or another account, unless it is the same mailbox under a new name."""
        server = self._server
        renamed = cursor.username is not None and cursor.username != server.username
        other = renamed and cursor.uidvalidity != self._uidvalidity
        return cursor.folder != server.folder or cursor.uid is None or other

    def _is_numbered_as(self, cursor: MailboxCursor, uidnext: int | None) -> bool:
        """Whether UIDs mean what they meant. A mailbox put back from a backup may number on from an earlier UID."""
        went_back = uidnext is not None and cursor.uid is not None and cursor.uid >= uidnext
        return cursor.uidvalidity == self._uidvalidity and not went_back

    def _from_the_start(self, room: int) -> FetchedBatch:
        """Of a mailbox that is numbered anew: what comes again is known again by its mail id.

        What the first look left alone stays alone; it is told by its date, which servers keep when they number anew.
        """
        present = self._look(0)
        new = self._not_left_alone(present)
        log.warning(
            "the server numbered the mailbox anew: it is read from the start",
            server=self._server.id,
            mails=len(new),
            left_alone=len(present) - len(new),
        )
        self._wait_for(new)
        self._after, self._passed = 0, max((one.uid for one in present), default=0)
        self._owed.load(())
        return self._fetch(room) if self._waiting else FetchedBatch((), self._cursor(self._passed))

    def _not_left_alone(self, present: list["_Listed"]) -> list["_Listed"]:
        """By the dates of the mail store; by those that the authors wrote where none is from before the first look.

        Then a program moved the mails that dates its copies anew, as isync does. A mail without a date is new.
        """
        until = self._left_until
        if until is None:
            return present
        new = [one for one in present if one.date is None or one.date > until]
        if len(new) < len(present):
            return new
        written = self._author_dates(new)
        return [one for one in new if one.uid not in written or written[one.uid] > until]

    def _author_dates(self, listed: list["_Listed"]) -> dict[int, datetime]:
        """By UID, of the mails that have one."""
        session, found = self._require(), {}
        for start in range(0, len(listed), DATES_AT_ONCE):
            some = listed[start : start + DATES_AT_ONCE]
            try:
                answer = session.uid_fetch(f"{some[0].uid}:{some[-1].uid}", "(UID BODY.PEEK[HEADER.FIELDS (DATE)])")
            except FetchRefusedError as error:
                answer = error.given  # of a mail that is not given nothing is known: it is new
            for line, header in answers(answer):
                uid, date = uid_of(line), author_date(header)
                if uid is not None and date is not None:
                    found[uid] = date
        return found

    def _from_now_on(self, uidnext: int) -> FetchedBatch:
        present = self._look(0)
        dates = [one.date for one in present if one.date is not None]
        self._left_until = max(dates, default=None)
        last = max((one.uid for one in present), default=0)
        return FetchedBatch((), self._cursor(max(last, uidnext - 1)), skipped=len(present))

    def _look(self, after: int, owed: Sequence[str] = ()) -> list["_Listed"]:
        """Every mail behind a UID, and the owed ones that are there, in order; with dates where all are seen."""
        session = self._require()
        session.new_round()
        empty, self._exists = self._exists == 0, None  # true at the log-in, and of no more use
        if empty:  # some servers refuse FETCH then
            return []
        items = "(UID RFC822.SIZE)" if after else "(UID RFC822.SIZE INTERNALDATE)"
        found = {}
        for line, _ in answers(self._listed(session, ",".join((*owed, f"{after + 1}:*")), items)):
            uid = uid_of(line)
            if uid is not None and (uid > after or str(uid) in owed):  # n:* names the last mail even if it is below n
                size = size_of(line)
                date = None if after else internal_date(line)
                found[uid] = _Listed(uid, UNKNOWN_SIZE if size is None else size, date)
        return [found[uid] for uid in sorted(found)]

    def _listed(self, session: ImapSession, uids: str, items: str) -> Sequence[Any]:
        """The answer; nothing where the server refuses because the folder has become empty meanwhile."""
        try:
            return session.uid_fetch(uids, items)
        except FetchRefusedError as error:
            try:
                exists = self._select(session).get(b"EXISTS")
            except (imaplib.IMAP4.error, OSError, MailServerError):
                raise error from None
            if exists == 0:
                return []
            raise

    def _fetch(self, room: int) -> FetchedBatch:
        """The next of those that wait; what is not given is owed."""
        sizes = dict(take_block(self._waiting, room, lambda uid: uid in self.suspects or uid in self._owed))
        read = self._read(sizes, room)
        gone = sizes.keys() - read.mails.keys() - read.not_given.keys()
        self._owed.answered(read.mails, read.not_given, gone, datetime.now(UTC))
        self._after = max(self._after, *map(int, sizes))
        mails = tuple(read.mails[uid] for uid in sizes if uid in read.mails)
        return FetchedBatch(mails, self._cursor(self._after if self._waiting else max(self._after, self._passed)))

    def _read(self, sizes: Mapping[str, int], room: int) -> Read:
        if self.suspects.breaks_connections(next(iter(sizes))):  # it is alone
            return Read(not_given={uid: self.suspects.passed_over(uid) for uid in sizes})
        with self.suspects.fetching(sizes, lambda error: isinstance(error, (imaplib.IMAP4.abort, OSError))):
            return self._mails().read(sizes, room)

    def _mails(self) -> ImapMails:
        return ImapMails(self._require(), self._locator)

    def settle(self, block: FetchedBatch) -> None:
        if not block.mails or block.cursor.uidvalidity != self._uidvalidity:
            return  # numbered anew: these UIDs name other mails now
        with self._translated():
            self._settle([int(mail.handle) for mail in block.mails])

    def _settle(self, uids: list[int]) -> None:
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
        if "EXISTS" in session.unasked:  # told while the last answer was on its way, and not told again
            return
        with self._translated():
            if not self._can_idle:
                stop.wait(seconds)
            elif session.idle_until_called(min(seconds, IDLE_SECONDS)):
                return
            if not stop.is_set():
                session.noop()  # shows a dead connection, and lets the server look at the mailbox

    def interrupt(self) -> None:
        session = self._session
        if session is not None:
            session.interrupt()

    def close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            session.leave()

    def _require(self) -> ImapSession:
        assert self._session is not None, "open() comes first"
        return self._session

    def _cursor(self, uid: int) -> MailboxCursor:
        told = too_much_owed(self._owed)
        if told:
            raise MailServerError(Reason.SERVER_UNREACHABLE, f"{server_label(self._server)}: {told}", temporary=True)
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

    @contextmanager
    def _translated(self, *, refusals: bool = True) -> Iterator[None]:
        """imaplib's errors in our words. `refusals`: also what the server answered with NO or BAD."""
        try:
            yield
        except imaplib.IMAP4.abort as error:
            raise self._broken(error) from error
        except imaplib.IMAP4.error as error:
            if not refusals:
                raise
            raise self._broken(error) from error
        except OSError as error:
            raise connection_error(self._server, error) from error

    def _broken(self, error: imaplib.IMAP4.error) -> MailServerError:
        said = words_of(error)
        if passes(said):
            return trouble_that_passes(self._server, said)
        text = f"{server_label(self._server)} broke off or refused: {said}"
        return MailServerError(Reason.SERVER_UNREACHABLE, text, temporary=True)

    def _folder_error(self, text: str) -> MailServerError:
        return MailServerError(Reason.FOLDER_REFUSED, f"{server_label(self._server)}: {text}", temporary=False)
