"""POP3 (RFC 1939): a cursor of unique ids, no more of them than are still on the server. Polled: it has no IDLE."""

import hashlib
import poplib
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain

from ingest.connectors.base import (
    BLOCK_BYTES,
    LOOKED_AT,
    SHOWN_BYTES,
    WATCH,
    Block,
    Mode,
    RemoteMail,
    Step,
    lies_there,
    open_mailbox,
    spooled,
    take_block,
    too_many,
)
from ingest.connectors.pop3_session import Pop3Session
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

# RFC 2449 8.1, RFC 3206: refusals that pass by themselves.
_PASSING = re.compile(r"\[(?:IN-USE|LOGIN-DELAY|SYS/TEMP)\]|too many|try again|lock", re.IGNORECASE)


class Pop3Connector:
    """One POP3 mailbox. See `Connector`.

    A session shows the mailbox as it was at log-in, locks it, and deletes only at its end: so `wait` and a deletion end
    it, and the next look begins another.
    """

    def __init__(self, server: IncomingServer, account: Credentials, mode: Mode = WATCH) -> None:
        self._server = server
        self._look_only = mode.look_only
        self._account = account
        self._session: Pop3Session | None = None
        self._numbers: dict[str, int] = {}  # unique id -> number in this session, in the mailbox's order
        self._waiting: list[tuple[str, int]] | None = None  # (unique id, size) not yet fetched; None: not looked yet

    @property
    def backlog(self) -> int:
        return len(self._waiting or ())

    def opening(self) -> tuple[Step, ...]:
        return Step("connect", self._connect), Step("log in", self._log_in), Step("open mailbox", self._list)

    def _connect(self) -> str:
        method_for(self._server, "pop3")
        with self._translated():
            session = self._session = Pop3Session(self._server)
        if self._server.security is Security.STARTTLS:
            self._start_tls(session)
        return connected(self._server, "pop3", session.sock)

    def _list(self) -> str:
        with self._translated():
            self._numbers = self._identify(self._require())
        self._waiting = None
        return lies_there(self._server, len(self._numbers))

    def _start_tls(self, session: Pop3Session) -> None:
        context = tls_context(self._server)
        try:
            session.stls(context)
        except poplib.error_proto as error:
            raise starttls_missing(self._server) from error
        except OSError as error:
            raise connection_error(self._server, error) from error

    def _log_in(self) -> str:
        try:
            self._require().log_in(self._account)
        except poplib.error_proto as error:
            said = words_of(error)
            if not said.startswith("-ERR") or _PASSING.search(said):
                raise self._broken(error) from error
            raise refused(self._server, said) from error
        except OSError as error:
            raise connection_error(self._server, error) from error
        return logged_in(self._server)

    def newest(self, marker: str) -> bytes | None:
        """By TOP: RETR would mark the mail as read on many servers."""
        with self._translated():
            session = self._require()
            for number in sorted(self._numbers.values(), reverse=True)[:LOOKED_AT]:
                if not marker or holds(session.header(number), marker):
                    return session.beginning(number, SHOWN_BYTES)
        return None

    def _identify(self, session: Pop3Session) -> dict[str, int]:
        """Number of each mail by its unique id; by a digest of its header where the server has no UIDL."""
        try:
            return {uidl: number for number, uidl in session.unique_ids().items()}
        except poplib.error_proto as error:
            if not words_of(error).startswith("-ERR"):
                raise
        log.warning("the server has no UIDL: mails are told apart by their headers (TOP)", server=self._server.id)
        return {f"top-{hashlib.sha256(session.header(n)).hexdigest()[:32]}": n for n in session.sizes()}

    def next_block(self, cursor: MailboxCursor | None, room: int = BLOCK_BYTES) -> Block | None:
        session = self._ensure()
        if cursor is not None and self._is_of_another_mailbox(cursor):
            cursor = None
        if cursor is None and self._server.start_from == "now":
            return Block((), self._cursor(tuple(self._numbers)), skipped=len(self._numbers))
        known = frozenset(cursor.uidls) if cursor else frozenset()
        with self._translated():
            if self._waiting is None:
                sizes = session.sizes()
                self._waiting = [(uidl, sizes.get(n, 0)) for uidl, n in self._numbers.items() if uidl not in known]
            if not self._waiting:
                return None
            mails = tuple(self._fetch(session, uidl, size, room) for uidl, size in take_block(self._waiting, room))
        still_there = (uidl for uidl in self._numbers if uidl in known)
        return Block(mails, self._cursor(tuple(chain(still_there, (mail.handle for mail in mails)))))

    def _is_of_another_mailbox(self, cursor: MailboxCursor) -> bool:
        """Another protocol; or another account of which nothing is known, so that it is no new name of the same one."""
        renamed = cursor.username is not None and cursor.username != self._server.username
        return cursor.uid is not None or (renamed and self._numbers.keys().isdisjoint(cursor.uidls))

    def _fetch(self, session: Pop3Session, uidl: str, size: int, room: int) -> RemoteMail:
        pieces = session.content(self._numbers[uidl])
        mail = spooled(uidl, f"POP3;UIDL={uidl}", pieces, room=room, announced=size)
        if mail.size is not None and mail.spool is None:  # the server is still sending
            self._forget()
            session.close()
        return mail

    def settle(self, block: Block) -> None:
        """Deletes, where that is wanted: it counts only once the server has said yes to QUIT (RFC 1939, section 6)."""
        if self._server.after_fetch != "delete" or not block.mails:
            return
        session = self._ensure()
        with self._translated():
            for number in (self._numbers.get(mail.handle) for mail in block.mails):
                if number is not None:
                    session.dele(number)
            self._forget()
            session.quit()

    def wait(self, seconds: float, stop: threading.Event) -> None:
        self.close()
        stop.wait(seconds)

    def interrupt(self) -> None:
        session = self._session
        if session is not None:
            session.interrupt()

    def close(self) -> None:
        session = self._session
        self._forget()
        if session is None:
            return
        if self._look_only:
            session.close()  # without QUIT: some servers do with mails what they like at the end of a session
        else:
            session.leave()

    def _ensure(self) -> Pop3Session:
        if self._session is None:
            open_mailbox(self)
        return self._require()

    def _require(self) -> Pop3Session:
        assert self._session is not None, "the mailbox is opened first"
        return self._session

    def _forget(self) -> None:
        self._session, self._waiting = None, None

    def _cursor(self, uidls: tuple[str, ...]) -> MailboxCursor:
        told = too_many(uidls)
        if told:
            raise MailServerError(Reason.FOLDER_REFUSED, f"{place(self._server)}: {told}", temporary=False)
        return MailboxCursor(server_id=self._server.id, uidls=uidls, username=self._server.username)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except poplib.error_proto as error:
            raise self._broken(error) from error
        except OSError as error:
            raise connection_error(self._server, error) from error

    def _broken(self, error: poplib.error_proto) -> MailServerError:
        said = words_of(error)
        if _PASSING.search(said):
            text = f"{place(self._server)} asks to be left alone for a while: {said}"
            return MailServerError(Reason.SERVER_DEFERRED, text, temporary=True)
        text = f"{place(self._server)} broke off or refused: {said}"
        return MailServerError(Reason.SERVER_UNREACHABLE, text, temporary=True)
