"""IMAP (RFC 3501, RFC 9051): a cursor of UIDVALIDITY and UID, never UNSEEN, since other clients read mail too."""

import imaplib
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from imapclient import DELETED, SEEN
from imapclient.exceptions import CapabilityError

from ingest.connectors.base import IDLE_SECONDS, MAX_MAIL_BYTES, Block, RemoteMail, take_block
from ingest.connectors.imap_session import ImapSession
from mailserver.authentication import Credentials, method_for, refused
from mailserver.errors import MailServerError, connection_error, place, words
from mailserver.security import starttls_missing, tls_context
from runtime.logs import get_logger
from schemas.reasons import Reason
from schemas.servers import MailboxCursor
from schemas.settings import IncomingServer, Security

log = get_logger(__name__)

_UID = re.compile(rb"\bUID (\d{1,10})\b")
_SIZE = re.compile(rb"\bRFC822\.SIZE (\d{1,18})\b")
_INTERNALDATE = re.compile(  # RFC 3501, section 9: date-time
    rb'\bINTERNALDATE "([ \d]\d)-([A-Za-z]{3})-(\d{4}) (\d\d:\d\d:\d\d) ([+-]\d\d)(\d\d)"'
)
_MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()
# Response codes (RFC 5530) and words of refusals that pass by themselves.
_PASSING = re.compile(
    r"\[(?:UNAVAILABLE|LIMIT|INUSE|OVERQUOTA|SERVERBUG|THROTTLED)\]|too many|try again", re.IGNORECASE
)


class ImapConnector:
    """One IMAP folder. See `Connector`."""

    def __init__(self, server: IncomingServer, account: Credentials) -> None:
        self._server = server
        self._account = account
        self._session: ImapSession | None = None
        self._uidvalidity = 0
        self._uidnext: int | None = None
        self._can_idle = False
        self._waiting: list[tuple[str, int]] = []  # (UID, size) not yet fetched

    @property
    def backlog(self) -> int:
        return len(self._waiting)

    def open(self) -> None:
        method = method_for(self._server, "imap")
        with self._translated():
            session = self._session = ImapSession(self._server)
        if self._server.security is Security.STARTTLS:
            self._start_tls(session)
        if not session.authenticated:
            self._log_in(session, method)
        with self._translated():
            self._choose_folder(session)

    def _start_tls(self, session: ImapSession) -> None:
        context = tls_context(self._server)
        try:
            session.starttls(context)
        except (CapabilityError, imaplib.IMAP4.error) as error:
            raise starttls_missing(self._server) from error
        except OSError as error:
            raise connection_error(self._server, error) from error

    def _log_in(self, session: ImapSession, method: Any) -> None:
        try:
            with self._translated(refusals=False):
                session.log_in(method, self._account)
        except UnicodeEncodeError:
            text = "the LOGIN command takes no letters beyond ASCII in user name or password; choose sasl-plain"
            raise refused(self._server, text) from None
        except imaplib.IMAP4.error as error:
            said = words(_said(error))
            if _PASSING.search(said):
                raise self._throttled(said) from error
            raise refused(self._server, said) from error

    def _choose_folder(self, session: ImapSession) -> None:
        """Read-only where nothing is to be changed, so that not even \\Recent is (RFC 3501, 6.3.2)."""
        server = self._server
        if server.move_to is not None and not session.folder_exists(server.move_to):
            raise self._folder_error(
                f"there is no folder {server.move_to!r} to move mail to: make it, or correct move_to"
            )
        try:
            chosen: Mapping[bytes, Any] = session.select_folder(server.folder, readonly=server.after_fetch == "leave")
        except imaplib.IMAP4.abort:
            raise
        except imaplib.IMAP4.error as error:
            raise self._folder_error(
                f"the folder {server.folder!r} cannot be opened: {words(_said(error))}. Check folder and its rights"
            ) from error
        self._uidvalidity = chosen.get(b"UIDVALIDITY", 0)
        self._uidnext = chosen.get(b"UIDNEXT")
        self._can_idle = session.has_capability("IDLE")

    def next_block(self, cursor: MailboxCursor | None) -> Block | None:
        if cursor is not None and (cursor.folder != self._server.folder or cursor.uid is None):
            cursor = None  # of another folder or protocol: this one was never read
        with self._translated():
            if cursor is None and self._server.start_from == "now":
                return self._from_now_on()
            if not self._waiting:
                self._waiting = self._look(self._read_up_to(cursor))
            return self._fetch(take_block(self._waiting)) if self._waiting else None

    def _read_up_to(self, cursor: MailboxCursor | None) -> int:
        """The last UID read; 0 where the UIDs mean other mails now: what comes again is known again by its mail id."""
        if cursor is None or cursor.uid is None:
            return 0
        if cursor.uidvalidity != self._uidvalidity:
            log.warning(
                "the server numbered the mailbox anew (UIDVALIDITY): it is read from the start",
                server=self._server.id,
                before=cursor.uidvalidity,
                now=self._uidvalidity,
            )
            return 0
        return cursor.uid

    def _from_now_on(self) -> Block:
        present = self._look(0)
        last = max((int(uid) for uid, _ in present), default=0)
        return Block((), self._cursor(max(last, (self._uidnext or 1) - 1)), skipped=len(present))

    def _look(self, after: int) -> list[tuple[str, int]]:
        """(UID, size) of every mail behind a UID, in order."""
        session = self._require()
        session.new_round()
        found = {}
        for line, _ in _answers(session.uid_fetch(f"{after + 1}:*", "(UID RFC822.SIZE)")):
            uid, size = _number(_UID, line), _number(_SIZE, line)
            if uid is not None and uid > after:  # n:* names the last mail even where its UID is below n
                found[uid] = size or 0
        return [(str(uid), found[uid]) for uid in sorted(found)]

    def _fetch(self, wanted: Sequence[tuple[str, int]]) -> Block:
        session = self._require()
        sizes = dict(wanted)
        large = max(sizes.values()) > MAX_MAIL_BYTES  # take_block: then it is alone
        body = f"BODY.PEEK[]<0.{MAX_MAIL_BYTES}>" if large else "BODY.PEEK[]"
        bodies: dict[str, RemoteMail] = {}
        for line, raw in _answers(session.uid_fetch(",".join(sizes), f"(UID INTERNALDATE {body})")):
            uid = str(_number(_UID, line))
            if uid in sizes and raw is not None:
                size = sizes[uid] if large else None
                bodies[uid] = RemoteMail(uid, self._locator(uid), raw, _internal_date(line), size)
        self._check_gone(session, sizes.keys() - bodies.keys())
        mails = tuple(bodies[uid] for uid in sizes if uid in bodies)
        return Block(mails, self._cursor(max(map(int, sizes))))

    def _check_gone(self, session: ImapSession, missing: set[str]) -> None:
        """A mail that was not given must have been taken away meanwhile: it is not passed over while it is there."""
        if not missing:
            return
        there = [_number(_UID, line) for line, _ in _answers(session.uid_fetch(",".join(sorted(missing)), "(UID)"))]
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
            server_id=self._server.id, folder=self._server.folder, uidvalidity=self._uidvalidity, uid=uid
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
        said = words(_said(error))
        if _PASSING.search(said):
            return self._throttled(said)
        text = f"{place(self._server)} broke off or refused: {said}"
        return MailServerError(Reason.SERVER_UNREACHABLE, text, temporary=True)

    def _throttled(self, said: str) -> MailServerError:
        text = f"{place(self._server)} asks to be left alone for a while: {said}"
        return MailServerError(Reason.SERVER_DEFERRED, text, temporary=True)

    def _folder_error(self, text: str) -> MailServerError:
        return MailServerError(Reason.FOLDER_REFUSED, f"{place(self._server)}: {text}", temporary=False)


def _answers(data: Sequence[Any]) -> Iterator[tuple[bytes, bytes | None]]:
    """(line without the literal, literal or None) of each FETCH answer in what imaplib gives."""
    line, literal = b"", None
    for item in data:
        if isinstance(item, tuple):
            if line:
                yield line, literal
            line, literal = item
        elif literal is not None:
            yield line + item, literal  # what stands behind the literal
            line, literal = b"", None
        else:
            yield item, b"" if _EMPTY_BODY.search(item) else None
    if line:
        yield line, literal


_EMPTY_BODY = re.compile(rb'\bBODY\[\](?:<0>)? (?:""|NIL)')


def _number(pattern: re.Pattern[bytes], line: bytes) -> int | None:
    found = pattern.search(line)
    return int(found.group(1)) if found else None


def _internal_date(line: bytes) -> datetime | None:
    found = _INTERNALDATE.search(line)
    if not found:
        return None
    day, month, year, time, hours, minutes = (part.decode() for part in found.groups())
    try:
        month_number = 1 + _MONTHS.index(month.lower())
        return datetime.fromisoformat(f"{year}-{month_number:02}-{day.strip():0>2}T{time}{hours}:{minutes}")
    except ValueError:
        return None


def _said(error: Exception) -> object:
    """The server's words in an error of imaplib, which holds them as bytes or as text."""
    return error.args[0] if error.args else type(error).__name__
