"""POP3 (RFC 1939): a cursor of unique ids, no more of them than are still on the server. Polled: it has no IDLE."""

import poplib
import threading
from datetime import UTC, datetime
from itertools import chain

from ingest.connectors.base import (
    BATCH_BYTES,
    LOOKED_AT,
    SHOWN_BYTES,
    WATCH,
    FetchedBatch,
    Mode,
    Step,
    open_mailbox,
    take_batch,
)
from ingest.connectors.mailbox_connector import whats_there
from ingest.connectors.pop3_mails import Identified, identify, is_break, is_refusal, read_whole
from ingest.connectors.pop3_session import Pop3Session
from ingest.connectors.remote_mail import UNKNOWN_SIZE, RemoteMail
from ingest.connectors.session_connector import SessionConnector
from ingest.mail_preview import holds
from mailserver.sasl import Credentials
from runtime.telemetry.logs import get_logger
from schemas.servers import MailboxCursor
from schemas.settings import IncomingServer

log = get_logger(__name__)


class Pop3Connector(SessionConnector[Pop3Session]):
    """One POP3 mailbox. See `Connector`.

    A session shows the mailbox as it was at login, locks it, and deletes only at its end: so `wait` and a deletion end
    it, and the next look begins another.
    """

    protocol = "pop3"
    library_error = poplib.error_proto

    def __init__(self, server: IncomingServer, account: Credentials, mode: Mode = WATCH) -> None:
        super().__init__(server, account, mode)
        self._identified = Identified()
        self._sizes: dict[int, int | None] = {}  # by number in this session
        self._by_digest_logged = False
        self._is_listed = False  # what waits in this session is known

    def opening(self) -> tuple[Step, ...]:
        return Step("connect", self._connect), Step("log in", self._log_in), Step("open mailbox", self._list)

    def _new_session(self) -> Pop3Session:
        return Pop3Session(self._server)

    def _is_break(self, error: Exception) -> bool:
        return is_break(error)

    def _is_said(self, error: Exception) -> bool:
        return is_refusal(error)

    def _list(self) -> str:
        with self._translated():
            session = self._require()
            # In this order: a message that a server shows as soon as it comes, in between, has an id.
            self._sizes = session.sizes()
            self._identified = identify(session, self._sizes, self._unique_ids(session))
        self._waiting, self._is_listed = [], False
        if self._identified.by_digest and not self._by_digest_logged:
            self._by_digest_logged = True
            log.warning(
                "messages without their own unique id (UIDL) are distinguished by their content",
                server=self._server.id,
                mails=self._identified.by_digest,
            )
        return whats_there(self._server, self._there)

    def _unique_ids(self, session: Pop3Session) -> dict[int, str]:
        """Nothing if the server has no UIDL."""
        try:
            return session.unique_ids()
        except poplib.error_proto as error:
            if not is_refusal(error):
                raise
            return {}

    @property
    def _there(self) -> int:
        return len(self._identified.numbers) + len(self._identified.not_given)

    def newest(self, marker: str) -> bytes | None:
        """By TOP: RETR would mark the message as read on many servers."""
        with self._translated():
            session = self._require()
            for number in sorted(self._identified.numbers.values(), reverse=True)[:LOOKED_AT]:
                if not marker or holds(session.header(number), marker):
                    return session.beginning(number, SHOWN_BYTES)
        return None

    def next_batch(self, cursor: MailboxCursor | None, room: int = BATCH_BYTES) -> FetchedBatch | None:
        session = self._ensure()
        if cursor is not None and self._is_of_another_mailbox(cursor):
            cursor = None
        if cursor is None and self._server.start_from == "now":
            self._owed.load(())
            return FetchedBatch((), self._cursor(tuple(self._identified.numbers)), skipped=self._there)
        known = frozenset(cursor.uidls) if cursor else frozenset()
        if not self._is_listed:
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
        """What waits of this session's listing, and what is owed: what is no longer there is no longer owed."""
        now, identified = datetime.now(UTC), self._identified
        self._owed.load(cursor.owed if cursor else ())
        there = identified.numbers.keys() | identified.not_given.keys()
        gone = [mail.handle for mail in self._owed.mails if mail.handle not in there]
        unknown = {name: why for name, why in identified.not_given.items() if self._owed.is_due(name, now)}
        self._owed.record((), unknown, gone, now)
        self._waiting = [
            (uidl, self._size(number))
            for uidl, number in identified.numbers.items()
            if uidl not in known and self._owed.is_due(uidl, now)
        ]
        self._is_listed = True

    def _size(self, number: int) -> int:
        size = self._sizes.get(number)
        return UNKNOWN_SIZE if size is None else size

    def _fetch(self, session: Pop3Session, room: int) -> tuple[RemoteMail, ...]:
        """The next of those that wait; what is not given is owed. There may be none while messages wait."""
        taken = take_batch(self._waiting, room, lambda uidl: uidl in self.suspects)
        result = self._fetch_one_by_one(
            taken,
            room,
            lambda uidl, size, left: read_whole(session, self._identified.numbers[uidl], uidl, size, left),
            is_break,
        )
        mails = tuple(result.mails.values())
        if not all(mail.is_kept_whole for mail in mails):  # it is still being sent: the others wait for another session
            self._forget()
            session.close()
        self._owed.record(result.mails, result.not_given, (), datetime.now(UTC))
        return mails

    def apply_after_fetch(self, batch: FetchedBatch) -> None:
        """Deletes, if that is wanted: it counts only once the server has said yes to QUIT (RFC 1939, section 6)."""
        if self._server.after_fetch != "delete" or not batch.mails:
            return
        session = self._ensure()
        with self._translated():
            for number in (self._identified.numbers.get(mail.handle) for mail in batch.mails):
                if number is not None:
                    session.dele(number)
            self._forget()
            session.quit()

    def wait(self, seconds: float, stop: threading.Event) -> None:
        self.close()
        super().wait(seconds, stop)

    def close(self) -> None:
        session = self._session
        self._forget()
        if session is None:
            return
        if self._mode.read_only:
            session.close()  # without QUIT: some servers do with messages what they like at the end of a session
        else:
            session.leave()

    def _ensure(self) -> Pop3Session:
        if self._session is None:
            open_mailbox(self)
        return self._require()

    def _forget(self) -> None:
        self._session, self._waiting, self._is_listed = None, [], False

    def _cursor(self, uidls: tuple[str, ...]) -> MailboxCursor:
        self._check_size(uidls)
        self._check_owed()
        return MailboxCursor(
            server_id=self._server.id, uidls=uidls, username=self._server.username, owed=self._owed.mails
        )
