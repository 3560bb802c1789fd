"""A folder of a mailbox in Exchange Online, by Microsoft Graph: its messages by listing and by delta.

From https://learn.microsoft.com/graph/api/message-delta, message-list-messages and message-get. Ids are the default
ones, which change when a message is moved: with immutable ones delta does not report a message that left and came back.
"""

from collections.abc import Generator, Iterator, Mapping
from typing import Any
from urllib.parse import quote

from ingest.connectors.graph_items import QUERY, Found, digest_of, id_of, listed, values_of
from mailserver.errors import MailServerError
from mailserver.exchange.graph import GraphSession
from mailserver.exchange.graph_responses import MAX_LINK, GraphError
from schemas.reasons import Reason

DELTA_PAGE_MAILS = 500
LIST_PAGE_MAILS = 1_000  # the most that $top takes
MOST_MAILS = 500_000  # in one folder
MOST_REPEATS = 5  # of pages that lead to one that was there already, in one round
MOST_BARREN_PAGES = 100  # in a row, that bring no new message
PAGE_TRIES = 3
MOST_WAITED_SECONDS = 60.0  # in the middle of a listing; if the service asks for more, the whole fetch waits
_PASSING = frozenset({Reason.SERVER_UNREACHABLE, Reason.SERVER_DEFERRED})

# https://learn.microsoft.com/graph/api/resources/mailfolder: those that messages come to, or are put into
WELL_KNOWN = frozenset(
    "archive clutter conflicts conversationhistory deleteditems drafts inbox junkemail localfailures msgfolderroot "
    "outbox recoverableitemsdeletions scheduled searchfolders sentitems serverfailures syncissues".split()
)


class GraphFolder:
    """Raises `MailServerError` everywhere; `GraphError` if the service said no."""

    def __init__(self, session: GraphSession, id_: str, mails: int) -> None:
        self._session = session
        self.id = id_
        self.mails = mails  # in it, when it was looked for
        self._path = f"/mailFolders/{quote(id_, safe='')}/messages"

    def changes(self, link: str) -> Found:
        """What came since a delta link was given; everything if it is "" ."""
        first = link or f"{self._path}/delta?changeType=created&{QUERY}"
        return self._gather(first, MOST_MAILS, prefer=f"odata.maxpagesize={DELTA_PAGE_MAILS}", is_delta=True)

    def newest(self, most: int) -> Found:
        """The messages that were received last."""
        top = min(most, LIST_PAGE_MAILS)
        return self._gather(f"{self._path}?{QUERY}&$orderby=receivedDateTime%20desc&$top={top}", most)

    def subjects(self, most: int) -> Iterator[tuple[str, str]]:
        """(id, subject) of the messages that were received last, the newest first."""
        response = self._session.get(f"{self._path}?$select=subject&$orderby=receivedDateTime%20desc&$top={most}")
        for value in values_of(response.value)[:most]:
            id_ = id_of(value)
            if id_:
                yield id_, str(value.get("subject") or "")

    def content(self, id_: str) -> Generator[bytes, None, None]:
        """The message's bytes, piece by piece."""
        return self._session.content(f"{_message(id_)}/$value")

    def mark_read(self, id_: str) -> None:
        self._session.patch(_message(id_), {"isRead": True})

    def move(self, id_: str, folder: str) -> None:
        """`folder`: an id, or a well-known name."""
        self._session.post(f"{_message(id_)}/move", {"destinationId": folder})

    def _gather(self, first: str, most: int, *, prefer: str = "", is_delta: bool = False) -> Found:
        """Follow the pages. They may overlap and repeat now and then, but not go round for ever."""
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
        """One page. A listing may have hundreds of them, and does not start again because of a short outage."""
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
        for value in values_of(page):
            id_ = id_of(value)
            if not id_:
                continue
            if "@removed" in value:
                found.removed.add(id_)
                found.mails.pop(id_, None)
            else:
                found.removed.discard(id_)
                found.mails[id_] = listed(id_, value)

    def _too_many(self) -> MailServerError:
        text = f"{self._session.label}: its folder holds more than {MOST_MAILS} messages: take messages out of it"
        return MailServerError(Reason.FOLDER_REFUSED, text, temporary=False)

    def _delta_link(self, page: Mapping[str, Any]) -> str:
        link = page.get("@odata.deltaLink")
        if not isinstance(link, str) or len(link) > MAX_LINK:
            text = f"{self._session.label}: the last page of the changes does not say where to continue"
            raise MailServerError(Reason.SERVER_UNREACHABLE, text, temporary=True)
        self._session.target(link)
        return link

    def _circle(self) -> MailServerError:
        text = (
            f"{self._session.label}: the pages of its response lead in a circle; no message was skipped. If it "
            "continues, look what is between here and the service, or ask Microsoft"
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
    values = values_of(session.get(f"{path}?$filter=displayName%20eq%20{literal}&$top=1").value)
    return _folder(session, values[0]) if values else None


def _folder(session: GraphSession, value: Mapping[str, Any]) -> GraphFolder:
    id_, mails = id_of(value), value.get("totalItemCount")
    if not id_:
        text = f"{session.label} responded without the folder that was asked for"
        raise MailServerError(Reason.SERVER_UNREACHABLE, text, temporary=True)
    return GraphFolder(session, id_, mails if isinstance(mails, int) else 0)


def _message(id_: str) -> str:
    return f"/messages/{quote(id_, safe='')}"
