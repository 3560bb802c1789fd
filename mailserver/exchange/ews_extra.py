"""The client for Exchange Web Services, loaded when a mailbox is first opened by it: it needs an extra."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mailserver.errors import MailServerError
from mailserver.exchange.account import ExchangeAccount
from schemas.reasons import Reason

if TYPE_CHECKING:
    from mailserver.exchange.ews import EwsClient


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
