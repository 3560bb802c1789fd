"""Exchange Web Services by exchangelib: one mailbox over one kept connection. Imported only where it is used.

exchangelib writes envelopes, finds the version that the server speaks, and reads faults. Of it we use no cache of
sessions or of addresses, no waiting, and no log: what it would log holds whole mails and passwords.
"""

import base64
import json
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlsplit
from xml.sax.saxutils import quoteattr

from exchangelib import IMPERSONATION
from exchangelib.account import Identity
from exchangelib.configuration import Configuration
from exchangelib.credentials import DELEGATE
from exchangelib.errors import EWSError, MalformedResponseError, UnauthorizedError
from exchangelib.protocol import CachingProtocol, Protocol
from exchangelib.services.common import EWSAccountService
from exchangelib.transport import NOAUTH
from exchangelib.version import EXCHANGE_2013_SP1, Version
from lxml import etree

from mailserver.errors import MailServerError
from mailserver.exchange import ews_errors
from mailserver.exchange.account import ExchangeAccount
from mailserver.exchange.ews_http import BrokenLinkError, EwsSession, HttpStatusError, Link, pieces
from mailserver.exchange.ews_items import Changes, FolderFound, ItemError, Listed
from mailserver.exchange.ews_login import log_in
from mailserver.exchange.soap import NotSoapError, Reader, mime_of
from runtime.foreign_words import words
from runtime.tls import trusting
from schemas.reasons import Reason

logging.getLogger("exchangelib").setLevel(logging.CRITICAL + 1)

T = "{http://schemas.microsoft.com/exchange/services/2006/types}"
M = "{http://schemas.microsoft.com/exchange/services/2006/messages}"
_NAMESPACES = (
    'xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types" '
    'xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages"'
)
MAX_CHANGES = 512  # of one answer of SyncFolderItems: the most that Exchange takes
SLOWEST_BYTES_A_SECOND = 50_000  # of a mail that is fetched, beyond the time that one answer may take
_MOST_BYTES = 2_000_000_000  # of a mail that time is given for, whatever the server says of its size
_OPERATIONS = ("GetFolder", "FindFolder", "FindItem", "GetItem", "SyncFolderItems", "UpdateItem", "MoveItem",
               "DeleteItem", "CreateItem", "SendItem")  # fmt: skip
# DistinguishedFolderId: what a path may begin with, whatever a mailbox calls the folder.
_WELL_KNOWN = frozenset({"inbox", "junkemail", "deleteditems", "sentitems", "drafts"})


class _Uncached(CachingProtocol):  # type: ignore[misc]
    """exchangelib keeps protocols for the whole process, by address and password: ours belong to one mailbox."""

    def __call__(cls, *args: Any, **settings: Any) -> Any:  # noqa: N805 - a class of classes
        return type.__call__(cls, *args, **settings)


class _Protocol(Protocol, metaclass=_Uncached):  # type: ignore[misc]
    def __init__(self, config: Any, session: Callable[[], EwsSession], seconds: float) -> None:
        self._make = session
        super().__init__(config=config)
        self.TIMEOUT = seconds

    def create_session(self) -> EwsSession:
        return self._make()


class _Operation(EWSAccountService):  # type: ignore[misc]
    """One operation, with whatever it answers as XML: an element or an `ItemError` for each thing asked about."""

    _timezone = None  # times are told in UTC

    def _get_element_container(self, message: Any, name: Any = None) -> Any:  # noqa: ARG002
        """Codes that exchangelib does not know are codes, too."""
        code = message.findtext(f"{M}ResponseCode") or "no code"
        if message.get("ResponseClass") == "Success":
            return message
        waits = (one for one in message.iterfind(f"{M}MessageXml/{T}Value") if one.get("Name") == "BackOffMilliseconds")
        asked = next((one.text or "" for one in waits), "")
        after = int(asked) / 1000 if asked.isdecimal() and len(asked) < 10 else 0.0
        return ItemError(code, message.findtext(f"{M}MessageText") or "", after)

    @classmethod
    def _get_elements_in_container(cls, container: Any) -> list[Any]:
        return [container]

    def answers(self, payload: Any) -> list[Any]:
        return list(self._get_elements(payload=payload))

    def envelope(self, payload: Any) -> bytes:
        whole: bytes = self.wrap(content=payload, api_version=self.account.version.api_version)
        return whole

    def headers(self) -> dict[str, str]:
        return dict(self._extra_headers())


_KINDS = {name: type(name, (_Operation,), {"SERVICE_NAME": name}) for name in _OPERATIONS}


class _Seat:
    """What exchangelib's operations want to know of an account."""

    affinity_cookie = None
    default_timezone = None

    def __init__(self, protocol: Any, mailbox: str, *, impersonates: bool) -> None:
        self.protocol = protocol
        self.version = protocol.config.version
        self.identity = Identity(primary_smtp_address=mailbox)
        self.access_type = IMPERSONATION if impersonates else DELEGATE
        self.primary_smtp_address = mailbox


class EwsClient:
    """One mailbox. Used by one thread; only `interrupt` may be called from another.

    Every method but `interrupt` and `close` raises `MailServerError`, and `ItemError` where one item is refused.
    """

    def __init__(self, server_id: str, account: ExchangeAccount) -> None:
        profile = account.profile
        self._account = account
        self.where = f"{server_id} ({account.mailbox} by profile {profile.id})"
        try:
            context = trusting(profile.ca_file)
        except (OSError, ValueError) as error:
            text = (
                f"ca_file {profile.ca_file!r} of profile {profile.id} cannot be used: {words(error)}. It must be a PEM "
                "file that this process can read"
            )
            raise MailServerError(Reason.SECURITY_REFUSED, text, temporary=False) from error
        self._link = Link(context, profile.timeout_seconds)
        self._session = EwsSession(self._link, log_in(account))
        self._seat: _Seat | None = None
        self._mailbox = f"<t:Mailbox><t:EmailAddress>{_escaped(account.mailbox)}</t:EmailAddress></t:Mailbox>"

    # Life

    def connect(self) -> str:
        """Find the service, if the profile does not name it. Where it is, in words."""
        url = self._account.profile.url or self._discovered()
        config = Configuration(
            service_endpoint=url, auth_type=NOAUTH, version=Version(build=EXCHANGE_2013_SP1), max_connections=1
        )
        protocol = _Protocol(config, lambda: self._session, self._account.profile.timeout_seconds)
        self._seat = _Seat(protocol, self._account.mailbox, impersonates=self._account.profile.impersonation)
        with self._translated():
            return f"connected to {urlsplit(url).netloc}, {self._session.reached(url)}"

    def log_in(self) -> str:
        """Ask for anything: whatever is answered, the account is let in."""
        shape = "<m:FolderShape><t:BaseShape>IdOnly</t:BaseShape></m:FolderShape>"
        self._asked("GetFolder", f"{shape}<m:FolderIds>{self._place('inbox')}</m:FolderIds>")
        profile = self._account.profile
        return f"logged in {f'as {profile.username} ' if profile.username else ''}by {profile.authentication}"

    def interrupt(self) -> None:
        self._link.interrupt()

    def close(self) -> None:
        self._session.close()
        self._link.close()

    # Folders

    def folder(self, name: str) -> FolderFound:
        """By a path from the top of the mailbox. It may begin with a name that is the same in every language."""
        first, *others = name.split("/")
        known = first.lower() in _WELL_KNOWN
        found = self.distinguished(first.lower() if known else "msgfolderroot")
        found = found if known else self._below(found, first, name)
        for part in others:
            found = self._below(found, part, name)
        return found

    def distinguished(self, name: str) -> FolderFound:
        (answer,) = self._asked(
            "GetFolder",
            f"<m:FolderShape><t:BaseShape>Default</t:BaseShape></m:FolderShape><m:FolderIds>{self._place(name)}"
            "</m:FolderIds>",
        )
        return _folder(self._about_the_mailbox(answer).find(f"{M}Folders")[0])

    def _below(self, parent: FolderFound, part: str, name: str) -> FolderFound:
        payload = (
            "<m:FolderShape><t:BaseShape>Default</t:BaseShape></m:FolderShape>"
            '<m:Restriction><t:IsEqualTo><t:FieldURI FieldURI="folder:DisplayName"/><t:FieldURIOrConstant>'
            f"<t:Constant Value={quoteattr(part)}/></t:FieldURIOrConstant></t:IsEqualTo></m:Restriction>"
            f"<m:ParentFolderIds><t:FolderId Id={quoteattr(parent.id)}/></m:ParentFolderIds>"
        )
        (answer,) = self._asked("FindFolder", payload, 'Traversal="Shallow"')
        for one in self._about_the_mailbox(answer).iterfind(f"{M}RootFolder/{T}Folders/*"):
            if (one.findtext(f"{T}DisplayName") or "").casefold() == part.casefold():
                return _folder(one)
        text = f"{self.where} has no folder {name!r}: make it, or correct it. A path begins at the top of the mailbox"
        raise MailServerError(Reason.FOLDER_REFUSED, f"{text}, as in Inbox/Done", temporary=False)

    # Lists

    def changes(self, folder: FolderFound, state: str | None) -> Changes | None:
        """What changed in a folder since; None where the server does not know that state any more."""
        payload = (
            "<m:ItemShape><t:BaseShape>IdOnly</t:BaseShape><t:AdditionalProperties>"
            '<t:FieldURI FieldURI="item:DateTimeReceived"/><t:FieldURI FieldURI="item:Size"/>'
            f"</t:AdditionalProperties></m:ItemShape><m:SyncFolderId><t:FolderId Id={quoteattr(folder.id)}/>"
            f"</m:SyncFolderId>{f'<m:SyncState>{_escaped(state)}</m:SyncState>' if state else ''}"
            f"<m:MaxChangesReturned>{MAX_CHANGES}</m:MaxChangesReturned>"
        )
        (answer,) = self._asked("SyncFolderItems", payload)
        if isinstance(answer, ItemError) and answer.code == "ErrorInvalidSyncStateData":
            return None
        answer = self._about_the_mailbox(answer)
        changed = answer.find(f"{M}Changes")
        new_state = answer.findtext(f"{M}SyncState")
        if changed is None or not new_state:
            raise ews_errors.damaged(self.where, "SyncFolderItems without a state")
        came = (_listed(one[0]) for one in changed if one.tag == f"{T}Create" and len(one))
        return Changes(
            tuple(one for one in came if one is not None),
            new_state,
            answer.findtext(f"{M}IncludesLastItemInRange") == "true",
        )

    def newest(self, folder: FolderFound, most: int) -> list[Listed]:
        """The last so many items, the newest first."""
        payload = (
            "<m:ItemShape><t:BaseShape>IdOnly</t:BaseShape><t:AdditionalProperties>"
            '<t:FieldURI FieldURI="item:Subject"/><t:FieldURI FieldURI="item:DateTimeReceived"/>'
            '<t:FieldURI FieldURI="item:Size"/></t:AdditionalProperties></m:ItemShape>'
            f'<m:IndexedPageItemView MaxEntriesReturned="{most}" Offset="0" BasePoint="Beginning"/>'
            '<m:SortOrder><t:FieldOrder Order="Descending"><t:FieldURI FieldURI="item:DateTimeReceived"/>'
            "</t:FieldOrder></m:SortOrder>"
            f"<m:ParentFolderIds><t:FolderId Id={quoteattr(folder.id)}/></m:ParentFolderIds>"
        )
        (answer,) = self._asked("FindItem", payload, 'Traversal="Shallow"')
        there = (_listed(one) for one in self._about_the_mailbox(answer).iterfind(f"{M}RootFolder/{T}Items/*"))
        return [one for one in there if one is not None]

    def find(self, field: str, value: str, places: Sequence[str]) -> list[Listed | None]:
        """For each of these well-known folders the first item whose `field` (an element's text) has the value."""
        payload = (
            "<m:ItemShape><t:BaseShape>IdOnly</t:BaseShape><t:AdditionalProperties>"
            '<t:FieldURI FieldURI="message:InternetMessageId"/></t:AdditionalProperties></m:ItemShape>'
            '<m:IndexedPageItemView MaxEntriesReturned="1" Offset="0" BasePoint="Beginning"/>'
            f"<m:Restriction><t:IsEqualTo>{field}<t:FieldURIOrConstant><t:Constant Value={quoteattr(value)}/>"
            "</t:FieldURIOrConstant></t:IsEqualTo></m:Restriction>"
            f"<m:ParentFolderIds>{''.join(map(self._place, places))}</m:ParentFolderIds>"
        )
        found: list[Listed | None] = []
        for answer in self._asked("FindItem", payload, 'Traversal="Shallow"', len(places)):
            there = self._about_the_mailbox(answer).iterfind(f"{M}RootFolder/{T}Items/*")
            found.append(next(filter(None, map(_listed, there)), None))
        return found

    # Items

    @contextmanager
    def mime(self, item_id: str, size: int) -> Iterator[Iterator[bytes]]:
        """The mail's bytes as they come. `size`: as listed. Raises `ItemError` once they have been read."""
        operation = self._operation("GetItem")
        payload = _payload(
            "GetItem",
            "<m:ItemShape><t:BaseShape>IdOnly</t:BaseShape><t:IncludeMimeContent>true</t:IncludeMimeContent>"
            f"</m:ItemShape><m:ItemIds><t:ItemId Id={quoteattr(item_id)}/></m:ItemIds>",
        )
        seconds = self._link.seconds + 2 * min(size, _MOST_BYTES) / SLOWEST_BYTES_A_SECOND
        url = operation.protocol.service_endpoint
        with self._translated():
            envelope, headers = operation.envelope(payload), operation.headers()
            for again in (True, False):
                try:
                    with self._session.asked(url, envelope, headers, seconds) as response:
                        yield self._whole(mime_of(pieces(response), reader := Reader()), reader)
                    return
                except HttpStatusError as error:
                    if not (again and error.status == 401 and self._may_ask_again()):
                        raise

    def _whole(self, mime: Iterator[bytes], reader: Reader) -> Iterator[bytes]:
        yield from mime
        if reader.code != "NoError":
            if reader.code in ews_errors.MEANINGS:
                raise ews_errors.refused(self.where, reader.code, reader.text, reader.back_off_seconds)
            raise ItemError(reader.code or "no answer", reader.text)
        if not reader.has_mime:
            raise ItemError("no MimeContent", "the server gave the item without its bytes")

    def mark_read(self, ids: Sequence[str]) -> None:
        changes = "".join(
            f"<t:ItemChange><t:ItemId Id={quoteattr(one)}/><t:Updates><t:SetItemField>"
            '<t:FieldURI FieldURI="message:IsRead"/>'
            "<t:Message><t:IsRead>true</t:IsRead></t:Message></t:SetItemField></t:Updates></t:ItemChange>"
            for one in ids
        )
        attributes = 'MessageDisposition="SaveOnly" ConflictResolution="AlwaysOverwrite" SuppressReadReceipts="true"'
        self._settled("UpdateItem", f"<m:ItemChanges>{changes}</m:ItemChanges>", attributes, len(ids))

    def move(self, ids: Sequence[str], folder: FolderFound) -> None:
        to = f"<m:ToFolderId><t:FolderId Id={quoteattr(folder.id)}/></m:ToFolderId>"
        self._settled("MoveItem", f"{to}<m:ItemIds>{_items(ids)}</m:ItemIds>", "", len(ids))

    def delete(self, ids: Sequence[str]) -> None:
        """To Deleted Items."""
        attributes = 'DeleteType="MoveToDeletedItems" SuppressReadReceipts="true" SendMeetingCancellations="SendToNone"'
        attributes += ' AffectedTaskOccurrences="SpecifiedOccurrenceOnly"'
        self._settled("DeleteItem", f"<m:ItemIds>{_items(ids)}</m:ItemIds>", attributes, len(ids))

    def _settled(self, operation: str, payload: str, attributes: str, expected: int) -> None:
        """What is no longer there is passed over."""
        for answer in self._asked(operation, payload, attributes, expected):
            if isinstance(answer, ItemError) and not answer.is_gone:
                raise ews_errors.refused(self.where, answer.code, answer.text)

    # Sending

    def draft(self, raw: bytes, beside: str) -> Listed:
        """A new draft of these bytes, with elements that stand beside them."""
        saved = f"<m:SavedItemFolderId>{self._place('drafts')}</m:SavedItemFolderId>"
        item = self._created(raw, saved, beside, "SaveOnly").find(f"{M}Items/*")
        draft = _listed(item) if item is not None else None
        if draft is None:
            raise ItemError("no ItemId", "the server made a draft and does not say which")
        return draft

    def send_only(self, raw: bytes) -> None:
        """A mail of these bytes, of which the mailbox keeps nothing."""
        self._created(raw, "", "", "SendOnly")

    def _created(self, raw: bytes, saved: str, beside: str, disposition: str) -> Any:
        payload = _payload(
            "CreateItem",
            f'{saved}<m:Items><t:Message><t:MimeContent CharacterSet="UTF-8"/>{beside}</t:Message></m:Items>',
            f'MessageDisposition="{disposition}"',
        )
        payload.find(f".//{T}MimeContent").text = base64.b64encode(raw).decode("ascii")
        (answer,) = self._answers("CreateItem", payload, 1)
        return self._about_the_item(answer)

    def send(self, draft: Listed) -> None:
        """With a copy in Sent Items."""
        item = f"<t:ItemId Id={quoteattr(draft.id)} ChangeKey={quoteattr(draft.change_key)}/>"
        saved = f"<m:SavedItemFolderId>{self._place('sentitems')}</m:SavedItemFolderId>"
        (answer,) = self._asked("SendItem", f"<m:ItemIds>{item}</m:ItemIds>{saved}", 'SaveItemToFolder="true"')
        self._about_the_item(answer)

    def remove(self, item: Listed) -> None:
        """For good: a draft of ours that is not wanted any more."""
        attributes = 'DeleteType="HardDelete" SuppressReadReceipts="true"'
        self._settled("DeleteItem", f"<m:ItemIds>{_items([item.id])}</m:ItemIds>", attributes, 1)

    # Requests

    def _place(self, name: str) -> str:
        return f"<t:DistinguishedFolderId Id={quoteattr(name)}>{self._mailbox}</t:DistinguishedFolderId>"

    def _operation(self, name: str) -> Any:
        if self._seat is None:
            self.connect()
        return _KINDS[name](account=self._seat)

    def _asked(self, name: str, payload: str, attributes: str = "", expected: int = 1) -> list[Any]:
        return self._answers(name, _payload(name, payload, attributes), expected)

    def _answers(self, name: str, payload: Any, expected: int) -> list[Any]:
        """An element or an `ItemError` for each thing asked about."""
        operation = self._operation(name)
        with self._translated():
            try:
                answers: list[Any] = operation.answers(payload)
            except HttpStatusError as error:
                if error.status != 401 or not self._may_ask_again():
                    raise
                answers = operation.answers(payload)
        if len(answers) != expected:
            raise ews_errors.damaged(self.where, f"{name} with {len(answers)} answers to {expected} questions")
        for one in answers:
            if isinstance(one, ItemError) and ews_errors.is_busy(one.code):
                raise ews_errors.refused(self.where, one.code, one.text, one.after)
        return answers

    def _may_ask_again(self) -> bool:
        return self._account.profile.authentication == "oauth2" and self._account.token_refused()

    def _about_the_mailbox(self, answer: Any) -> Any:
        if isinstance(answer, ItemError):
            raise ews_errors.refused(self.where, answer.code, answer.text)
        return answer

    def _about_the_item(self, answer: Any) -> Any:
        """A code that is about the mailbox is so here, too, but for its room."""
        if isinstance(answer, ItemError):
            if answer.code in ews_errors.MEANINGS and answer.code not in ews_errors.OF_SENDING:
                raise ews_errors.refused(self.where, answer.code, answer.text)
            raise answer
        return answer

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except BrokenLinkError as error:
            raise ews_errors.broken(self.where, error.cause, self._link.seconds) from error
        except HttpStatusError as error:
            raise ews_errors.status_refused(self.where, error.status, error.after) from error
        except NotSoapError as error:
            raise ews_errors.damaged(self.where, str(error)) from error
        except UnauthorizedError as error:
            raise ews_errors.status_refused(self.where, 401, 0.0) from error
        except MalformedResponseError as error:
            raise ews_errors.damaged(self.where, str(error)) from error
        except EWSError as error:  # named as the service names its codes
            after = float(getattr(error, "back_off", None) or 0.0)
            raise ews_errors.refused(self.where, type(error).__name__, str(error), after) from error
        except (LookupError, ValueError, AttributeError, TypeError) as error:  # exchangelib at an odd answer
            raise ews_errors.damaged(self.where, f"{type(error).__name__} while it was read") from error

    def _discovered(self) -> str:
        """By Autodiscover version 2, which is asked without a log-in: no password goes to a guessed place."""
        domain = self._account.mailbox.rpartition("@")[2]
        path = f"autodiscover/autodiscover.json?Email={quote(self._account.mailbox)}&Protocol=EWS"
        said = ""
        for host in (f"autodiscover.{domain}", domain):
            try:
                found = json.loads(self._session.fetched(f"https://{host}/{path}"))
                url = found["Url"] if isinstance(found, dict) else ""
                if isinstance(url, str) and urlsplit(url).scheme == "https":
                    return url
                said = "no address of EWS in its answer"
            except (BrokenLinkError, HttpStatusError) as error:
                said = str(error)
            except (ValueError, KeyError, RecursionError):
                said = "no answer of Autodiscover"
        text = f"EWS of {self.where} is not found by Autodiscover ({words(said)}). Set url of the profile"
        raise MailServerError(Reason.SERVER_UNREACHABLE, text, temporary=True)


def _payload(name: str, inner: str, attributes: str = "") -> Any:
    return etree.fromstring(f"<m:{name} {_NAMESPACES} {attributes}>{inner}</m:{name}>")


def _items(ids: Sequence[str]) -> str:
    return "".join(f"<t:ItemId Id={quoteattr(one)}/>" for one in ids)


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _folder(element: Any) -> FolderFound:
    folder_id = element.find(f"{T}FolderId")
    total = element.findtext(f"{T}TotalCount") or "0"
    return FolderFound(folder_id.get("Id"), int(total) if total.isdecimal() else 0)


def _listed(element: Any) -> Listed | None:
    """None for what has no id that can be asked for."""
    item_id = element.find(f"{T}ItemId")
    if item_id is None or not item_id.get("Id"):
        return None
    size = element.findtext(f"{T}Size") or ""
    return Listed(
        item_id.get("Id"),
        item_id.get("ChangeKey") or "",
        int(size) if size.isdecimal() and len(size) < 16 else 0,
        _time(element.findtext(f"{T}DateTimeReceived") or ""),
        element.findtext(f"{T}Subject") or "",
        element.findtext(f"{T}InternetMessageId") or "",
    )


def _time(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
