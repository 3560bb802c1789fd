"""IMAP (RFC 3501, RFC 9051): a cursor of UIDVALIDITY and UID, never UNSEEN, since other clients read mail too."""

import imaplib
import re
import threading
from collections.abc import Iterator, Mapping, Set
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from imapclient import DELETED, SEEN
from imapclient.exceptions import CapabilityError

from ingest.connectors.base import (
    BLOCK_BYTES,
    IDLE_SECONDS,
    LOOKED_AT,
    SHOWN_BYTES,
    WATCH,
    Block,
    Mode,
    RemoteMail,
    Step,
    lies_there,
    spooled,
    take_block,
)
from ingest.connectors.imap_answers import answers, author_date, internal_date, size_of, uid_of
from ingest.connectors.imap_session import ImapSession
from ingest.shown import holds
from mailserver.authentication import logged_in, method_for, refused
from mailserver.connection import connected
from mailserver.errors import MailServerError, connection_error, place, words_of
from mailserver.sasl import Credentials
from mailserver.security import starttls_missing, tls_context
from runtime.logs import get_logger
from schemas.reasons import Reason
from schemas.servers import MailboxCursor
from schemas.settings import IncomingServer, Security

log = get_logger(__name__)

DATES_AT_ONCE = 10_000  # mails whose Date is asked for in one command
PIECE_BYTES = 4_000_000  # of a mail that is too large to be fetched at once

# Response codes (RFC 5530) and words of refusals that pass by themselves.
_PASSING = re.compile(
    r"\[(?:UNAVAILABLE|LIMIT|INUSE|OVERQUOTA|SERVERBUG|THROTTLED)\]|too many|try again|throttled", re.IGNORECASE
)
_ASKED = re.compile(r"Backoff Time: (\d{1,9}) milliseconds", re.IGNORECASE)  # Exchange Online


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
        self._exists = 0  # mails in the folder, when it was chosen
        self._can_idle = False
        self._left_until: datetime | None = None  # date of the newest mail that the first look left alone
        self._waiting: list[tuple[str, int]] = []  # (UID, size) not yet fetched
        self._passed = 0  # once none waits, all up to this UID are fetched or left alone

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
            if _PASSING.search(said):
                raise self._throttled(said) from error
            raise refused(self._server, said) from error
        return logged_in(self._server)

    def _choose_folder(self) -> str:
        with self._translated():
            chosen = self._select(self._require())
        self._uidvalidity = chosen.get(b"UIDVALIDITY", 0)
        self._uidnext = chosen.get(b"UIDNEXT")
        self._exists = chosen.get(b"EXISTS", 0)
        self._can_idle = self._require().has_capability("IDLE")
        return f"{self._server.folder}: {lies_there(self._server, self._exists)}"

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
            raise self._folder_error(
                f"the folder {server.folder!r} cannot be opened: {words_of(error)}. Check folder and its rights"
            ) from error
        return chosen

    def newest(self, marker: str) -> bytes | None:
        with self._translated():
            session = self._require()
            last = f"{max(1, self._exists - LOOKED_AT + 1)}:{self._exists}"
            listed = session.fetch_by_number(last, "(UID BODY.PEEK[HEADER.FIELDS (SUBJECT)])") if self._exists else []
            subjects = {uid_of(line) or 0: header or b"" for line, header in answers(listed)}
            for uid in sorted(subjects, reverse=True):
                if holds(subjects[uid], marker):
                    found = self._piece(str(uid), 0, SHOWN_BYTES)
                    return found[1] if found else None
        return None

    def next_block(self, cursor: MailboxCursor | None, room: int = BLOCK_BYTES) -> Block | None:
        if cursor is not None and self._is_of_another_mailbox(cursor):
            cursor = None
        uidnext, self._uidnext = self._uidnext, None  # it is that of the log-in: later cursors go beyond it
        with self._translated():
            if cursor is None and self._server.start_from == "now":
                return self._from_now_on(uidnext or 1)
            if self._waiting:
                return self._fetch(room)
            self._left_until = cursor.left_until if cursor else None
            if cursor is None or self._is_numbered_as(cursor, uidnext):
                after = cursor.uid or 0 if cursor else 0
                self._waiting = [(str(one.uid), one.size) for one in self._look(after)]
                return self._fetch(room) if self._waiting else None
            return self._from_the_start(room)

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

    def _from_the_start(self, room: int) -> Block:
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
        self._waiting = [(str(one.uid), one.size) for one in new]
        self._passed = max((one.uid for one in present), default=0)
        return self._fetch(room) if self._waiting else Block((), self._cursor(self._passed))

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
            answer = session.uid_fetch(f"{some[0].uid}:{some[-1].uid}", "(UID BODY.PEEK[HEADER.FIELDS (DATE)])")
            for line, header in answers(answer):
                uid, date = uid_of(line), author_date(header)
                if uid is not None and date is not None:
                    found[uid] = date
        return found

    def _from_now_on(self, uidnext: int) -> Block:
        present = self._look(0)
        dates = [one.date for one in present if one.date is not None]
        self._left_until = max(dates, default=None)
        last = max((one.uid for one in present), default=0)
        return Block((), self._cursor(max(last, uidnext - 1)), skipped=len(present))

    def _look(self, after: int) -> list["_Listed"]:
        """Every mail behind a UID, in order; with its date where all are looked at."""
        session = self._require()
        session.new_round()
        items = "(UID RFC822.SIZE)" if after else "(UID RFC822.SIZE INTERNALDATE)"
        found = {}
        for line, _ in answers(session.uid_fetch(f"{after + 1}:*", items)):
            uid, size = uid_of(line), size_of(line)
            if uid is not None and uid > after:  # n:* names the last mail even where its UID is below n
                found[uid] = _Listed(uid, size or 0, None if after else internal_date(line))
        return [found[uid] for uid in sorted(found)]

    def _fetch(self, room: int) -> Block:
        """The next of those that wait."""
        sizes = dict(take_block(self._waiting, room))
        if max(sizes.values()) > room:  # take_block: then it is alone
            (uid,) = sizes
            mail = self._fetch_large(uid, sizes[uid], room)
            bodies = {uid: mail} if mail else {}
        else:
            bodies = self._fetch_whole(sizes.keys())
        session = self._require()
        self._check_gone(session, sizes.keys() - bodies.keys())
        mails = tuple(bodies[uid] for uid in sizes if uid in bodies)
        reached = max(map(int, sizes))
        return Block(mails, self._cursor(reached if self._waiting else max(reached, self._passed)))

    def _fetch_whole(self, wanted: Set[str]) -> dict[str, RemoteMail]:
        bodies: dict[str, RemoteMail] = {}
        answer = self._require().uid_fetch(",".join(wanted), "(UID INTERNALDATE BODY.PEEK[])")
        for line, raw in answers(answer):
            uid = str(uid_of(line))
            if uid in wanted and raw is not None:
                bodies[uid] = RemoteMail(uid, self._locator(uid), raw, internal_date(line))
        return bodies

    def _fetch_large(self, uid: str, size: int, room: int) -> RemoteMail | None:
        """Piece by piece, so that it is never in memory whole; None where it is gone."""
        length = min(PIECE_BYTES, room)
        first = self._piece(uid, 0, length)
        if first is None:
            return None
        line, start = first
        return spooled(
            uid,
            self._locator(uid),
            self._pieces(uid, start, length),
            room=room,
            internal_date=internal_date(line),
            announced=size,
        )

    def _pieces(self, uid: str, start: bytes, length: int) -> Iterator[bytes]:
        position, piece = 0, start
        while piece:
            yield piece
            position += len(piece)
            if len(piece) < length:
                return
            following = self._piece(uid, position, length)
            if following is None:
                raise imaplib.IMAP4.error("a mail was taken away while it was fetched")
            piece = following[1]

    def _piece(self, uid: str, position: int, length: int) -> tuple[bytes, bytes] | None:
        """(line, bytes) of a mail's bytes from a position on (RFC 9051, 6.4.5: BODY[]<position.length>)."""
        items = f"(UID INTERNALDATE BODY.PEEK[]<{position}.{length}>)"
        for line, raw in answers(self._require().uid_fetch(uid, items)):
            if str(uid_of(line)) == uid and raw is not None:
                return line, raw
        return None

    def _check_gone(self, session: ImapSession, missing: set[str]) -> None:
        """A mail that was not given must have been taken away meanwhile: it is not passed over while it is there."""
        if not missing:
            return
        there = [uid_of(line) for line, _ in answers(session.uid_fetch(",".join(sorted(missing)), "(UID)"))]
        stuck = [uid for uid in there if uid is not None and str(uid) in missing]
        if stuck:
            raise self._folder_error(
                f"the server gives no content for the mail with UID {stuck[0]} in {self._server.folder!r}: "
                "move that mail out of the folder"
            )

    def settle(self, block: Block) -> None:
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
        return MailboxCursor(
            server_id=self._server.id,
            folder=self._server.folder,
            uidvalidity=self._uidvalidity,
            uid=uid,
            username=self._server.username,
            left_until=self._left_until,
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
        if _PASSING.search(said):
            return self._throttled(said)
        text = f"{place(self._server)} broke off or refused: {said}"
        return MailServerError(Reason.SERVER_UNREACHABLE, text, temporary=True)

    def _throttled(self, said: str) -> MailServerError:
        text = f"{place(self._server)} asks to be left alone for a while: {said}"
        asked = _ASKED.search(said)
        after = int(asked.group(1)) / 1000 if asked else 0.0
        return MailServerError(Reason.SERVER_DEFERRED, text, temporary=True, after=after)

    def _folder_error(self, text: str) -> MailServerError:
        return MailServerError(Reason.FOLDER_REFUSED, f"{place(self._server)}: {text}", temporary=False)
