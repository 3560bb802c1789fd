"""Exchange Web Services: what is done with folders and items of one mailbox. Imported only where it is used."""

import base64
from collections.abc import Sequence
from typing import Any
from xml.sax.saxutils import quoteattr

from mailserver.errors import MailServerError
from mailserver.exchange import ews_errors
from mailserver.exchange.ews_interface import Changes, FolderFound, ItemError, Listed
from mailserver.exchange.ews_operations import M, T, escaped, folder_of, items, listed, payload_of
from mailserver.exchange.ews_requests import EwsRequests
from schemas.reasons import Reason

MAX_CHANGES = 512  # of one response of SyncFolderItems: the most that Exchange takes
# DistinguishedFolderId: what a path may begin with, whatever a mailbox calls the folder.
_WELL_KNOWN = frozenset({"inbox", "junkemail", "deleteditems", "sentitems", "drafts"})


class EwsClient(EwsRequests):
    """See `EwsRequests` for its life and its errors."""

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
        (response,) = self._ask(
            "GetFolder",
            f"<m:FolderShape><t:BaseShape>Default</t:BaseShape></m:FolderShape><m:FolderIds>{self._place(name)}"
            "</m:FolderIds>",
        )
        return folder_of(self._about_the_mailbox(response).find(f"{M}Folders")[0])

    def _below(self, parent: FolderFound, part: str, name: str) -> FolderFound:
        payload = (
            "<m:FolderShape><t:BaseShape>Default</t:BaseShape></m:FolderShape>"
            '<m:Restriction><t:IsEqualTo><t:FieldURI FieldURI="folder:DisplayName"/><t:FieldURIOrConstant>'
            f"<t:Constant Value={quoteattr(part)}/></t:FieldURIOrConstant></t:IsEqualTo></m:Restriction>"
            f"<m:ParentFolderIds><t:FolderId Id={quoteattr(parent.id)}/></m:ParentFolderIds>"
        )
        (response,) = self._ask("FindFolder", payload, 'Traversal="Shallow"')
        for folder in self._about_the_mailbox(response).iterfind(f"{M}RootFolder/{T}Folders/*"):
            if (folder.findtext(f"{T}DisplayName") or "").casefold() == part.casefold():
                return folder_of(folder)
        text = f"{self.label} has no folder {name!r}: create it, or correct it. A path begins at the top of the mailbox"
        raise MailServerError(Reason.FOLDER_REFUSED, f"{text}, as in Inbox/Done", temporary=False)

    # Lists

    def changes(self, folder: FolderFound, state: str | None) -> Changes | None:
        """What has changed in a folder since; None if the server does not know that state any more."""
        payload = (
            "<m:ItemShape><t:BaseShape>IdOnly</t:BaseShape><t:AdditionalProperties>"
            '<t:FieldURI FieldURI="item:DateTimeReceived"/><t:FieldURI FieldURI="item:Size"/>'
            f"</t:AdditionalProperties></m:ItemShape><m:SyncFolderId><t:FolderId Id={quoteattr(folder.id)}/>"
            f"</m:SyncFolderId>{f'<m:SyncState>{escaped(state)}</m:SyncState>' if state else ''}"
            f"<m:MaxChangesReturned>{MAX_CHANGES}</m:MaxChangesReturned>"
        )
        (response,) = self._ask("SyncFolderItems", payload)
        if isinstance(response, ItemError) and response.code == "ErrorInvalidSyncStateData":
            return None
        response = self._about_the_mailbox(response)
        changed = response.find(f"{M}Changes")
        new_state = response.findtext(f"{M}SyncState")
        if changed is None or not new_state:
            raise ews_errors.damaged(self.label, "SyncFolderItems without a state")
        came = (listed(change[0]) for change in changed if change.tag == f"{T}Create" and len(change))
        return Changes(
            tuple(item for item in came if item is not None),
            new_state,
            response.findtext(f"{M}IncludesLastItemInRange") == "true",
        )

    def newest(self, folder: FolderFound, most: int) -> list[Listed]:
        """The last items, the newest first."""
        payload = (
            "<m:ItemShape><t:BaseShape>IdOnly</t:BaseShape><t:AdditionalProperties>"
            '<t:FieldURI FieldURI="item:Subject"/><t:FieldURI FieldURI="item:DateTimeReceived"/>'
            '<t:FieldURI FieldURI="item:Size"/></t:AdditionalProperties></m:ItemShape>'
            f'<m:IndexedPageItemView MaxEntriesReturned="{most}" Offset="0" BasePoint="Beginning"/>'
            '<m:SortOrder><t:FieldOrder Order="Descending"><t:FieldURI FieldURI="item:DateTimeReceived"/>'
            "</t:FieldOrder></m:SortOrder>"
            f"<m:ParentFolderIds><t:FolderId Id={quoteattr(folder.id)}/></m:ParentFolderIds>"
        )
        (response,) = self._ask("FindItem", payload, 'Traversal="Shallow"')
        there = map(listed, self._about_the_mailbox(response).iterfind(f"{M}RootFolder/{T}Items/*"))
        return [item for item in there if item is not None]

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
        for response in self._ask("FindItem", payload, 'Traversal="Shallow"', len(places)):
            there = self._about_the_mailbox(response).iterfind(f"{M}RootFolder/{T}Items/*")
            found.append(next(filter(None, map(listed, there)), None))
        return found

    # Items

    def mark_read(self, ids: Sequence[str]) -> None:
        changes = "".join(
            f"<t:ItemChange><t:ItemId Id={quoteattr(id_)}/><t:Updates><t:SetItemField>"
            '<t:FieldURI FieldURI="message:IsRead"/>'
            "<t:Message><t:IsRead>true</t:IsRead></t:Message></t:SetItemField></t:Updates></t:ItemChange>"
            for id_ in ids
        )
        attributes = 'MessageDisposition="SaveOnly" ConflictResolution="AlwaysOverwrite" SuppressReadReceipts="true"'
        self._apply("UpdateItem", f"<m:ItemChanges>{changes}</m:ItemChanges>", attributes, ids)

    def move(self, ids: Sequence[str], folder: FolderFound) -> None:
        to = f"<m:ToFolderId><t:FolderId Id={quoteattr(folder.id)}/></m:ToFolderId>"
        self._apply("MoveItem", f"{to}<m:ItemIds>{items(ids)}</m:ItemIds>", "", ids)

    def delete(self, ids: Sequence[str]) -> None:
        """To Deleted Items."""
        attributes = 'DeleteType="MoveToDeletedItems" SuppressReadReceipts="true" SendMeetingCancellations="SendToNone"'
        attributes += ' AffectedTaskOccurrences="SpecifiedOccurrenceOnly"'
        self._apply("DeleteItem", f"<m:ItemIds>{items(ids)}</m:ItemIds>", attributes, ids)

    # Sending

    def draft(self, raw: bytes, beside: str) -> Listed:
        """A new draft of these bytes, with elements beside them."""
        saved = f"<m:SavedItemFolderId>{self._place('drafts')}</m:SavedItemFolderId>"
        item = self._created(raw, saved, beside, "SaveOnly").find(f"{M}Items/*")
        draft = listed(item) if item is not None else None
        if draft is None:
            raise ItemError("no ItemId", "the server created a draft and does not say which")
        return draft

    def send_only(self, raw: bytes) -> None:
        """A message of these bytes, of which the mailbox keeps nothing."""
        self._created(raw, "", "", "SendOnly")

    def _created(self, raw: bytes, saved: str, beside: str, disposition: str) -> Any:
        payload = payload_of(
            "CreateItem",
            f'{saved}<m:Items><t:Message><t:MimeContent CharacterSet="UTF-8"/>{beside}</t:Message></m:Items>',
            f'MessageDisposition="{disposition}"',
        )
        payload.find(f".//{T}MimeContent").text = base64.b64encode(raw).decode("ascii")
        (response,) = self._ask_with("CreateItem", payload, 1)
        return self._about_the_item(response)

    def send(self, draft: Listed) -> None:
        """With a copy in Sent Items."""
        item = f"<t:ItemId Id={quoteattr(draft.id)} ChangeKey={quoteattr(draft.change_key)}/>"
        saved = f"<m:SavedItemFolderId>{self._place('sentitems')}</m:SavedItemFolderId>"
        (response,) = self._ask("SendItem", f"<m:ItemIds>{item}</m:ItemIds>{saved}", 'SaveItemToFolder="true"')
        self._about_the_item(response)

    def remove(self, item: Listed) -> None:
        """For good: a draft of ours that is not wanted any more."""
        attributes = 'DeleteType="HardDelete" SuppressReadReceipts="true"'
        self._apply("DeleteItem", f"<m:ItemIds>{items([item.id])}</m:ItemIds>", attributes, [item.id])
