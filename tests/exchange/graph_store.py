"""Mailboxes as Exchange Online keeps them, for the fake of Microsoft Graph: folders, items, what has changed."""

import itertools
import re
import threading
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage

# https://learn.microsoft.com/graph/api/resources/mailfolder
WELL_KNOWN = {
    "msgfolderroot": "Top of Information Store",
    "inbox": "Inbox",
    "drafts": "Drafts",
    "sentitems": "Sent Items",
    "deleteditems": "Deleted Items",
    "junkemail": "Junk Email",
    "archive": "Archive",
    "outbox": "Outbox",
}
READ_BYTES = 1_000_000  # of a mail, for what a message resource tells of it
KEPT_HEADERS = 30  # of a mail's header fields, in internetMessageHeaders


@dataclass
class Folder:
    id: str
    name: str
    parent: str


@dataclass
class Item:
    """A mail in a folder. Its default id changes when it goes to another folder."""

    id: str
    raw: bytes
    folder: str
    received: datetime
    number: int  # in the order of all changes of the mailbox: when it came into its folder
    is_read: bool = False
    is_draft: bool = False
    conversation: str = ""
    change_key: str = ""
    properties: dict[str, str] = field(default_factory=dict)  # single-value extended ones, by their ids
    read: tuple[bytes, dict[str, object]] | None = None  # what was read from `raw`, and of which bytes

    @property
    def mail(self) -> EmailMessage:
        return message_from_bytes(self.raw, policy=policy.default)

    @property
    def beginning(self) -> EmailMessage:
        return message_from_bytes(self.raw[:READ_BYTES], policy=policy.default)

    def header(self, name: str) -> str:
        try:
            value = str(self.beginning.get(name, ""))
        except Exception:  # the standard library's reader raises many things on odd header fields
            value = ""
        return " ".join(value.split())


class Mailbox:
    """May be used by many threads: `lock` is held around whatever reads or changes it."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.lock = threading.RLock()
        self.folders: dict[str, Folder] = {}
        self.items: dict[str, Item] = {}
        self.left: list[tuple[int, str, str]] = []  # (number of the change, folder, id) of items that left a folder
        self._numbers = itertools.count(1)
        self.last = 0  # number of the last change
        self.well_known: dict[str, str] = {}
        for name, shown in WELL_KNOWN.items():
            self.well_known[name] = self._add_folder(shown, self.well_known.get("msgfolderroot", "")).id

    def _add_folder(self, name: str, parent: str) -> Folder:
        folder = Folder(new_id("AQMk", 90), name, parent)
        self.folders[folder.id] = folder
        return folder

    def add_folder(self, name: str, parent: str = "msgfolderroot") -> Folder:
        with self.lock:
            above = self.folder(parent)
            assert above is not None
            return self._add_folder(name, above.id)

    def folder(self, name: str) -> Folder | None:
        """By its id or well-known name."""
        return self.folders.get(self.well_known.get(name.lower(), name))

    def children(self, parent: str) -> list[Folder]:
        return [folder for folder in self.folders.values() if folder.parent == parent]

    def mails(self, folder: str = "inbox") -> list[Item]:
        """In the order in which they came into the folder."""
        with self.lock:
            found = self.folder(folder)
            assert found is not None, folder
            items = (item for item in self.items.values() if item.folder == found.id)
            return sorted(items, key=lambda item: item.number)

    def put(
        self,
        raw: bytes,
        folder: str = "inbox",
        received: datetime | None = None,
        *,
        is_read: bool = False,
        is_draft: bool = False,
    ) -> Item:
        with self.lock:
            found = self.folder(folder)
            assert found is not None, folder
            came = received or datetime.now(UTC)
            item = Item(
                new_id("AAMk", 120), raw, found.id, came.replace(microsecond=0), self._next(), is_read, is_draft
            )
            item.conversation, item.change_key = new_id("AAQk", 64), new_id("CQAA", 24)
            self.items[item.id] = item
            return item

    def move(self, item: Item, folder: Folder) -> Item:
        """Item with its new id."""
        with self.lock:
            self.remove(item)
            moved = Item(
                new_id("AAMk", 120), item.raw, folder.id, item.received, self._next(), item.is_read, item.is_draft,
                item.conversation, new_id("CQAA", 24), dict(item.properties),
            )  # fmt: skip
            self.items[moved.id] = moved
            return moved

    def remove(self, item: Item) -> None:
        with self.lock:
            del self.items[item.id]
            self.left.append((self._next(), item.folder, item.id))

    def changed(self, item: Item) -> None:
        item.change_key = new_id("CQAA", 24)

    def created_since(self, folder: Folder, since: int) -> list[Item]:
        return [item for item in self.mails(folder.id) if item.number > since]

    def removed_since(self, folder: Folder, since: int) -> Iterable[str]:
        return [id_ for number, left, id_ in self.left if number > since and left == folder.id]

    def _next(self) -> int:
        self.last = next(self._numbers)
        return self.last


def new_id(beginning: str, length: int) -> str:
    """As long as Exchange's, and of the same letters."""
    letters = "".join(urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=") for _ in range(length // 22 + 1))
    return f"{beginning}{letters}"[: length - 1] + "="


def timestamp(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def recipient(name: str, address: str) -> dict[str, object]:
    return {"emailAddress": {"name": name or address, "address": address}}


def _recipients(item: Item, header: str) -> list[dict[str, object]]:
    try:
        addresses = getattr(item.beginning.get(header), "addresses", ())
    except Exception:  # as above
        return []
    return [recipient(one.display_name, one.addr_spec) for one in addresses]


def message_json(item: Item) -> dict[str, object]:
    """The message resource: https://learn.microsoft.com/graph/api/resources/message."""
    if item.read is None or item.read[0] is not item.raw:
        item.read = item.raw, _read(item)
    return {
        "@odata.etag": f'W/"{item.change_key}"',
        "id": item.id,
        "createdDateTime": timestamp(item.received),
        "lastModifiedDateTime": timestamp(item.received + timedelta(seconds=1)),
        "changeKey": item.change_key,
        "categories": [],
        "receivedDateTime": timestamp(item.received),
        "sentDateTime": timestamp(item.received),
        "importance": "normal",
        "parentFolderId": item.folder,
        "conversationId": item.conversation,
        "isDeliveryReceiptRequested": False,
        "isReadReceiptRequested": False,
        "isRead": item.is_read,
        "isDraft": item.is_draft,
        "webLink": f"https://outlook.office365.com/owa/?ItemID={item.id}",
        "inferenceClassification": "focused",
        "flag": {"flagStatus": "notFlagged"},
        **item.read[1],
    }


def _read(item: Item) -> dict[str, object]:
    """What a message resource has from the mail's text; of a large one from its beginning."""
    mail = item.beginning
    sender = (_recipients(item, "From") or [recipient("", "nobody@example.test")])[0]
    text = mail.get_body(("plain", "html"))
    try:
        content = str(text.get_content()) if text else ""
    except Exception:  # an unknown charset, among others
        content = ""
    return {
        "hasAttachments": any(True for _ in mail.iter_attachments()),
        "internetMessageId": item.header("Message-ID"),
        "subject": item.header("Subject"),
        "bodyPreview": content[:255],
        "body": {"contentType": "text", "content": content},
        "sender": sender,
        "from": sender,
        "toRecipients": _recipients(item, "To"),
        "ccRecipients": _recipients(item, "Cc"),
        "bccRecipients": _recipients(item, "Bcc"),
        "replyTo": _recipients(item, "Reply-To"),
        "internetMessageHeaders": [
            {"name": name, "value": " ".join(str(value).split())} for name, value in list(mail.items())[:KEPT_HEADERS]
        ],
    }


ONLY_SELECTED = frozenset({"internetMessageHeaders"})  # given where $select names it

_SIZE_IDS = re.compile(r"(Integer|Long) 0x0E08", re.IGNORECASE)  # PidTagMessageSize


def extended(item: Item, wanted: str) -> list[dict[str, str]]:
    """singleValueExtendedProperties by the id that $expand filters for."""
    if _SIZE_IDS.fullmatch(wanted):
        return [{"id": wanted, "value": str(len(item.raw) + 100)}]  # what Exchange keeps is no RFC 822 text
    return [{"id": id_, "value": value} for id_, value in item.properties.items() if id_.lower() == wanted.lower()]


def folder_json(mailbox: Mailbox, folder: Folder) -> dict[str, object]:
    """The mailFolder resource."""
    mails = mailbox.mails(folder.id)
    return {
        "id": folder.id,
        "displayName": folder.name,
        "parentFolderId": folder.parent,
        "childFolderCount": len(mailbox.children(folder.id)),
        "unreadItemCount": sum(not one.is_read for one in mails),
        "totalItemCount": len(mails),
        "isHidden": False,
    }
