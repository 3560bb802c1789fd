"""Exchange Web Services as their callers see them: folders, items, errors; and the client, which needs an extra.

The client is loaded when a mailbox is first opened by it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from mailserver.errors import MailServerError
from mailserver.exchange.account import ExchangeAccount
from schemas.reasons import Reason

if TYPE_CHECKING:
    from mailserver.exchange.ews import EwsClient

GONE = frozenset({"ErrorItemNotFound", "ErrorMessageNotFound", "ErrorObjectNotFound"})


@dataclass(frozen=True, slots=True)
class FolderFound:
    """A folder, and how many items are in it."""

    id: str
    total: int


@dataclass(frozen=True, slots=True)
class Listed:
    """An item as a list has it. `size`: as the mail store counts, not the bytes of the message."""

    id: str
    change_key: str
    size: int
    received: datetime | None
    subject: str = ""
    message_id: str = ""


@dataclass(frozen=True, slots=True)
class Changes:
    """One response of SyncFolderItems: what came, the state after it, and whether that is all."""

    came: tuple[Listed, ...]
    state: str
    is_last: bool


class ItemError(Exception):
    """The server refused one item. `code`: its response code; `text`: its words.

    `after`: seconds that it asks to be left alone for.
    """

    def __init__(self, code: str, text: str, after: float = 0.0) -> None:
        super().__init__(f"{code}: {text}")
        self.code, self.text, self.after = code, text, after

    @property
    def is_gone(self) -> bool:
        return self.code in GONE


def ews_client(server_id: str, account: ExchangeAccount) -> EwsClient:
    """A client that has not connected yet. Raises `MailServerError`."""
    try:
        from mailserver.exchange.ews import EwsClient
    except ModuleNotFoundError as error:
        text = (
            f"{server_id} ({account.mailbox}): transport ews needs {error.name}, which is not installed here. Install "
            "the extra `ews` (pip install mailcall[ews])"
        )
        raise MailServerError(Reason.SERVER_UNREACHABLE, text, temporary=False) from error
    return EwsClient(server_id, account)
