"""What is new in a folder by EWS: the server's own list of changes (SyncFolderItems), page by page.

While the folder is listed again, because the server has forgotten a state, the cursor keeps that state: whoever
continues after a crash lists it again as well, and leaves alone again what the first read left alone.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from mailserver.errors import MailServerError
from mailserver.exchange.ews_interface import Changes, FolderFound, Listed
from runtime.telemetry.logs import get_logger
from schemas.reasons import Reason
from schemas.servers import MAX_SYNC_STATE, MailboxCursor

if TYPE_CHECKING:
    from mailserver.exchange.ews import EwsClient

log = get_logger(__name__)

MOST_PAGES = 20_000  # of a list, before it counts as endless: ten million messages
_NEVER = datetime.min.replace(tzinfo=UTC)  # when a message came that has no date


class EwsChanges:
    """How far the changes of one folder are listed, and which of them are fetched. Raises `MailServerError`."""

    def __init__(self, client: EwsClient, folder: FolderFound, server_id: str, mailbox: str) -> None:
        self._client = client
        self._folder = folder
        self._server_id = server_id
        self._mailbox = mailbox
        self.since: str | None = None  # the state that the cursor has
        self._state: str | None = None  # the changes are listed up to here
        self._fetched: list[str] = []  # of the changes between the two
        self._anew = False  # the folder is being listed again
        self.is_last = True  # all changes are listed
        self.left_until: datetime | None = None  # date of the newest message that the first read left alone

    def resume(self, cursor: MailboxCursor | None) -> None:
        """Where to continue: at the cursor, or where this connection is already, which is behind the cursor."""
        since = (cursor.sync_state or None) if cursor else None
        if since != self.since or self._state is None:
            self.since = self._state = since
            self._fetched = list(cursor.uidls) if cursor else []
            self._anew = False
        self.left_until = cursor.left_until if cursor else None

    def next_page(self, cursor: MailboxCursor | None, owed: Collection[str]) -> dict[str, Listed] | None:
        """What came, by the next page of changes; None if the cursor is of another mailbox than this.

        `owed`: messages that were fetched in vain, which are asked for separately.
        """
        changes = self._page(self._state)
        if changes is None:
            if cursor is not None and cursor.username not in (None, self._mailbox):
                return None
            log.warning("the server has forgotten the sync state: the folder is listed again", server=self._server_id)
            self._anew, self._state, self._fetched = True, None, []
            return self.next_page(cursor, owed)
        done = {*self._fetched, *owed}
        came = [mail for mail in changes.came if mail.id not in done and not self._is_left_alone(mail)]
        came.sort(key=lambda mail: mail.received or _NEVER)
        self._state, self.is_last = changes.state, changes.is_last
        return {mail.id: mail for mail in came}

    def end_of_pages(self) -> bool:
        """No page brought anything to fetch; whether the cursor may stay as it is."""
        may_stay = self.is_last and not self._anew
        self._anew = self._anew and not self.is_last
        return may_stay

    def skip_all(self) -> int:
        """List everything that is there and leave it alone; how many messages that are."""
        skipped, newest, state = 0, _NEVER, None
        for _ in range(MOST_PAGES):
            changes = self._page(state)
            if changes is None:
                break
            skipped += len(changes.came)
            newest = max(newest, *(mail.received or _NEVER for mail in changes.came), _NEVER)
            state = changes.state
            if changes.is_last:
                self.left_until = None if newest is _NEVER else newest
                self.since = self._state = state
                self._fetched, self._anew, self.is_last = [], False, True
                return skipped
        raise self._odd("lists the folder and comes to no end")

    def fetched(self, ids: Collection[str]) -> None:
        if not self._anew:
            self._fetched += ids

    def position(self, *, all_fetched: bool) -> tuple[str, tuple[str, ...]]:
        """For the cursor: the newest state once everything before it is fetched; otherwise the old one, and what has
        been fetched since."""
        if all_fetched and not (self._anew and not self.is_last):
            self.since, self._fetched, self._anew = self._state, [], False
        return self.since or "", () if self._anew else tuple(self._fetched)

    def _page(self, state: str | None) -> Changes | None:
        """The changes after a state; None if the server has forgotten it."""
        changes = self._client.changes(self._folder, state)
        if changes is None:
            if state is None:
                raise self._odd("refuses to list the folder from its beginning")
            return None
        if changes.state == state and not changes.is_last:
            raise self._odd("lists the same again and again")
        if len(changes.state) > MAX_SYNC_STATE:
            raise self.too_large(len(changes.state))
        return changes

    def _is_left_alone(self, mail: Listed) -> bool:
        """Only when the folder is listed again: later a message with an old date is one that was moved here."""
        until = self.left_until
        return self._anew and until is not None and mail.received is not None and mail.received <= until

    def _odd(self, what: str) -> MailServerError:
        return MailServerError(Reason.SERVER_UNREACHABLE, f"{self._client.label} {what}", temporary=True)

    def too_large(self, size: int) -> MailServerError:
        text = (
            f"{self._client.label}: its position in the folder takes {size} bytes, more than a cursor can hold: take "
            "messages out of the folder, or set after_fetch to delete or move"
        )
        return MailServerError(Reason.FOLDER_REFUSED, text, temporary=False)
