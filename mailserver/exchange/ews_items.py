"""Folders and items of a mailbox as Exchange Web Services tell of them. Pure."""

from dataclasses import dataclass
from datetime import datetime

GONE = frozenset({"ErrorItemNotFound", "ErrorMessageNotFound", "ErrorObjectNotFound"})


@dataclass(frozen=True, slots=True)
class FolderFound:
    """A folder, and how many items lie in it."""

    id: str
    total: int


@dataclass(frozen=True, slots=True)
class Listed:
    """An item as a list has it. `size`: as the mail store counts, not the bytes of the mail."""

    id: str
    change_key: str
    size: int
    received: datetime | None
    subject: str = ""
    message_id: str = ""


@dataclass(frozen=True, slots=True)
class Changes:
    """One answer of SyncFolderItems: what came, the state behind it, and whether that is all."""

    came: tuple[Listed, ...]
    state: str
    is_last: bool


class ItemError(Exception):
    """What the server refused of what it was asked for. `code`: its response code; `text`: its words.

    `after`: seconds that it wants to be left alone for.
    """

    def __init__(self, code: str, text: str, after: float = 0.0) -> None:
        super().__init__(f"{code}: {text}")
        self.code, self.text, self.after = code, text, after

    @property
    def is_gone(self) -> bool:
        return self.code in GONE
