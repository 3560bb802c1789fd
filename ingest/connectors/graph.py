"""Exchange Online by Microsoft Graph: a delta link and the mails that are known, with a listing beside it. Polled.

Delta tells what came into the folder since the last look. A listing by date of receipt goes beside it every
`LISTING_SECONDS`, so that nothing is missed that delta does not tell of, and instead of it where a cloud has no delta
(China's). Mails are known again by their ids, which change when they are moved; one that comes back is fetched once
more, and is the same mail by its bytes.

Where the service has forgotten the delta link (410), all of the folder is looked at anew: what is known stays known,
and what the first look left alone is told by its date.
"""

import threading
import time
from collections.abc import Iterable, Mapping
from contextlib import closing
from datetime import UTC, datetime
from urllib.parse import unquote

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
    spooled,
    take_block,
    too_many,
)
from ingest.connectors.graph_folder import (
    MOST_MAILS,
    Found,
    GraphFolder,
    Listed,
    digest_of,
    find_folder,
)
from ingest.connectors.owed import Owed, too_much_owed
from ingest.connectors.suspects import Suspects
from mailserver.errors import MailServerError
from mailserver.exchange.account import ExchangeAccount
from mailserver.exchange.graph import GraphError, GraphSession
from runtime.logs import get_logger
from schemas.reasons import Reason
from schemas.servers import MailboxCursor
from schemas.settings import IncomingServer

log = get_logger(__name__)

LISTING_SECONDS = 600.0  # so often the newest mails are listed beside delta
MOST_KNOWN = 20_000  # mails that a cursor knows, the last ones; others would come again if the delta link were lost
_GONE = 404
_LOST = frozenset({400, 404, 410})  # for a delta link: it means nothing any more
_NO_DELTA = frozenset({400, 404, 405, 501})  # for the first request of one
_OF_THE_ACCOUNT = frozenset({401, 403, 429, 503, 509})  # they say nothing of the one mail that was asked for
_BEGINNING = datetime.min.replace(tzinfo=UTC)


class GraphConnector:
    """One folder of one mailbox. See `Connector`."""

    def __init__(self, server: IncomingServer, account: ExchangeAccount, mode: Mode = WATCH) -> None:
        self._server = server
        self._mailbox = account.mailbox
        self._session = GraphSession(server.id, account)
        self._cursor_bytes = mode.cursor_bytes
        self._folder: GraphFolder | None = None
        self._move_to = ""  # id of the folder that mails go to
        self._has_delta = True
        self._link: str | None = None  # where delta goes on once nothing waits; "": from the start; None: not looked
        self._next_link = ""
        self._is_anew = False  # all is looked at because the delta link was lost
        self._list_at = 0.0  # when the next listing is due (monotonic)
        self._known: dict[str, None] = {}  # digests of ids that were fetched or left alone, the last ones last
        self._missing: frozenset[str] = frozenset()  # of those, what the last whole listing did not have
        self._given: frozenset[str] = frozenset()  # ids of the last block's mails
        self._moved: set[str] = set()  # ids that this connection moved away: a listing may still have them for a while
        self._left_until: datetime | None = None  # date of the newest mail that the first look left alone
        self._waiting: list[tuple[str, int]] = []  # (id, size) not yet fetched
        self._dates: Mapping[str, datetime | None] = {}  # of those
        self._owed = Owed()
        self.suspects = Suspects()

    @property
    def backlog(self) -> int:
        return len(self._waiting)

    def opening(self) -> tuple[Step, ...]:
        return (
            Step("connect", self._session.connect),
            Step("log in", self._session.log_in),
            Step("open mailbox", self._choose_folder),
        )

    def _choose_folder(self) -> str:
        server = self._server
        folder = self._folder = self._find(server.folder, "folder")
        target = "deleteditems" if server.after_fetch == "delete" else server.move_to
        if target is not None:
            self._move_to = self._find(target, "move_to").id
            if self._move_to == folder.id:
                raise self._refused(
                    f"after_fetch {server.after_fetch} would put mail into the folder that is read: name another one"
                )
        return f"{server.folder}: {lies_there(server, folder.mails)}"

    def _find(self, name: str, setting: str) -> GraphFolder:
        folder = find_folder(self._session, name)
        if folder is None:
            raise self._refused(f"there is no folder {name!r}: make it, or correct {setting}")
        return folder

    def _refused(self, text: str) -> MailServerError:
        return MailServerError(Reason.FOLDER_REFUSED, f"{self._session.place}: {text}", temporary=False)

    def newest(self, marker: str) -> bytes | None:
        folder = self._require()
        for id_, subject in folder.subjects(LOOKED_AT):
            if marker.casefold() in subject.casefold():
                return self._beginning(folder, id_)
        return None

    def _beginning(self, folder: GraphFolder, id_: str) -> bytes:
        beginning = b""
        with closing(folder.content(id_)) as pieces:
            for piece in pieces:
                beginning += piece
                if len(beginning) >= SHOWN_BYTES:
                    break
        return beginning[:SHOWN_BYTES]

    def next_block(self, cursor: MailboxCursor | None, room: int = BLOCK_BYTES) -> FetchedBatch | None:
        if cursor is not None and self._is_of_another_mailbox(cursor):
            cursor = None
        if self._link is None:
            self._load(cursor)
        owed_before = self._owed.mails
        if not self._waiting:
            found = self._look()
            if cursor is None and self._server.start_from == "now":
                return self._left_alone(found)
            self._wait_for(found)
        mails = self._fetch(room)
        while self._waiting and not mails and self._owed.mails == owed_before:  # all of them were gone
            mails = self._fetch(room)
        self._given = frozenset(mail.handle for mail in mails)
        if not mails and self._owed.mails == owed_before:
            return None
        return FetchedBatch(mails, self._cursor())

    def _is_of_another_mailbox(self, cursor: MailboxCursor) -> bool:
        """Another folder, protocol or transport; or another mailbox, unless it is the same one under a new name."""
        if cursor.delta is None or cursor.folder != self._server.folder:
            return True
        renamed = (cursor.username or "").lower() != self._mailbox.lower()
        return renamed and self._require().id not in unquote(cursor.delta)  # an id that no other mailbox has

    def _load(self, cursor: MailboxCursor | None) -> None:
        self._link = self._next_link = (cursor.delta or "") if cursor else ""
        self._known = dict.fromkeys(cursor.uidls if cursor else ())
        self._left_until = cursor.left_until if cursor else None
        self._owed.load(cursor.owed if cursor else ())

    # ---- what is there ----

    def _look(self) -> dict[str, Listed]:
        """What delta tells of, and the newest mails where a listing is due."""
        found = self._changes()
        if not self._has_delta or time.monotonic() >= self._list_at:
            listing = self._require().newest(MOST_KNOWN // 2 if self._has_delta else MOST_MAILS)
            self._list_at = time.monotonic() + LISTING_SECONDS
            self._forget_gone(listing)
            found = listing.mails | found
        return found

    def _changes(self) -> dict[str, Listed]:
        """Nothing where there is no delta."""
        self._is_anew = False
        if self._link and not self._has_delta:
            self._link = self._next_link = ""
        while self._has_delta:
            try:
                found = self._require().changes(self._link or "")
            except GraphError as error:
                self._without_link(error)
                continue
            self._next_link = found.link
            for id_ in found.removed:
                self._known.pop(digest_of(id_), None)
            return found.mails
        return {}

    def _without_link(self, error: GraphError) -> None:
        """The delta link is lost, or there is no delta; raises where the error says neither."""
        if self._link and error.status in _LOST:
            log.warning(
                "the service has forgotten how far the mailbox was read: all of it is looked at",
                server=self._server.id,
                why=error.text,
            )
            self._link, self._is_anew = "", True
        elif not self._link and error.status in _NO_DELTA:
            log.info("the service has no delta: the folder is listed at each look", server=self._server.id)
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

    def _left_alone(self, found: dict[str, Listed]) -> FetchedBatch:
        """A first look that takes only what comes from now on."""
        self._left_until = max((one.received for one in found.values() if one.received), default=None)
        self._know(one.id for one in _in_order(found.values()))
        self._link = self._next_link
        return FetchedBatch((), self._cursor(), skipped=len(found))

    def _wait_for(self, found: dict[str, Listed]) -> None:
        """What is new waits, in the order in which it was received, and with it what is owed and due."""
        now = datetime.now(UTC)
        owed = {id_: Listed(id_, UNKNOWN_SIZE, None) for id_ in self._owed.listed()}
        new = [
            one
            for one in _in_order((owed | found).values())
            if digest_of(one.id) not in self._known and one.id not in self._moved and self._owed.is_due(one.id, now)
        ]
        if self._is_anew and self._left_until is not None:
            until = self._left_until
            alone = {one.id for one in new if one.received and one.received <= until and one.id not in self._owed}
            self._know(one.id for one in new if one.id in alone)
            new = [one for one in new if one.id not in alone]
        self._waiting = [(one.id, one.size) for one in new]
        self._dates = {one.id: one.received for one in new}

    def _know(self, ids: Iterable[str]) -> None:
        """Of many the first ones are forgotten, but for a listing alone each has to be known."""
        for id_ in ids:
            self._known[digest_of(id_)] = None
        while self._has_delta and len(self._known) > MOST_KNOWN:
            del self._known[next(iter(self._known))]

    # ---- fetching ----

    def _fetch(self, room: int) -> tuple[RemoteMail, ...]:
        """The next of those that wait; what is not given is owed.

        What breaks in the middle breaks only what comes after it: the mails before it go on. Sizes are not believed:
        what is more than `room` waits for the next block.
        """
        mails: dict[str, RemoteMail] = {}
        not_given: dict[str, str] = {}
        gone: list[str] = []
        held = 0
        block = take_block(self._waiting, room)
        while block and held <= room:
            id_, size = block[0]
            try:
                mail = self._read(id_, size, room)
            except _NotGivenError as error:
                not_given[id_] = str(error)
            except MailServerError:
                if not mails:
                    raise
                break
            else:
                if mail is None:
                    gone.append(id_)
                else:
                    mails[id_] = mail
                    held += len(mail.raw)
            del block[0]
        self._waiting[:0] = block
        self._answered(mails, not_given, gone)
        if not self._waiting:
            self._link = self._next_link
        return tuple(mails.values())

    def _answered(self, mails: Mapping[str, RemoteMail], not_given: Mapping[str, str], gone: list[str]) -> None:
        self._owed.answered(mails, not_given, gone, datetime.now(UTC))
        leaves = self._server.after_fetch in ("move", "delete")
        self._know(id_ for id_, mail in mails.items() if not (leaves and mail.is_kept_whole))

    def _read(self, id_: str, size: int, room: int) -> RemoteMail | None:
        """None: it is gone. Raises `_NotGivenError`; `MailServerError` for what is no matter of this one mail."""
        if self.suspects.breaks_connections(id_):
            raise _NotGivenError(self.suspects.passed_over(id_))
        where, received = self._locator(id_), self._dates.get(id_)
        try:
            with self.suspects.fetching([id_], _is_break), closing(self._require().content(id_)) as pieces:
                return spooled(id_, where, pieces, room=room, internal_date=received, announced=size)
        except GraphError as error:
            if error.status == _GONE:
                return None
            if _is_break(error) or error.status in _OF_THE_ACCOUNT:
                raise
            raise _NotGivenError(f"HTTP status {error.status}, {error.said}") from error

    def _locator(self, id_: str) -> str:
        return f"{self._server.folder};ID={id_}"

    def settle(self, block: FetchedBatch) -> None:
        if self._server.after_fetch == "leave" or not block.mails:
            return
        handles = [mail.handle for mail in block.mails]
        if not self._given.issuperset(handles):
            handles = self._not_settled(handles)
        for id_ in handles:
            try:
                self._settle(self._require(), id_)
            except GraphError as error:
                if error.status != _GONE:
                    raise

    def _not_settled(self, handles: list[str]) -> list[str]:
        """Of a block that an earlier connection began to settle: what is left to be done gets less each time, even
        where none lives long enough for all of it."""
        there = self._require().newest(MOST_MAILS).mails
        is_seen_enough = self._server.after_fetch == "seen"
        return [id_ for id_ in handles if id_ in there and not (is_seen_enough and there[id_].is_read)]

    def _settle(self, folder: GraphFolder, id_: str) -> None:
        if self._server.after_fetch == "seen":
            folder.mark_read(id_)
        else:
            self._moved.add(id_)
            folder.move(id_, self._move_to)

    def wait(self, seconds: float, stop: threading.Event) -> None:
        self._owed.new_round()
        stop.wait(seconds)

    def interrupt(self) -> None:
        self._session.interrupt()

    def close(self) -> None:
        self._session.close()

    def _require(self) -> GraphFolder:
        assert self._folder is not None, "the mailbox is opened first"
        return self._folder

    def _cursor(self) -> MailboxCursor:
        told = too_many(self._known, self._cursor_bytes)
        if told:
            raise self._refused(told)
        told = too_much_owed(self._owed)
        if told:
            raise MailServerError(Reason.SERVER_UNREACHABLE, f"{self._session.place}: {told}", temporary=True)
        return MailboxCursor(
            server_id=self._server.id,
            folder=self._server.folder,
            username=self._mailbox,
            uidls=tuple(self._known),
            left_until=self._left_until,
            delta=self._link or "",
            owed=self._owed.mails,
        )


class _NotGivenError(Exception):
    """The service lists a mail and does not give it: what it said."""


def _is_break(error: Exception) -> bool:
    """Whether an exchange came to no end, or the service failed: that may be the mail's fault, or not."""
    if isinstance(error, GraphError):
        return error.status >= 500 and error.status not in _OF_THE_ACCOUNT
    return isinstance(error, MailServerError) and error.reason is Reason.SERVER_UNREACHABLE


def _in_order(mails: Iterable[Listed]) -> list[Listed]:
    """As they were received."""
    return sorted(mails, key=lambda one: one.received or _BEGINNING)
