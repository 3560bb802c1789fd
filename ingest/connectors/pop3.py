"""POP3 (RFC 1939): a cursor of unique ids, no more of them than are still on the server. Polled: it has no IDLE."""

import poplib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import chain

from ingest.connectors.announced import UNKNOWN_SIZE
from ingest.connectors.base import (
    BLOCK_BYTES,
    LOOKED_AT,
    SHOWN_BYTES,
    WATCH,
    FetchedBatch,
    Mode,
    RemoteMail,
    Step,
    lies_there,
    open_mailbox,
    take_block,
    too_many,
)
from ingest.connectors.owed import Owed, too_much_owed
from ingest.connectors.passing import passes, trouble_that_passes
from ingest.connectors.pop3_ids import Identified, identify, is_refusal
from ingest.connectors.pop3_mails import NotGivenError, is_break, read_whole
from ingest.connectors.pop3_session import Pop3Session
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


class Pop3Connector:
    """One POP3 mailbox. See `Connector`.

    A session shows the mailbox as it was at log-in, locks it, and deletes only at its end: so `wait` and a deletion end
    it, and the next look begins another.
    """

    def __init__(self, server: IncomingServer, account: Credentials, mode: Mode = WATCH) -> None:
        self._server = server
        self._look_only = mode.look_only
        self._cursor_bytes = mode.cursor_bytes
        self._account = account
        self._session: Pop3Session | None = None
        self._identified = Identified()
        self._sizes: dict[int, int | None] = {}  # by number in this session
        self._by_digest_told = False
        self._owed = Owed()
        self.suspects = Suspects()
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
            session = self._require()
            # In this order: a mail that a server shows as soon as it comes, in between, has an id.
            self._sizes = session.sizes()
            self._identified = identify(session, self._sizes, self._unique_ids(session))
        self._waiting = None
        if self._identified.by_digest and not self._by_digest_told:
            self._by_digest_told = True
            log.warning(
                "mails without a unique id of their own (UIDL) are told apart by what is in them",
                server=self._server.id,
                mails=self._identified.by_digest,
            )
        return lies_there(self._server, self._there)

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
            if not is_refusal(error) or passes(said):
                raise self._broken(error) from error
            raise refused(self._server, said) from error
        except OSError as error:
            raise connection_error(self._server, error) from error
        return logged_in(self._server)

    def newest(self, marker: str) -> bytes | None:
        """By TOP: RETR would mark the mail as read on many servers."""
        with self._translated():
            session = self._require()
            for number in sorted(self._identified.numbers.values(), reverse=True)[:LOOKED_AT]:
                if not marker or holds(session.header(number), marker):
                    return session.beginning(number, SHOWN_BYTES)
        return None

    def _unique_ids(self, session: Pop3Session) -> dict[int, str]:
        """Nothing where the server has no UIDL."""
        try:
            return session.unique_ids()
        except poplib.error_proto as error:
            if not is_refusal(error):
                raise
            return {}

    @property
    def _there(self) -> int:
        return len(self._identified.numbers) + len(self._identified.not_given)

    def next_block(self, cursor: MailboxCursor | None, room: int = BLOCK_BYTES) -> FetchedBatch | None:
        session = self._ensure()
        if cursor is not None and self._is_of_another_mailbox(cursor):
            cursor = None
        if cursor is None and self._server.start_from == "now":
            self._owed.load(())
            return FetchedBatch((), self._cursor(tuple(self._identified.numbers)), skipped=self._there)
        known = frozenset(cursor.uidls) if cursor else frozenset()
        if self._waiting is None:
            self._look(cursor, known)
        with self._translated():
            mails = self._fetch(session, room)
        if not mails and self._owed.mails == (cursor.owed if cursor else ()):
            return None
        still_there = (uidl for uidl in self._identified.numbers if uidl in known)
        return FetchedBatch(mails, self._cursor(tuple(chain(still_there, (mail.handle for mail in mails)))))

    def _is_of_another_mailbox(self, cursor: MailboxCursor) -> bool:
        """Another protocol; or another account of which nothing is known, so that it is no new name of the same one."""
        renamed = cursor.username is not None and cursor.username != self._server.username
        return cursor.uid is not None or (renamed and self._identified.numbers.keys().isdisjoint(cursor.uidls))

    def _look(self, cursor: MailboxCursor | None, known: frozenset[str]) -> None:
        """What waits of this session's listing, and what is owed: nobody owes any more what is no longer there."""
        now, identified = datetime.now(UTC), self._identified
        self._owed.load(cursor.owed if cursor else ())
        there = identified.numbers.keys() | identified.not_given.keys()
        gone = [mail.handle for mail in self._owed.mails if mail.handle not in there]
        unknown = {name: why for name, why in identified.not_given.items() if self._owed.is_due(name, now)}
        self._owed.answered((), unknown, gone, now)
        self._waiting = [
            (uidl, self._size(number))
            for uidl, number in identified.numbers.items()
            if uidl not in known and self._owed.is_due(uidl, now)
        ]

    def _size(self, number: int) -> int:
        size = self._sizes.get(number)
        return UNKNOWN_SIZE if size is None else size

    def _fetch(self, session: Pop3Session, room: int) -> tuple[RemoteMail, ...]:
        """The next of those that wait; what is not given is owed. None may be left while mails wait."""
        mails: dict[str, RemoteMail] = {}
        not_given: dict[str, str] = {}
        for uidl, size in take_block(self._waiting or [], room, lambda uidl: uidl in self.suspects):
            if self.suspects.breaks_connections(uidl):
                not_given[uidl] = self.suspects.passed_over(uidl)
                continue
            try:
                with self.suspects.fetching([uidl], is_break):
                    mail = read_whole(session, self._identified.numbers[uidl], uidl, size, room)
            except NotGivenError as error:
                not_given[uidl] = str(error)
                continue
            mails[uidl] = mail
            if not mail.is_kept_whole:  # the server is still sending: the others wait for the next session
                self._forget()
                session.close()
                break
        self._owed.answered(mails, not_given, (), datetime.now(UTC))
        return tuple(mails.values())

    def settle(self, block: FetchedBatch) -> None:
        """Deletes, where that is wanted: it counts only once the server has said yes to QUIT (RFC 1939, section 6)."""
        if self._server.after_fetch != "delete" or not block.mails:
            return
        session = self._ensure()
        with self._translated():
            for number in (self._identified.numbers.get(mail.handle) for mail in block.mails):
                if number is not None:
                    session.dele(number)
            self._forget()
            session.quit()

    def wait(self, seconds: float, stop: threading.Event) -> None:
        self._owed.new_round()
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
        told = too_many(uidls, self._cursor_bytes)
        if told:
            raise MailServerError(Reason.FOLDER_REFUSED, f"{server_label(self._server)}: {told}", temporary=False)
        told = too_much_owed(self._owed)
        if told:
            raise MailServerError(Reason.SERVER_UNREACHABLE, f"{server_label(self._server)}: {told}", temporary=True)
        return MailboxCursor(
            server_id=self._server.id, uidls=uidls, username=self._server.username, owed=self._owed.mails
        )

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
        if is_refusal(error) and passes(said):
            return trouble_that_passes(self._server, said)
        text = f"{server_label(self._server)} broke off or refused: {said}"
        return MailServerError(Reason.SERVER_UNREACHABLE, text, temporary=True)
