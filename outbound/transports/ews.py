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

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from mailserver.errors import MailServerError
from mailserver.exchange.account import ExchangeAccount
from mailserver.exchange.ews_interface import ItemError, ews_client
from outbound.transports.base import OnStep, RecipientResult, ignore_step
from outbound.transports.exchange_messages import (
    RECIPIENT_CODES,
    addressed,
    given_id,
    own_id,
    refusal,
    service_error,
)
from runtime.security.redaction import printable
from schemas.reasons import Reason
from schemas.settings import OutgoingServer

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


class EwsTransport:
    """One session for one outgoing server, opened when first needed. `account` is called at each opening.

    `on_step` is called with the steps before `send`. The same methods as `outbound.transports.base.Transport`.
    """

    steps = ("connect", "log in", "mailbox", "send")

    def __init__(
        self,
        server: OutgoingServer,
        account: Callable[[OutgoingServer], ExchangeAccount],
        on_step: OnStep = ignore_step,
    ) -> None:
        self.server = server
        self._account = account
        self._on_step = on_step
        self._client: EwsClient | None = None

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
            raise _service_error(error) from error

    def open(self) -> None:
        """Connect, log in and find the mailbox, if that is not done. Raises `MailServerError`."""
        self._opened()

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    def quit(self) -> None:
        self.close()

    def abort(self) -> None:
        """Break the session off from another thread: whatever waits on it ends at once."""
        client = self._client
        if client is not None:
            client.interrupt()

    def _opened(self) -> EwsClient:
        if self._client is None:
            account = self._account(self.server)
            client = self._client = ews_client(self.server.id, account)
            try:
                self._on_step("connect", client.connect())
                self._on_step("log in", client.log_in())
                client.distinguished("drafts")
                self._on_step("mailbox", f"the mailbox {account.mailbox} can be opened")
            except MailServerError as error:
                self.close()
                raise _service_error(error) from error
        return self._client

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


def _service_error(error: MailServerError) -> MailServerError:
    """Throttled where the server asked to come again."""
    return service_error(error, Reason.ACCOUNT_LIMITED if error.reason is Reason.SERVER_DEFERRED else error.reason)
