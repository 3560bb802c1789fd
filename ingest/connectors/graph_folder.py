"""A folder of a mailbox in Exchange Online, by Microsoft Graph: its mails as listings and delta tell of them.

From https://learn.microsoft.com/graph/api/message-delta, message-list-messages and message-get. Ids are the default
ones, which change when a mail is moved: with immutable ones delta says nothing of a mail that left and came back.
"""

import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from ingest.connectors.announced import UNKNOWN_SIZE
from mailserver.errors import MailServerError
from mailserver.exchange.graph import MAX_LINK, GraphError, GraphSession
from schemas.reasons import Reason

DELTA_PAGE_MAILS = 500
LIST_PAGE_MAILS = 1_000  # the most that $top takes
MOST_MAILS = 500_000  # in one folder
MOST_REPEATS = 5  # of pages that lead to one that was there already, in one round
MOST_BARREN_PAGES = 100  # in a row, that bring no mail that was not there already
PAGE_TRIES = 3
MOST_WAITED_SECONDS = 60.0  # in the middle of a listing; whoever asks for more is left alone as a whole
_PASSING = frozenset({Reason.SERVER_UNREACHABLE, Reason.SERVER_DEFERRED})
MAX_ID = 1_000  # characters; Exchange's have about 150
DIGEST_CHARACTERS = 16  # 96 bits: no two mails of one mailbox have the same by chance
SIZE = "Integer 0x0E08"  # PidTagMessageSize ([MS-OXPROPS] 2.796): about as long as the mail, in Exchange's own form

# https://learn.microsoft.com/graph/api/resources/mailfolder: those that mail comes to, or is put into
WELL_KNOWN = frozenset(
    "archive clutter conflicts conversationhistory deleteditems drafts inbox junkemail localfailures msgfolderroot "
    "outbox recoverableitemsdeletions scheduled searchfolders sentitems serverfailures syncissues".split()
)
_QUERY = "$select=receivedDateTime,isRead&$expand=" + quote(f"singleValueExtendedProperties($filter=id eq '{SIZE}')")


@dataclass(frozen=True, slots=True)
class Listed:
    """A mail in the folder. `size`: bytes, about; `received`: None where the service did not tell it."""

    id: str
    size: int
    received: datetime | None
    is_read: bool = False


@dataclass(slots=True)
class Found:
    """`mails`: by their ids. `removed`: ids of mails that left. `link`: where delta goes on; "" of a listing.

    `is_whole`: whether a listing has all mails of the folder.
    """

    mails: dict[str, Listed] = field(default_factory=dict)
    removed: set[str] = field(default_factory=set)
    link: str = ""
    is_whole: bool = True


def digest_of(id_: str) -> str:
    """By what a mail is known again: short, since a cursor holds many."""
    return urlsafe_b64encode(hashlib.sha256(id_.encode()).digest()).decode()[:DIGEST_CHARACTERS]


class GraphFolder:
    """Raises `MailServerError` everywhere; `GraphError` where the service said no."""

    def __init__(self, session: GraphSession, id_: str, mails: int) -> None:
        self._session = session
        self.id = id_
        self.mails = mails  # in it, when it was looked for
        self._path = f"/mailFolders/{quote(id_, safe='')}/messages"

    def changes(self, link: str) -> Found:
        """What came since a delta link was given; all that is there where it is "" ."""
        first = link or f"{self._path}/delta?changeType=created&{_QUERY}"
        return self._gather(first, MOST_MAILS, prefer=f"odata.maxpagesize={DELTA_PAGE_MAILS}", is_delta=True)

    def newest(self, most: int) -> Found:
        """The mails that were received last."""
        top = min(most, LIST_PAGE_MAILS)
        return self._gather(f"{self._path}?{_QUERY}&$orderby=receivedDateTime%20desc&$top={top}", most)

    def subjects(self, most: int) -> Iterator[tuple[str, str]]:
        """(id, subject) of the mails that were received last, the newest first."""
        answer = self._session.get(f"{self._path}?$select=subject&$orderby=receivedDateTime%20desc&$top={most}")
        for value in _values(answer.value)[:most]:
            id_ = _id_of(value)
            if id_:
                yield id_, str(value.get("subject") or "")

    def content(self, id_: str) -> Generator[bytes, None, None]:
        """The mail's bytes, piece by piece."""
        return self._session.content(f"{_message(id_)}/$value")

    def mark_read(self, id_: str) -> None:
        self._session.patch(_message(id_), {"isRead": True})

    def move(self, id_: str, folder: str) -> None:
        """`folder`: an id, or a well-known name."""
        self._session.post(f"{_message(id_)}/move", {"destinationId": folder})

    def _gather(self, first: str, most: int, *, prefer: str = "", is_delta: bool = False) -> Found:
        """Follow the pages. They may overlap, and repeat one another now and then, but not go round for ever."""
        found = Found()
        been, repeats, barren = {digest_of(first)}, 0, 0
        link = first
        while True:
            page = self._page(link, prefer)
            known = len(found.mails)
            self._take(page, found)
            barren = 0 if len(found.mails) > known else barren + 1
            following = page.get("@odata.nextLink")
            if following is None:
                break
            if len(found.mails) >= MOST_MAILS:
                raise self._too_many()
            if len(found.mails) >= most:
                found.is_whole = False
                break
            link = str(following)
            repeats += digest_of(link) in been
            been.add(digest_of(link))
            if repeats > MOST_REPEATS or barren > MOST_BARREN_PAGES:
                raise self._circle()
        if is_delta:
            found.link = self._delta_link(page)
        return found

    def _page(self, link: str, prefer: str) -> Mapping[str, Any]:
        """One page. A listing has hundreds of them at times, and does not begin anew for a trouble that passes soon."""
        for left in reversed(range(PAGE_TRIES)):
            try:
                return self._session.get(link, prefer=prefer).value
            except MailServerError as error:
                if not left or error.reason not in _PASSING or error.after > MOST_WAITED_SECONDS:
                    raise
                if isinstance(error, GraphError) and error.status == 410:
                    raise
                self._session.pause(error.after)
        raise AssertionError

    def _take(self, page: Mapping[str, Any], found: Found) -> None:
        for value in _values(page):
            id_ = _id_of(value)
            if not id_:
                continue
            if "@removed" in value:
                found.removed.add(id_)
                found.mails.pop(id_, None)
            else:
                found.removed.discard(id_)
                found.mails[id_] = Listed(id_, _size_of(value), _received(value), value.get("isRead") is True)

    def _too_many(self) -> MailServerError:
        text = f"{self._session.place}: its folder holds more than {MOST_MAILS} mails: take mails out of it"
        return MailServerError(Reason.FOLDER_REFUSED, text, temporary=False)

    def _delta_link(self, page: Mapping[str, Any]) -> str:
        link = page.get("@odata.deltaLink")
        if not isinstance(link, str) or len(link) > MAX_LINK:
            text = f"{self._session.place}: the last page of what changed does not tell where to go on"
            raise MailServerError(Reason.SERVER_UNREACHABLE, text, temporary=True)
        self._session.target(link)
        return link

    def _circle(self) -> MailServerError:
        text = (
            f"{self._session.place}: the pages of its answer lead in a circle; nothing was passed over. If it lasts, "
            "look what stands between here and the service, or ask Microsoft"
        )
        return MailServerError(Reason.SERVER_UNREACHABLE, text, temporary=True)


def find_folder(session: GraphSession, name: str) -> GraphFolder | None:
    """By its well-known name, as "inbox"; or by what people see, as "Support" or "Inbox/Support". None: there is none.

    A well-known name goes first, written as Outlook shows it, too ("Deleted Items").
    """
    plain = name.replace(" ", "").lower()
    if plain in WELL_KNOWN:
        return _folder(session, session.get(f"/mailFolders/{plain}").value)
    first, *others = name.split("/")
    above = find_folder(session, first) if others else None
    if above is None:
        return _named(session, "/mailFolders", name)
    for part in others:
        found = _named(session, f"/mailFolders/{quote(above.id, safe='')}/childFolders", part)
        if found is None:
            return None
        above = found
    return above


def _named(session: GraphSession, path: str, name: str) -> GraphFolder | None:
    literal = quote("'" + name.replace("'", "''") + "'", safe="")
    values = _values(session.get(f"{path}?$filter=displayName%20eq%20{literal}&$top=1").value)
    return _folder(session, values[0]) if values else None


def _folder(session: GraphSession, value: Mapping[str, Any]) -> GraphFolder:
    id_, mails = _id_of(value), value.get("totalItemCount")
    if not id_:
        text = f"{session.place} answered without the folder that was asked for"
        raise MailServerError(Reason.SERVER_UNREACHABLE, text, temporary=True)
    return GraphFolder(session, id_, mails if isinstance(mails, int) else 0)


def _message(id_: str) -> str:
    return f"/messages/{quote(id_, safe='')}"


def _values(page: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    values = page.get("value")
    return [value for value in values if isinstance(value, dict)] if isinstance(values, list) else []


def _id_of(value: Mapping[str, Any]) -> str:
    id_ = value.get("id")
    is_one = isinstance(id_, str) and id_.isascii() and id_.isprintable() and " " not in id_ and len(id_) <= MAX_ID
    return str(id_) if is_one else ""


def _size_of(value: Mapping[str, Any]) -> int:
    properties = value.get("singleValueExtendedProperties")
    for one in properties if isinstance(properties, list) else ():
        size = one.get("value") if isinstance(one, dict) else None
        if isinstance(size, str) and size.isascii() and size.isdigit() and len(size) < 19:
            return int(size)
    return UNKNOWN_SIZE


def _received(value: Mapping[str, Any]) -> datetime | None:
    try:
        moment = datetime.fromisoformat(value["receivedDateTime"])
    except (KeyError, TypeError, ValueError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
