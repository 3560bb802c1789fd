"""What is new in a folder of Exchange Online: by delta, and by a listing of the newest messages beside it.

A listing by date of receipt is taken every `LISTING_SECONDS`, so that nothing is missed that delta does not report; and
instead of delta if a cloud has none (China's). Messages are recognised by their ids, which change when they are moved.

If the service has forgotten the delta link (410), the whole folder is read again: what is known stays known, and what
the first read left alone is recognised by its date.
"""

import time
from collections.abc import Collection, Iterable
from datetime import UTC, datetime

from ingest.connectors.graph_folder import MOST_MAILS, GraphFolder
from ingest.connectors.graph_items import Found, Listed, digest_of
from ingest.connectors.owed import Owed
from mailserver.exchange.graph_responses import GraphError
from runtime.telemetry.logs import get_logger
from schemas.servers import MailboxCursor

log = get_logger(__name__)

LISTING_SECONDS = 600.0  # how often the newest messages are listed beside delta
MOST_KNOWN = 20_000  # messages that a cursor knows, the last ones; others would come again if the delta link were lost
_LOST = frozenset({400, 404, 410})  # for a delta link: it means nothing any more
_NO_DELTA = frozenset({400, 404, 405, 501})  # for the first request of one
_BEGINNING = datetime.min.replace(tzinfo=UTC)


class GraphChanges:
    """The changes of one folder, and which messages are known. Raises `MailServerError`."""

    def __init__(self, server_id: str, folder: GraphFolder) -> None:
        self._server_id = server_id
        self._folder = folder
        self._has_delta = True
        self.link: str | None = None  # where delta continues once nothing waits; "": from the start; None: not read yet
        self._next_link = ""
        self._is_anew = False  # everything is read because the delta link was lost
        self._list_at = 0.0  # when the next listing is due (monotonic)
        self._known: dict[str, None] = {}  # digests of ids that were fetched or left alone, the last ones last
        self._missing: frozenset[str] = frozenset()  # of those, what the last whole listing did not have
        self.left_until: datetime | None = None  # date of the newest message that the first read left alone

    def load(self, cursor: MailboxCursor | None) -> None:
        self.link = self._next_link = (cursor.delta or "") if cursor else ""
        self._known = dict.fromkeys(cursor.uidls if cursor else ())
        self.left_until = cursor.left_until if cursor else None

    @property
    def known(self) -> Collection[str]:
        """Digests, for the cursor."""
        return self._known.keys()

    def all_fetched(self) -> None:
        """What was found is fetched: the cursor goes on behind it."""
        self.link = self._next_link

    def look(self) -> dict[str, Listed]:
        """What delta reports, and the newest messages if a listing is due."""
        found = self._changes()
        if not self._has_delta or time.monotonic() >= self._list_at:
            listing = self._folder.newest(MOST_KNOWN // 2 if self._has_delta else MOST_MAILS)
            self._list_at = time.monotonic() + LISTING_SECONDS
            self._forget_gone(listing)
            found = listing.mails | found
        return found

    def _changes(self) -> dict[str, Listed]:
        """Nothing if there is no delta."""
        self._is_anew = False
        if self.link and not self._has_delta:
            self.link = self._next_link = ""
        while self._has_delta:
            try:
                found = self._folder.changes(self.link or "")
            except GraphError as error:
                self._without_link(error)
                continue
            self._next_link = found.link
            for id_ in found.removed:
                self._known.pop(digest_of(id_), None)
            return found.mails
        return {}

    def _without_link(self, error: GraphError) -> None:
        """The delta link is lost, or there is no delta; raises if the error says neither."""
        if self.link and error.status in _LOST:
            log.warning(
                "the service has forgotten the delta link: the whole folder is read again",
                server=self._server_id,
                why=error.text,
            )
            self.link, self._is_anew = "", True
        elif not self.link and error.status in _NO_DELTA:
            log.info("the service has no delta: the folder is listed on each poll", server=self._server_id)
            self._has_delta = False
        else:
            raise error

    def _forget_gone(self, listing: Found) -> None:
        """Forget what two whole listings in a row do not have: pages may shift while they are read."""
        if not listing.is_whole:
            return
        there = {digest_of(id_) for id_ in listing.mails}
        missing = frozenset(self._known.keys() - there)
        for digest in missing & self._missing:
            del self._known[digest]
        self._missing = missing

    def leave_alone(self, found: dict[str, Listed]) -> None:
        """On a first read that takes only what comes from now on."""
        self.left_until = max((mail.received for mail in found.values() if mail.received), default=None)
        self.know(mail.id for mail in in_order(found.values()))
        self.all_fetched()

    def unknown(self, listed: Iterable[Listed], owed: Owed) -> list[Listed]:
        """Those that are new, in the order in which they were received. What is owed is never left alone."""
        new = [mail for mail in in_order(listed) if digest_of(mail.id) not in self._known]
        if not self._is_anew or self.left_until is None:
            return new
        until = self.left_until
        alone = {mail.id for mail in new if mail.received and mail.received <= until and mail.id not in owed}
        self.know(mail.id for mail in new if mail.id in alone)
        return [mail for mail in new if mail.id not in alone]

    def know(self, ids: Iterable[str]) -> None:
        """The first ones of many are forgotten; but if there are only listings, each has to be known."""
        for id_ in ids:
            self._known[digest_of(id_)] = None
        while self._has_delta and len(self._known) > MOST_KNOWN:
            del self._known[next(iter(self._known))]


def in_order(mails: Iterable[Listed]) -> list[Listed]:
    """As they were received."""
    return sorted(mails, key=lambda mail: mail.received or _BEGINNING)
