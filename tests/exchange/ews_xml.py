"""How the fake of Exchange Web Services reads requests and writes answers: its schema's elements as text."""

import base64
import re
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar
from xml.etree import ElementTree
from xml.sax.saxutils import escape, quoteattr

from tests.exchange.ews_store import Folder, Item

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
T = "http://schemas.microsoft.com/exchange/services/2006/types"
M = "http://schemas.microsoft.com/exchange/services/2006/messages"
E = "http://schemas.microsoft.com/exchange/services/2006/errors"
NAMES = {"s": SOAP, "t": T, "m": M}
Element = ElementTree.Element
One = TypeVar("One")

_MOST_ENTRIES = 1000  # of a page
_USUAL = (
    "item:Subject", "item:DateTimeReceived", "item:Size", "message:IsRead", "message:InternetMessageId",
    "folder:DisplayName", "folder:TotalCount", "folder:FolderClass", "folder:ChildFolderCount", "folder:UnreadCount",
    "folder:ParentFolderId",
)  # fmt: skip
# In the order of the schema: it is a sequence. Those of a message come behind extended properties.
_ITEM_FIELDS = (
    ("item:ItemClass", "ItemClass"), ("item:Subject", "Subject"), ("item:DateTimeReceived", "DateTimeReceived"),
    ("item:Size", "Size"), ("item:DateTimeSent", "DateTimeSent"), ("item:DateTimeCreated", "DateTimeCreated"),
    ("item:HasAttachments", "HasAttachments"),
)  # fmt: skip
_MESSAGE_FIELDS = (("message:InternetMessageId", "InternetMessageId"), ("message:IsRead", "IsRead"))
_KINDS = {"IPF.Appointment": "CalendarFolder", "IPF.Contact": "ContactsFolder", "IPF.Task": "TasksFolder"}
_EXTENDED = (
    "DistinguishedPropertySetId", "PropertySetId", "PropertyTag", "PropertyName", "PropertyId", "PropertyType",
)  # fmt: skip


class SoapFaultError(Exception):
    """What is wrong with a request as a whole."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(code)
        self.code, self.text = code, text


# Requests


def operation_of(body: bytes) -> str:
    found = re.search(rb"Body[^>]*>\s*<(?:[\w.-]+:)?(\w+)", body)
    return found[1].decode() if found else ""


def local(tag: str) -> str:
    return tag.rpartition("}")[2]


def at(request: Element, name: str) -> Element:
    """An element that a request must have."""
    found = request.find(name, NAMES)
    if found is None:
        raise SoapFaultError("ErrorSchemaValidation", f"The request lacks {name}.")
    return found


def every(request: Element, name: str) -> list[Element]:
    return list(at(request, name))


def shape(request: Element, name: str) -> list[str | Element]:
    """What is asked for: names of fields, and elements of extended ones."""
    found = at(request, name)
    wanted: list[str | Element] = []
    if found.findtext("t:BaseShape", "", NAMES) in ("Default", "AllProperties"):
        wanted += _USUAL
    for one in found.findall("t:AdditionalProperties/*", NAMES):
        wanted.append(one.get("FieldURI", "") if local(one.tag) == "FieldURI" else one)
    return wanted


def extended(uri: Element) -> tuple[str, ...]:
    return tuple(uri.get(name, "") for name in _EXTENDED)


def page(there: list[One], view: Element | None) -> tuple[list[One], str]:
    """The entries that a view shows, and the attributes that say where they lie."""
    offset = int(view.get("Offset", "0")) if view is not None else 0
    most = int(view.get("MaxEntriesReturned", "1000")) if view is not None else _MOST_ENTRIES
    some = there[offset : offset + min(most, _MOST_ENTRIES)]
    end = offset + len(some)
    last = as_bool(end >= len(there))
    return some, f'IndexedPagingOffset="{end}" TotalItemsInView="{len(there)}" IncludesLastItemInRange="{last}"'


def fits(restriction: Element | None, value: Callable[[Element], str | None]) -> bool:
    return restriction is None or all(_holds(one, value) for one in restriction)


def _holds(test: Element, value: Callable[[Element], str | None]) -> bool:
    name = local(test.tag)
    if name in ("And", "Or", "Not"):
        inner = [_holds(one, value) for one in test]
        return {"And": all(inner), "Or": any(inner), "Not": not any(inner)}[name]
    found = value(test[0])
    constant = next(test.iter(f"{{{T}}}Constant"), None)
    wanted = (constant.get("Value", "") if constant is not None else "").lower()
    if name == "Exists" or found is None:
        return found is not None
    text = found.lower()
    if name == "Contains":
        mode = test.get("ContainmentMode", "FullString")
        return {"FullString": text == wanted, "Prefixed": text.startswith(wanted)}.get(mode, wanted in text)
    return {
        "IsEqualTo": text == wanted, "IsNotEqualTo": text != wanted, "IsGreaterThan": text > wanted,
        "IsGreaterThanOrEqualTo": text >= wanted, "IsLessThan": text < wanted, "IsLessThanOrEqualTo": text <= wanted,
    }[name]  # fmt: skip


# Answers


def envelope(body: str) -> bytes:
    return (
        f'<?xml version="1.0" encoding="utf-8"?><s:Envelope xmlns:s="{SOAP}"><s:Header>'
        '<h:ServerVersionInfo MajorVersion="15" MinorVersion="2" MajorBuildNumber="1544" MinorBuildNumber="4" '
        f'Version="V2017_07_11" xmlns:h="{T}" xmlns="{T}"/></s:Header>'
        f"<s:Body>{body}</s:Body></s:Envelope>"
    ).encode()


def soap_fault(code: str, text: str, more: str = "") -> str:
    return (
        f'<s:Fault><faultcode xmlns:a="{T}">a:{code}</faultcode>'
        f'<faultstring xml:lang="en-US">{escape(text)}</faultstring><detail>'
        f'<e:ResponseCode xmlns:e="{E}">{code}</e:ResponseCode><e:Message xmlns:e="{E}">{escape(text)}</e:Message>'
        f"{more}</detail></s:Fault>"
    )


def busy(milliseconds: int | None) -> bytes:
    value = "" if milliseconds is None else f'<t:Value Name="BackOffMilliseconds">{milliseconds}</t:Value>'
    more = f'<t:MessageXml xmlns:t="{T}">{value}</t:MessageXml>' if value else ""
    text = "The server cannot service this request right now. Try again later."
    return envelope(soap_fault("ErrorServerBusy", text, more))


def error_message(code: str, text: str, rest: str = "") -> str:
    return (
        f'ResponseClass="Error"><m:MessageText>{escape(text)}</m:MessageText><m:ResponseCode>{code}</m:ResponseCode>'
        f"<m:DescriptiveLinkKey>0</m:DescriptiveLinkKey>{rest}"
    )


def messages(name: str, answers: Sequence[str]) -> str:
    ended = "".join(f"<m:{name}ResponseMessage {answer}</m:{name}ResponseMessage>" for answer in answers)
    return f"<m:ResponseMessages>{ended}</m:ResponseMessages>"


def as_bool(value: bool) -> str:
    return "true" if value else "false"


def item_id(item: Item) -> str:
    return f"<t:ItemId Id={quoteattr(item.id)} ChangeKey={quoteattr(item.change_key)}/>"


def item_value(item: Item, uri: Element) -> str | None:
    """What a field, by its URI or as an extended one, says of an item; None where it is not set or not known."""
    field = uri.get("FieldURI")
    if field is not None:
        return _fields(item).get(field)
    tag = uri.get("PropertyTag")
    known = _tags(item).get(hex(int(tag, 0))) if tag is not None else None
    return item.extended.get(extended(uri)) if known is None else known


def _fields(item: Item) -> dict[str, str]:
    return {
        "item:Subject": item.header("Subject"),
        **dict.fromkeys(("item:DateTimeReceived", "item:DateTimeSent", "item:DateTimeCreated"), _time(item)),
        "item:Size": str(item.size),
        "item:ItemClass": "IPM.Note",
        "item:HasAttachments": "false",
        "message:IsRead": as_bool(item.is_read),
        "message:InternetMessageId": item.header("Message-ID"),
    }


def _tags(item: Item) -> dict[str, str]:
    """MAPI's properties ([MS-OXPROPS]): what clients ask for besides."""
    return {
        "0xe08": str(item.size),
        "0xe07": str(int(item.is_read)),
        "0xe06": _time(item),
        "0xe23": str(item.number),
        "0xff9": base64.b64encode(item.id.encode()).decode(),
        "0x3008": _time(item),
        "0x10f3": f"{item.number}.EML",
        "0x1035": item.header("Message-ID"),
        "0x37": item.header("Subject"),
    }


def _time(item: Item) -> str:
    return item.received.strftime("%Y-%m-%dT%H:%M:%SZ")


def item_xml(item: Item, folder: Folder, wanted: Sequence[str | Element]) -> str:
    mime = f'<t:MimeContent CharacterSet="UTF-8">{base64.b64encode(item.raw).decode()}</t:MimeContent>'
    parent = f'<t:ParentFolderId Id="{folder.id}" ChangeKey="AQAAAA=="/>'
    fields = _fields(item)
    parts = (
        mime if "item:MimeContent" in wanted else "",
        item_id(item),
        parent if "item:ParentFolderId" in wanted else "",
        *(f"<t:{name}>{escape(fields[uri])}</t:{name}>" for uri, name in _ITEM_FIELDS if uri in wanted),
        *_extended_properties(item, wanted),
        *(f"<t:{name}>{escape(fields[uri])}</t:{name}>" for uri, name in _MESSAGE_FIELDS if uri in wanted),
    )
    return f"<t:{item.kind}>{''.join(parts)}</t:{item.kind}>"


def _extended_properties(item: Item, wanted: Sequence[str | Element]) -> Iterator[str]:
    for uri in wanted:
        value = None if isinstance(uri, str) else item_value(item, uri)
        if value is not None and not isinstance(uri, str):
            attributes = " ".join(f"{name}={quoteattr(text)}" for name, text in uri.attrib.items())
            named = f"<t:ExtendedFieldURI {attributes}/>"
            yield f"<t:ExtendedProperty>{named}<t:Value>{escape(value)}</t:Value></t:ExtendedProperty>"


def folder_value(folder: Folder, uri: Element) -> str | None:
    return {"folder:DisplayName": folder.name, "folder:FolderClass": folder.folder_class}.get(uri.get("FieldURI", ""))


def folder_xml(folder: Folder, wanted: Sequence[str | Element], *, children: int) -> str:
    unread = sum(not one.is_read for one in folder.items.values())
    kind = _KINDS.get(folder.folder_class, "Folder")
    values = (
        ("folder:ParentFolderId", f'<t:ParentFolderId Id="{folder.parent}" ChangeKey="AQAAAA=="/>'),
        ("folder:FolderClass", f"<t:FolderClass>{folder.folder_class}</t:FolderClass>" if folder.folder_class else ""),
        ("folder:DisplayName", f"<t:DisplayName>{escape(folder.name)}</t:DisplayName>"),
        ("folder:TotalCount", f"<t:TotalCount>{len(folder.items)}</t:TotalCount>"),
        ("folder:ChildFolderCount", f"<t:ChildFolderCount>{children}</t:ChildFolderCount>"),
        ("folder:UnreadCount", f"<t:UnreadCount>{unread}</t:UnreadCount>"),
    )
    shown = "".join(text for uri, text in values if uri in wanted)
    return f'<t:{kind}><t:FolderId Id="{folder.id}" ChangeKey="AQAAAA=="/>{shown}</t:{kind}>'
