"""Mailboxes behind the fake of Exchange Web Services: folders, items as their bytes, and what changed since when."""

import base64
import binascii
import itertools
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.utils import getaddresses

_ids = itertools.count(1)
_BEGINNING = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
DISTINGUISHED = {
    "root": ("", ""),
    "msgfolderroot": ("Top of Information Store", "root"),
    "inbox": ("Inbox", "msgfolderroot"),
    "drafts": ("Drafts", "msgfolderroot"),
    "outbox": ("Outbox", "msgfolderroot"),
    "sentitems": ("Sent Items", "msgfolderroot"),
    "deleteditems": ("Deleted Items", "msgfolderroot"),
    "junkemail": ("Junk Email", "msgfolderroot"),
    "calendar": ("Calendar", "msgfolderroot"),
    "contacts": ("Contacts", "msgfolderroot"),
    "tasks": ("Tasks", "msgfolderroot"),
}
_CLASSES = {"calendar": "IPF.Appointment", "contacts": "IPF.Contact", "tasks": "IPF.Task", "root": ""}
_BCC = re.compile(rb"(?im)^bcc:[^\n]*\n(?:[ \t][^\n]*\n)*")


class EwsError(Exception):
    """What a response message says: a response code of Microsoft's list, and text."""

    def __init__(self, code: str, text: str = "") -> None:
        self.code, self.text = code, text or f"{code}."
        super().__init__(code)


def new_id(kind: str) -> str:
    """As long as Exchange's own ids are, and as unfit for a file name."""
    return base64.b64encode(f"{kind}{next(_ids):09d}".encode().ljust(108, b"+")).decode()


@dataclass
class Item:
    raw: bytes
    received: datetime
    is_read: bool = False
    kind: str = "Message"
    extended: dict[tuple[str, ...], str] = field(default_factory=dict)
    id: str = field(default_factory=lambda: new_id("item"))
    version: int = 1
    number: int = field(default_factory=lambda: next(_ids))
    beside: tuple[str, ...] = ()  # elements that it was made of beside its MIME
    also_to: tuple[str, ...] = ()  # recipients that stood in such elements

    @property
    def change_key(self) -> str:
        return base64.b64encode(f"CQAAABY{self.version:05d}".encode()).decode()

    @property
    def size(self) -> int:
        """As a mail store counts: neither the bytes of the mail, nor less."""
        return len(self.raw) + 90

    def header(self, name: str) -> str:
        end = re.search(rb"\r?\n\r?\n", self.raw)
        head = self.raw[: end.end()] if end else self.raw
        return str(message_from_bytes(head).get(name, ""))


@dataclass
class Folder:
    id: str
    name: str
    parent: str
    distinguished: str = ""
    folder_class: str = "IPF.Note"
    items: dict[str, Item] = field(default_factory=dict)
    changes: list[tuple[str, str]] = field(default_factory=list)  # (what, item)

    def add(self, item: Item) -> Item:
        self.items[item.id] = item
        self.changes.append(("Create", item.id))
        return item

    def take(self, item_id: str) -> Item:
        self.changes.append(("Delete", item_id))
        return self.items.pop(item_id)

    def since(self, place: int, most: int) -> tuple[list[tuple[str, str]], int, bool]:
        """Changes behind a place, what came and went between left out; the next place; whether that is the end."""
        found: list[tuple[str, str]] = []
        came = {one for what, one in self.changes[place:] if what == "Create"}
        while place < len(self.changes) and len(found) < most:
            what, one = self.changes[place]
            place += 1
            if what == "Delete" and one in came:
                continue
            if what != "Delete" and (one not in self.items or (what, one) in found or ("Create", one) in found):
                continue
            found.append((what, one))
        return found, place, place == len(self.changes)


class Mailbox:
    def __init__(self, address: str) -> None:
        self.address = address
        self.folders: dict[str, Folder] = {}
        self.by_name: dict[str, Folder] = {}
        self._clock = itertools.count()
        for name, (shown, parent) in DISTINGUISHED.items():
            parent_id = self.by_name[parent].id if parent else new_id("none")
            self.by_name[name] = self.make(shown, parent_id, name, _CLASSES.get(name, "IPF.Note"))

    def make(self, name: str, parent: str, distinguished: str = "", folder_class: str = "IPF.Note") -> Folder:
        folder = Folder(new_id("fold"), name, parent, distinguished, folder_class)
        self.folders[folder.id] = folder
        return folder

    def subfolder(self, name: str, under: str = "inbox") -> Folder:
        return self.make(name, self.by_name[under].id)

    def now(self) -> datetime:
        return _BEGINNING + timedelta(seconds=next(self._clock))

    def below(self, parent: str, *, deep: bool) -> Iterator[Folder]:
        for folder in list(self.folders.values()):
            if folder.parent == parent:
                yield folder
                if deep:
                    yield from self.below(folder.id, deep=True)

    def deliver(self, raw: bytes, folder: str = "inbox", kind: str = "Message") -> Item:
        return self.by_name[folder].add(Item(raw, self.now(), kind=kind))


@dataclass(frozen=True)
class Sent:
    """A mail that left: from which mailbox, to whom, as its recipients got it, and what stood beside its MIME."""

    mailbox: str
    recipients: tuple[str, ...]
    raw: bytes
    beside: tuple[str, ...]


class Store:
    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.mailboxes: dict[str, Mailbox] = {}
        self.sent: list[Sent] = []
        self.refused: dict[str, str] = {}  # response code, by a recipient whom a mail cannot be sent to
        self.era = 1  # of sync states: those of an earlier one are not known
        self.newest_first = False  # how a first synchronisation lists

    def mailbox(self, address: str) -> Mailbox:
        try:
            return self.mailboxes[address.lower()]
        except KeyError:
            raise EwsError("ErrorNonExistentMailbox", "The SMTP address has no mailbox associated with it.") from None

    def add(self, address: str) -> Mailbox:
        return self.mailboxes.setdefault(address.lower(), Mailbox(address))

    def state(self, folder: Folder, place: int) -> str:
        return base64.b64encode(f"{self.era};{folder.id};{place}".encode()).decode()

    def place(self, folder: Folder, state: str) -> int:
        try:
            era, folder_id, place = base64.b64decode(state, validate=True).decode().split(";")
        except (ValueError, binascii.Error):
            raise EwsError("ErrorInvalidSyncStateData", "The synchronization state data is corrupt.") from None
        if int(era) != self.era or folder_id != folder.id:
            raise EwsError(
                "ErrorInvalidSyncStateData", "The synchronization state data is corrupt or otherwise invalid."
            )
        return int(place)

    def send(self, mailbox: Mailbox, item: Item) -> None:
        """Deliver to who stands in its headers or beside them; nobody sees who stood in Bcc."""
        fields = [item.header(name) for name in ("To", "Cc", "Bcc")]
        recipients = tuple(dict.fromkeys([*(address for _, address in getaddresses(fields) if address), *item.also_to]))
        for one in recipients:
            if one in self.refused:
                raise EwsError(self.refused[one])
        if not recipients:
            raise EwsError("ErrorInvalidRecipients", "At least one recipient isn't valid.")
        sender = getaddresses([item.header("From")])
        if sender and sender[0][1].lower() != mailbox.address.lower():
            raise EwsError("ErrorSendAsDenied", "The user account which was used to submit this request does not have "
                           "the right to send mail on behalf of the specified sending account.")  # fmt: skip
        raw = _BCC.sub(b"", item.raw, count=1)
        self.sent.append(Sent(mailbox.address, recipients, raw, item.beside))
        for address in recipients:
            if address.lower() in self.mailboxes:
                self.mailboxes[address.lower()].deliver(raw)
