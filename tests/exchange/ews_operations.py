"""What the fake of Exchange Web Services does when it is asked: a method for each operation."""

import base64
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Protocol
from xml.etree import ElementTree
from xml.sax.saxutils import quoteattr

from tests.exchange.ews_store import EwsError, Folder, Item, Mailbox, Store, new_id
from tests.exchange.ews_xml import (
    NAMES,
    M,
    SoapFaultError,
    T,
    as_bool,
    at,
    error_message,
    every,
    extended,
    fits,
    folder_value,
    folder_xml,
    item_id,
    item_value,
    item_xml,
    local,
    messages,
    page,
    shape,
)

MOST_CHANGES = 512
# What an error's message has beside the error.
RESTS = {
    "SyncFolderItems": "<m:SyncState/><m:IncludesLastItemInRange>true</m:IncludesLastItemInRange>",
    **dict.fromkeys(("GetItem", "UpdateItem", "MoveItem", "CreateItem"), "<m:Items/>"),
}
Element = ElementTree.Element


class Rights(Protocol):
    """Who may do what: the server's."""

    store: Store
    impersonators: set[str]
    delegates: dict[str, set[str]]


class Operations:
    """One request of one account, by its address."""

    def __init__(self, rights: Rights, acting: str) -> None:
        self._rights, self._store, self._acting = rights, rights.store, acting

    def run(self, body: bytes) -> str:
        """The answer's element. Raises `SoapFaultError`."""
        envelope = ElementTree.fromstring(body)
        sid = envelope.find("s:Header/t:ExchangeImpersonation/t:ConnectingSID", NAMES)
        if sid is not None:
            self._impersonate(sid[0].text or "")
        request = at(envelope, "s:Body")[0]
        name = local(request.tag)
        handler = getattr(self, re.sub("([A-Z])", r"_\1", name).lower(), None)
        if handler is None:
            raise SoapFaultError("ErrorInvalidRequest", f"The request {name} is not known here.")
        return f'<m:{name}Response xmlns:m="{M}" xmlns:t="{T}">{handler(request)}</m:{name}Response>'

    # Folders

    def _get_folder(self, request: Element) -> str:
        wanted = shape(request, "m:FolderShape")

        def got(one: Element) -> str:
            return f"<m:Folders>{self._shown(self._folder(one), wanted)}</m:Folders>"

        return self._each("GetFolder", every(request, "m:FolderIds"), got)

    def _find_folder(self, request: Element) -> str:
        wanted, restriction = shape(request, "m:FolderShape"), request.find("m:Restriction", NAMES)
        view, deep = request.find("m:IndexedPageFolderView", NAMES), request.get("Traversal") == "Deep"

        def found(parent: Element) -> str:
            mailbox, folder = self._at(parent)
            below = mailbox.below(folder.id, deep=deep)
            some, where = page([one for one in below if fits(restriction, partial(folder_value, one))], view)
            shown = "".join(self._shown(one, wanted) for one in some)
            return f"<m:RootFolder {where}><t:Folders>{shown}</t:Folders></m:RootFolder>"

        return self._each("FindFolder", every(request, "m:ParentFolderIds"), found)

    def _shown(self, folder: Folder, wanted: Sequence[str | Element]) -> str:
        folders = [one for mailbox in self._readable() for one in mailbox.folders.values()]
        return folder_xml(folder, wanted, children=sum(one.parent == folder.id for one in folders))

    # Items

    def _find_item(self, request: Element) -> str:
        wanted, restriction = shape(request, "m:ItemShape"), request.find("m:Restriction", NAMES)
        orders = request.findall("m:SortOrder/t:FieldOrder", NAMES)

        def found(parent: Element) -> str:
            folder = self._folder(parent)
            there = [one for one in folder.items.values() if fits(restriction, partial(item_value, one))]
            for order in reversed(orders):
                uri, descending = order[0], order.get("Order") == "Descending"
                there.sort(key=lambda one: item_value(one, uri) or "", reverse=descending)
            some, where = page(there, request.find("m:IndexedPageItemView", NAMES))
            shown = "".join(item_xml(one, folder, wanted) for one in some)
            return f"<m:RootFolder {where}><t:Items>{shown}</t:Items></m:RootFolder>"

        return self._each("FindItem", every(request, "m:ParentFolderIds"), found)

    def _get_item(self, request: Element) -> str:
        wanted = shape(request, "m:ItemShape")
        if request.findtext("m:ItemShape/t:IncludeMimeContent", "", NAMES) == "true":
            wanted.append("item:MimeContent")

        def got(one: Element) -> str:
            _, folder, item = self._item(one)
            return f"<m:Items>{item_xml(item, folder, wanted)}</m:Items>"

        return self._each("GetItem", every(request, "m:ItemIds"), got)

    def _sync_folder_items(self, request: Element) -> str:
        wanted = shape(request, "m:ItemShape")
        most = int(request.findtext("m:MaxChangesReturned", "0", NAMES))
        if not 1 <= most <= MOST_CHANGES:
            raise SoapFaultError("ErrorSchemaValidation", "MaxChangesReturned is between 1 and 512.")

        def synchronised(one: Element) -> str:
            folder, state = self._folder(one), request.findtext("m:SyncState", "", NAMES)
            changes, place, last = folder.since(self._store.place(folder, state) if state else 0, most)
            if self._store.newest_first and not state:
                changes.reverse()
            lines = "".join(_change(folder, what, changed, wanted) for what, changed in changes)
            return (
                f"<m:SyncState>{self._store.state(folder, place)}</m:SyncState>"
                f"<m:IncludesLastItemInRange>{as_bool(last)}</m:IncludesLastItemInRange>"
                f"<m:Changes>{lines}</m:Changes>"
            )

        return self._each("SyncFolderItems", every(request, "m:SyncFolderId"), synchronised)

    def _update_item(self, request: Element) -> str:
        overwrites = request.get("ConflictResolution") == "AlwaysOverwrite"

        def updated(change: Element) -> str:
            _, folder, item = self._item(at(change, "t:ItemId"), write=not overwrites)
            for update in every(change, "t:Updates"):
                if local(update[0].tag) == "ExtendedFieldURI":
                    item.extended[extended(update[0])] = update.findtext(".//t:ExtendedProperty/t:Value", "", NAMES)
                elif update[0].get("FieldURI") == "message:IsRead":
                    item.is_read = update.findtext(".//t:IsRead", "", NAMES) in ("true", "1")
                    folder.changes.append(("ReadFlagChange", item.id))
            item.version += 1
            conflicts = "<m:ConflictResults><t:Count>0</t:Count></m:ConflictResults>"
            return f"<m:Items><t:Message>{item_id(item)}</t:Message></m:Items>{conflicts}"

        return self._each("UpdateItem", every(request, "m:ItemChanges"), updated)

    def _move_item(self, request: Element) -> str:
        target = self._folder(every(request, "m:ToFolderId")[0])

        def moved(one: Element) -> str:
            _, folder, item = self._item(one)
            return f"<m:Items><t:Message>{item_id(_put(folder, item, target))}</t:Message></m:Items>"

        return self._each("MoveItem", every(request, "m:ItemIds"), moved)

    def _delete_item(self, request: Element) -> str:
        def deleted(one: Element) -> str:
            mailbox, folder, item = self._item(one)
            if request.get("DeleteType") == "MoveToDeletedItems":
                _put(folder, item, mailbox.by_name["deleteditems"])
            else:
                folder.take(item.id)
            return ""

        return self._each("DeleteItem", every(request, "m:ItemIds"), deleted)

    # Sending

    def _create_item(self, request: Element) -> str:
        disposition, saved = request.get("MessageDisposition", ""), request.find("m:SavedItemFolderId", NAMES)

        def created(message: Element) -> str:
            mime = message.find("t:MimeContent", NAMES)
            if mime is None:
                raise EwsError("ErrorInvalidRequest", "This fake takes items as MIME only.")
            mailbox, folder = self._at(saved[0]) if saved is not None else (self._store.mailbox(self._acting), None)
            item = Item(base64.b64decode(mime.text or "", validate=True), mailbox.now(), kind=local(message.tag))
            for one in message.findall("t:ExtendedProperty", NAMES):
                item.extended[extended(one[0])] = one.findtext("t:Value", "", NAMES)
            item.beside = tuple(local(one.tag) for one in message if one is not mime)
            fields = (f"t:{kind}Recipients/t:Mailbox/t:EmailAddress" for kind in ("To", "Cc", "Bcc"))
            item.also_to = tuple(one.text or "" for field in fields for one in message.findall(field, NAMES))
            if disposition == "SaveOnly":
                (folder or mailbox.by_name["drafts"]).add(item)
                return f"<m:Items><t:Message>{item_id(item)}</t:Message></m:Items>"
            self._store.send(mailbox, item)
            if disposition == "SendAndSaveCopy":
                (folder or mailbox.by_name["sentitems"]).add(replace(item, is_read=True))
            return "<m:Items/>"

        return self._each("CreateItem", every(request, "m:Items"), created)

    def _send_item(self, request: Element) -> str:
        saved = request.find("m:SavedItemFolderId", NAMES)

        def sent(one: Element) -> str:
            mailbox, folder, item = self._item(one, write=True)
            self._store.send(mailbox, item)
            if request.get("SaveItemToFolder") == "true":
                target = self._folder(saved[0]) if saved is not None else mailbox.by_name["sentitems"]
                _put(folder, replace(item, is_read=True, received=mailbox.now()), target)
            else:
                folder.take(item.id)
            return ""

        return self._each("SendItem", every(request, "m:ItemIds"), sent)

    # Others

    def _convert_id(self, request: Element) -> str:
        """Clients ask it whose mailbox it is, and to learn which version answers."""

        def converted(one: Element) -> str:
            for mailbox in self._readable():
                if one.get("Id", "") in mailbox.folders:
                    return (
                        '<m:AlternateId xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
                        f'xsi:type="t:AlternateId" Format={quoteattr(request.get("DestinationFormat", ""))} '
                        f"Id={quoteattr(one.get('Id', ''))} Mailbox={quoteattr(mailbox.address)}/>"
                    )
            raise EwsError("ErrorInvalidIdMalformed", "Id is malformed.")

        return self._each("ConvertId", every(request, "m:SourceIds"), converted)

    def _each(self, name: str, asked: Sequence[Element], answer: Callable[[Element], str]) -> str:
        """A response message for each thing that was asked about."""
        answers = []
        for one in asked:
            try:
                text = f'ResponseClass="Success"><m:ResponseCode>NoError</m:ResponseCode>{answer(one)}'
            except EwsError as error:
                text = error_message(error.code, error.text, RESTS.get(name, ""))
            answers.append(text)
        return messages(name, answers)

    # Who may see what

    def _impersonate(self, address: str) -> None:
        if self._acting not in self._rights.impersonators:
            text = "The account does not have permission to impersonate the requested user."
            raise SoapFaultError("ErrorImpersonateUserDenied", text)
        self._acting = self._store.mailbox(address).address

    def _readable(self) -> list[Mailbox]:
        others = self._rights.delegates.get(self._acting.lower(), set())
        return [self._store.mailbox(one) for one in (self._acting, *sorted(others))]

    def _at(self, element: Element) -> tuple[Mailbox, Folder]:
        missing = EwsError("ErrorFolderNotFound", "The specified folder could not be found in the store.")
        name = element.get("Id", "")
        if local(element.tag) != "DistinguishedFolderId":
            for mailbox in self._readable():
                if name in mailbox.folders:
                    return mailbox, mailbox.folders[name]
            raise missing
        mailbox = self._store.mailbox(element.findtext("t:Mailbox/t:EmailAddress", self._acting, NAMES))
        if mailbox not in self._readable():
            raise EwsError("ErrorAccessDenied", "Access is denied. Check credentials and try again.")
        if name not in mailbox.by_name:
            raise missing
        return mailbox, mailbox.by_name[name]

    def _folder(self, element: Element) -> Folder:
        return self._at(element)[1]

    def _item(self, element: Element, *, write: bool = False) -> tuple[Mailbox, Folder, Item]:
        for mailbox in self._readable():
            for folder in mailbox.folders.values():
                item = folder.items.get(element.get("Id", ""))
                if item is None:
                    continue
                if write and not element.get("ChangeKey"):
                    raise EwsError("ErrorChangeKeyRequired", "A change key is required for this operation.")
                if write and element.get("ChangeKey") != item.change_key:
                    raise EwsError("ErrorIrresolvableConflict", "The change key is out of date.")
                return mailbox, folder, item
        raise EwsError("ErrorItemNotFound", "The specified object was not found in the store.")


def _put(folder: Folder, item: Item, target: Folder) -> Item:
    """An item has another id in another folder."""
    folder.take(item.id)
    return target.add(replace(item, id=new_id("item")))


def _change(folder: Folder, what: str, changed: str, wanted: Sequence[str | Element]) -> str:
    if what == "Delete":
        return f'<t:Delete><t:ItemId Id="{changed}" ChangeKey="AAAA"/></t:Delete>'
    item = folder.items[changed]
    if what == "ReadFlagChange":
        return f"<t:ReadFlagChange>{item_id(item)}<t:IsRead>{as_bool(item.is_read)}</t:IsRead></t:ReadFlagChange>"
    return f"<t:{what}>{item_xml(item, folder, wanted)}</t:{what}>"
