"""Exchange by EWS (requirement R9.2): a message becomes a draft of the mailbox, which is then sent. Not thread-safe.

From Microsoft's reference of the operations CreateItem, SendItem and FindItem:

- A draft is made of MIME, and nothing of the message is stated beside it: what is (Importance, Sensitivity, which
  exchangelib states even where they are not set) would replace what the MIME says.
- The message goes to the recipients in its headers (`exchange_messages.addressed`); the envelope sender is the mailbox,
  so delivery reports arrive there, whatever `bounce_address` says.
- A draft can be sent once. So before a message is sent it is looked for, by a property of ours which goes with it into
  Sent Items: if it is there it was sent, if it is in Drafts it is sent now. A kill in between leaves one message sent.
- Without `save_sent` no copy is kept (SendOnly), so nothing can be looked for: a message whose response is lost, or
  whose sender is killed before it is recorded, is sent again, with the same Message-ID.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from mailserver.errors import MailServerError
from mailserver.exchange.account import ExchangeAccount
from mailserver.exchange.ews_interface import ItemError, ews_client
from outbound.transports.base import RecipientResult
from outbound.transports.exchange_messages import (
    RECIPIENT_CODES,
    addressed,
    given_id,
    own_id,
    refusal,
    service_error,
)
from outbound.transports.exchange_session import ExchangeTransport
from runtime.security.redaction import printable
from schemas.reasons import Reason

if TYPE_CHECKING:
    from mailserver.exchange.ews import EwsClient

_PROPERTY = (
    '<t:ExtendedFieldURI PropertySetId="b4f3d0a2-6c1e-4f0b-9a57-2d8e3c7f1a60" PropertyName="MailcallId" '
    'PropertyType="String"/>'
)
_FOLDERS = ("drafts", "outbox", "sentitems")  # looked at in this order, a message that moves on meanwhile is not missed
_TAKEN = "NoError: the server took the message"
_TAKEN_BEFORE = "NoError: the server took the message before"
_RECIPIENT_CODES = RECIPIENT_CODES | {"ErrorMailRecipientNotFound"}


class EwsTransport(ExchangeTransport["EwsClient"]):
    """See `ExchangeTransport`; it sends by drafts."""

    @property
    def copy(self) -> str:
        if self.server.save_sent:
            return f"a copy is in Sent Items of {self.server.mailbox}"
        return "no copy is kept (save_sent: false)"

    def send(self, sender: str, recipients: Sequence[str], content: bytes) -> dict[str, RecipientResult]:
        """Send one message; the result for each recipient. What was sent before is not sent again.

        Raises `MailServerError` where the server is in trouble. `sender` is not used: it is the mailbox.
        """
        del sender
        client = self._opened()
        try:
            return self._send_to_all(client, recipients, content)
        except MailServerError as error:
            self.close()
            raise self._service_error(error) from error

    def _new_session(self, account: ExchangeAccount) -> EwsClient:
        return ews_client(self.server.id, account)

    def _find_mailbox(self, session: EwsClient) -> None:
        session.distinguished("drafts")

    def _service_error(self, error: MailServerError) -> MailServerError:
        """Throttled where the server asked to come again."""
        return service_error(error, Reason.ACCOUNT_LIMITED if error.reason is Reason.SERVER_DEFERRED else error.reason)

    def _send_to_all(self, client: EwsClient, recipients: Sequence[str], content: bytes) -> dict[str, RecipientResult]:
        """The server takes a message for all or for none, and does not say which recipient it refuses: then each gets
        one alone."""
        own = own_id(content)
        result = self._send_to(client, recipients, content, own)
        if result.reason is not Reason.RECIPIENT_REFUSED or len(recipients) == 1:
            return dict.fromkeys(recipients, result)
        return {one: self._send_to(client, [one], content, f"{own}/{one}") for one in recipients}

    def _send_to(self, client: EwsClient, recipients: Sequence[str], content: bytes, mark: str) -> RecipientResult:
        """The result of a message to just these. `mark`: what it is recognised by when it is sent again."""
        raw = addressed(content, recipients)
        try:
            if self.server.save_sent:
                return self._send_once(client, raw, mark, own_id(content))
            client.send_only(raw)
            return RecipientResult("sent", None, _TAKEN)
        except ItemError as error:
            return _refusal(error)

    def _send_once(self, client: EwsClient, raw: bytes, mark: str, own: str) -> RecipientResult:
        draft, leaving, sent = client.find(_PROPERTY, mark, _FOLDERS)
        if there := sent or leaving:
            return RecipientResult("sent", None, _TAKEN_BEFORE, given_id(there.message_id, own))
        if draft is None:
            beside = f"<t:ExtendedProperty>{_PROPERTY}<t:Value>{escape(mark)}</t:Value></t:ExtendedProperty>"
            draft = client.draft(raw, beside)
        try:
            client.send(draft)
        except ItemError as error:
            if error.is_gone:  # another process was faster, or a person at the mailbox
                _, leaving, sent = client.find(_PROPERTY, mark, _FOLDERS)
                if there := sent or leaving:
                    return RecipientResult("sent", None, _TAKEN_BEFORE, given_id(there.message_id, own))
            else:
                client.remove(draft)
            raise
        return RecipientResult("sent", None, _TAKEN, given_id(_id_of_copy(client, mark), own))


def _id_of_copy(client: EwsClient, mark: str) -> str:
    """The Message-ID that the message really has, "" where it is unknown: it is sent, whatever trouble comes now."""
    try:
        [copy] = client.find(_PROPERTY, mark, ("sentitems",))
    except (MailServerError, ItemError):
        return ""
    return copy.message_id if copy else ""


def _refusal(error: ItemError) -> RecipientResult:
    """What a refusal says of the message. What is not known here may pass."""
    reply = printable(str(error))
    result = refusal(error.code, reply, _RECIPIENT_CODES)
    return result or RecipientResult("deferred", Reason.SERVER_DEFERRED, reply)
