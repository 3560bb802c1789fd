"""The chosen IMAP folder: its UIDs (RFC 3501, section 2.3.1.1), and which messages are in it."""

import imaplib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from ingest.connectors.imap_connection import FetchRefusedError
from ingest.connectors.imap_responses import author_date, internal_date, responses, size_of, uid_of
from ingest.connectors.imap_session import ImapSession
from ingest.connectors.refusals import is_temporary
from ingest.connectors.remote_mail import UNKNOWN_SIZE
from mailserver.errors import MailServerError, server_label, words_of
from schemas.reasons import Reason
from schemas.servers import MailboxCursor
from schemas.settings import IncomingServer

DATES_AT_ONCE = 10_000  # messages whose Date is asked for in one command


class ListedMail(NamedTuple):
    """A message in the folder, not yet fetched. `date`: its INTERNALDATE, if that was asked for."""

    uid: int
    size: int
    date: datetime | None


class ImapFolder:
    """The server's folder, chosen at once. Raises imaplib's errors, and `MailServerError` if it is refused."""

    def __init__(self, session: ImapSession, server: IncomingServer, *, read_only: bool) -> None:
        self._session = session
        self._server = server
        self._read_only = read_only
        chosen = self._select()
        self.uidvalidity: int = chosen.get(b"UIDVALIDITY", 0)
        self.uidnext: int | None = chosen.get(b"UIDNEXT") or None  # 0 is no UID
        self.exists: int = chosen.get(b"EXISTS") or 0  # messages in it, when it was chosen
        self._is_empty = chosen.get(b"EXISTS") == 0  # true right after it was chosen, and of no use later

    def _select(self) -> Mapping[bytes, Any]:
        """Read-only if nothing is to be changed, so that not even \\Recent is (RFC 3501, 6.3.2)."""
        server, session = self._server, self._session
        readonly = self._read_only or server.after_fetch == "leave"
        if server.move_to is not None and not session.folder_exists(server.move_to):
            raise self._refused(f"there is no folder {server.move_to!r} to move mail to: create it, or correct move_to")
        try:
            chosen: Mapping[bytes, Any] = session.select_folder(server.folder, readonly=readonly)
        except imaplib.IMAP4.readonly as error:
            raise self._refused(
                f"the folder {server.folder!r} can only be read: give the account the right to change it, or set "
                "after_fetch to leave"
            ) from error
        except imaplib.IMAP4.abort:
            raise
        except imaplib.IMAP4.error as error:
            if is_temporary(words_of(error)):
                raise
            raise self._refused(
                f"the folder {server.folder!r} cannot be opened: {words_of(error)}. Check folder and its rights"
            ) from error
        return chosen

    def is_numbered_as(self, cursor: MailboxCursor, uidnext: int | None) -> bool:
        """Whether UIDs mean what they meant. A mailbox restored from a backup may number on from an earlier UID."""
        went_back = uidnext is not None and cursor.uid is not None and cursor.uid >= uidnext
        return cursor.uidvalidity == self.uidvalidity and not went_back

    def newest_subjects(self, most: int) -> dict[int, bytes]:
        """Header blocks with the field Subject alone, of the last messages, by UID."""
        if not self.exists:
            return {}
        last = f"{max(1, self.exists - most + 1)}:{self.exists}"
        listed = self._session.fetch_by_number(last, "(UID BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
        return {uid_of(line) or 0: header or b"" for line, header in responses(listed)}

    def list_mails(self, after: int, owed: Sequence[str] = ()) -> list[ListedMail]:
        """Every message above a UID, and the owed ones that are there, in order; with dates if all are listed."""
        session = self._session
        session.new_round()
        empty, self._is_empty = self._is_empty, False
        if empty:  # some servers refuse FETCH then
            return []
        items = "(UID RFC822.SIZE)" if after else "(UID RFC822.SIZE INTERNALDATE)"
        found = {}
        for line, _ in responses(self._listed(",".join((*owed, f"{after + 1}:*")), items)):
            uid = uid_of(line)
            if uid is not None and (uid > after or str(uid) in owed):  # n:* is the last message even if it is below n
                size = size_of(line)
                date = None if after else internal_date(line)
                found[uid] = ListedMail(uid, UNKNOWN_SIZE if size is None else size, date)
        return [found[uid] for uid in sorted(found)]

    def _listed(self, uids: str, items: str) -> Sequence[Any]:
        """The response; nothing if the server refuses because the folder has become empty meanwhile."""
        try:
            return self._session.uid_fetch(uids, items)
        except FetchRefusedError as error:
            try:
                exists = self._select().get(b"EXISTS")
            except (imaplib.IMAP4.error, OSError, MailServerError):
                raise error from None
            if exists == 0:
                return []
            raise

    def not_left_alone(self, present: Sequence[ListedMail], until: datetime | None) -> Sequence[ListedMail]:
        """Those that came after a first read that left alone what was there until then, with its newest date.

        By the dates of the mail store; by those that the authors wrote if none is from before the first read. Then a
        program moved the messages that gives its copies new dates, as isync does. A message without a date is new.
        """
        if until is None:
            return present
        new = [mail for mail in present if mail.date is None or mail.date > until]
        if len(new) < len(present):
            return new
        written = self._author_dates(new)
        return [mail for mail in new if mail.uid not in written or written[mail.uid] > until]

    def _author_dates(self, listed: Sequence[ListedMail]) -> dict[int, datetime]:
        """By UID, of the messages that have one."""
        found = {}
        for start in range(0, len(listed), DATES_AT_ONCE):
            some = listed[start : start + DATES_AT_ONCE]
            uids = f"{some[0].uid}:{some[-1].uid}"
            try:
                response = self._session.uid_fetch(uids, "(UID BODY.PEEK[HEADER.FIELDS (DATE)])")
            except FetchRefusedError as error:
                response = error.given  # nothing is known of a message that is not given: it is new
            for line, header in responses(response):
                uid, date = uid_of(line), author_date(header)
                if uid is not None and date is not None:
                    found[uid] = date
        return found

    def _refused(self, text: str) -> MailServerError:
        return MailServerError(Reason.FOLDER_REFUSED, f"{server_label(self._server)}: {text}", temporary=False)
