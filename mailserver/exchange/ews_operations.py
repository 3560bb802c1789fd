"""exchangelib's operations, adapted: what goes into a request and what comes out of a response, as XML.

exchangelib writes envelopes, finds the version that the server speaks, and reads faults. Of it we use no cache of
sessions or of addresses, no waiting, and no log: what it would log holds whole messages and passwords. Imported only
where EWS is used.
"""

import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any
from xml.sax.saxutils import quoteattr

from exchangelib import IMPERSONATION
from exchangelib.account import Identity
from exchangelib.configuration import Configuration
from exchangelib.credentials import DELEGATE
from exchangelib.protocol import CachingProtocol, Protocol
from exchangelib.services.common import EWSAccountService
from exchangelib.transport import NOAUTH
from exchangelib.version import EXCHANGE_2013_SP1, Version
from lxml import etree

from mailserver.exchange.ews_http import EwsSession
from mailserver.exchange.ews_interface import FolderFound, ItemError, Listed

logging.getLogger("exchangelib").setLevel(logging.CRITICAL + 1)

T = "{http://schemas.microsoft.com/exchange/services/2006/types}"
M = "{http://schemas.microsoft.com/exchange/services/2006/messages}"
_NAMESPACES = (
    'xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types" '
    'xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages"'
)
_OPERATIONS = ("GetFolder", "FindFolder", "FindItem", "GetItem", "SyncFolderItems", "UpdateItem", "MoveItem",
               "DeleteItem", "CreateItem", "SendItem")  # fmt: skip


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


class Operation(EWSAccountService):  # type: ignore[misc]
    """One operation, whose response is XML: an element or an `ItemError` for each thing asked about."""

    _timezone = None  # times are in UTC

    def _get_element_container(self, message: Any, name: Any = None) -> Any:  # noqa: ARG002
        """Codes that exchangelib does not know are codes, too."""
        code = message.findtext(f"{M}ResponseCode") or "no code"
        if message.get("ResponseClass") == "Success":
            return message
        values = message.iterfind(f"{M}MessageXml/{T}Value")
        asked = next((value.text or "" for value in values if value.get("Name") == "BackOffMilliseconds"), "")
        after = int(asked) / 1000 if asked.isdecimal() and len(asked) < 10 else 0.0
        return ItemError(code, message.findtext(f"{M}MessageText") or "", after)

    @classmethod
    def _get_elements_in_container(cls, container: Any) -> list[Any]:
        return [container]

    def responses(self, payload: Any) -> list[Any]:
        return list(self._get_elements(payload=payload))

    def envelope(self, payload: Any) -> bytes:
        whole: bytes = self.wrap(content=payload, api_version=self.account.version.api_version)
        return whole

    def headers(self) -> dict[str, str]:
        return dict(self._extra_headers())


OPERATIONS = {name: type(name, (Operation,), {"SERVICE_NAME": name}) for name in _OPERATIONS}


class Seat:
    """What exchangelib's operations want to know of an account. `timeout`: seconds."""

    affinity_cookie = None
    default_timezone = None

    def __init__(
        self, url: str, session: Callable[[], EwsSession], timeout: float, mailbox: str, *, impersonates: bool
    ) -> None:
        version = Version(build=EXCHANGE_2013_SP1)
        config = Configuration(service_endpoint=url, auth_type=NOAUTH, version=version, max_connections=1)
        self.protocol = _Protocol(config, session, timeout)
        self.version = self.protocol.config.version
        self.identity = Identity(primary_smtp_address=mailbox)
        self.access_type = IMPERSONATION if impersonates else DELEGATE
        self.primary_smtp_address = mailbox


def payload_of(name: str, inner: str, attributes: str = "") -> Any:
    return etree.fromstring(f"<m:{name} {_NAMESPACES} {attributes}>{inner}</m:{name}>")


def items(ids: Sequence[str]) -> str:
    return "".join(f"<t:ItemId Id={quoteattr(id_)}/>" for id_ in ids)


def escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def folder_of(element: Any) -> FolderFound:
    folder_id = element.find(f"{T}FolderId")
    total = element.findtext(f"{T}TotalCount") or "0"
    return FolderFound(folder_id.get("Id"), int(total) if total.isdecimal() else 0)


def listed(element: Any) -> Listed | None:
    """None if it has no id that can be asked for."""
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
