"""What a message says, as it may be shown: parsed in a child process with limits, its HTML sanitised, and cached.

Everything here is a stranger's. What is handed on is text, sanitised HTML for a frame of its own, and files that are
only ever downloaded.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

from console.audit.quarantine import still_held
from console.errors import UserError
from console.mails.index.records import MailRecords
from console.mails.safe_html import safe_html
from resolver.resolve import Examined
from resolver.sandbox.sandboxed_parser import SandboxedParser
from runtime.blobs import BlobMissingError, BlobStore
from schemas.fetched import FetchedMail, open_fetched
from schemas.mail import Attachment, ParsedMail
from schemas.topics import MAIL_FETCHED
from schemas.wire import UndecodableError

KEPT_BYTES = 16_000_000
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Contents:
    """A mail as it is shown. `html` is safe to stand in a page, None where the mail has none; `size` in bytes."""

    mail: ParsedMail
    html: str | None
    size: int
    cut: bool  # it was over its server's limit: this is its beginning

    @property
    def files(self) -> tuple[Attachment, ...]:
        return self.mail.attachments


class MailContents:
    """The contents of mails of one installation. For many threads; one mail is read at a time."""

    def __init__(self, records: MailRecords, blobs: BlobStore, reader: SandboxedParser | None = None) -> None:
        self._records = records
        self._blobs = blobs
        self._reader = reader or SandboxedParser()
        self._lock = threading.Lock()
        self._kept: _Kept[Contents] = _Kept(KEPT_BYTES)

    def of(self, mail_id: str) -> Contents:
        """Raises `UserError` where the mail is no longer kept, `OutageError`."""
        return self._kept.get(mail_id, lambda: self._made(mail_id))

    def raw(self, mail_id: str) -> bytes:
        """The bytes as they were fetched. Raises `UserError` where the mail is no longer kept, `OutageError`."""
        return self._fetched(mail_id)[1]

    def file(self, mail_id: str, number: int) -> tuple[Attachment, bytes]:
        """A file of the mail, counted from 0. Raises `UserError` where there is none, `OutageError`."""
        examined = self._examined(mail_id, self.raw(mail_id))
        if not 0 <= number < len(examined.files):
            raise UserError("the mail has no such file", "open the mail again")
        found = examined.files[number]
        return found.attachment, found.content

    def close(self) -> None:
        with self._lock:
            self._reader.close()

    def _made(self, mail_id: str) -> tuple[Contents, int]:
        mail, raw = self._fetched(mail_id)
        parsed = self._examined(mail_id, raw).mail
        html = None if parsed.html is None else safe_html([parsed.html])[0]
        size = 2 * len(parsed.text) + 2 * len(html or "") + 10_000
        return Contents(parsed, html, mail.size, mail.truncated is not None), size

    def _examined(self, mail_id: str, raw: bytes) -> Examined:
        with self._lock:
            return self._reader.examine([(mail_id, raw)], frozenset())[0]

    def _fetched(self, mail_id: str) -> tuple[FetchedMail, bytes]:
        for record in reversed(self._records.of(MAIL_FETCHED, [mail_id])):
            try:
                mail = open_fetched(record)
            except UndecodableError:
                continue
            if mail.mail_id == mail_id:
                return mail, self._bytes(mail)
        held = still_held(self._records, mail_id)
        if held is None:
            raise UserError(
                f"message {mail_id} is no longer kept: its topic's retention has deleted it",
                "its outcome is still in the index, and in the item that it went to",
            )
        return held, self._bytes(held)

    def _bytes(self, mail: FetchedMail) -> bytes:
        if not mail.dataref:
            return mail.raw
        try:
            return self._blobs.get(mail.dataref)
        except BlobMissingError as error:
            raise UserError(str(error), "check the blob store's own retention") from None


class _Kept(Generic[T]):
    """The values made last, up to a number of bytes."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._values: OrderedDict[Hashable, tuple[T, int]] = OrderedDict()
        self._size = 0

    def get(self, key: Hashable, make: Callable[[], tuple[T, int]]) -> T:
        """The value of this key; `make` makes it, with its size, where it is not kept."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key][0]
        value, size = make()
        with self._lock:
            if key not in self._values:
                self._values[key] = value, size
                self._size += size
            while self._size > self._most:
                self._size -= self._values.popitem(last=False)[1][1]
        return value
