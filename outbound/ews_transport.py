"""Exchange by EWS (requirement R9.2): a mail becomes a draft of the mailbox, and the draft is sent. Not thread-safe.

From Microsoft's reference of the operations CreateItem, SendItem and FindItem:

- A draft is made of MIME, and nothing of the mail stands beside it: what does (Importance, Sensitivity, which
  exchangelib states even where they are not set) would take the place of what the MIME says.
- The mail goes to the recipients in its headers (`outbound.addressed`); the envelope sender is the mailbox, so reports
  of what cannot be delivered come there, whatever `bounce_address` says.
- A draft can be sent once. So before a mail is handed over it is looked for, by a property of ours which goes with it
  into Sent Items: what is there was sent, what lies in Drafts is sent now. Whoever is killed in between sends one mail.
- Without `save_sent` no copy is kept (SendOnly), so nothing can be looked for: a mail whose answer is lost on its way,
  or whose sender is killed before it is noted down, is sent again, with the same Message-ID.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from mailserver.errors import MailServerError
from mailserver.exchange.account import ExchangeAccount
from mailserver.exchange.ews_extra import ews_client
from mailserver.exchange.ews_items import ItemError
from outbound.account_refusals import about_the_account
from outbound.addressed import addressed
from outbound.message_ids import given_id, own_id
from outbound.transport import OnStep, RecipientResult
from runtime.foreign_words import words
from schemas.reasons import Reason
from schemas.settings import OutgoingServer

if TYPE_CHECKING:
    from mailserver.exchange.ews import EwsClient

_PROPERTY = (
    '<t:ExtendedFieldURI PropertySetId="b4f3d0a2-6c1e-4f0b-9a57-2d8e3c7f1a60" PropertyName="MailcallId" '
    'PropertyType="String"/>'
)
_WAY = ("drafts", "outbox", "sentitems")  # looked at in this order a mail that moves on meanwhile is not missed
_TOOK = "NoError: the server took the mail"
_TOOK_BEFORE = "NoError: the server took the mail before"
# https://learn.microsoft.com/exchange/client-developer/web-service-reference/responsecode
_RECIPIENTS = frozenset(
    {"ErrorInvalidRecipients", "ErrorMissingRecipients", "ErrorInvalidSmtpAddress", "ErrorMailRecipientNotFound"}
)
_MESSAGE = frozenset(
    {
        "ErrorMessageSizeExceeded", "ErrorMimeContentInvalid", "ErrorMimeContentInvalidBase64String",
        "ErrorMimeContentConversionFailed", "ErrorContentConversionFailed", "ErrorUnsupportedMimeConversion",
    }
)  # fmt: skip


class EwsTransport:
    """One session for one outgoing server, opened when first needed. `account` is asked at each opening.

    `tell` hears of the steps before `send`. The same methods as `outbound.transport.SmtpTransport`.
    """

    steps = ("connect", "log in", "mailbox", "send")

    def __init__(
        self,
        server: OutgoingServer,
        account: Callable[[OutgoingServer], ExchangeAccount],
        tell: OnStep = lambda _step, _status: None,
    ) -> None:
        self.server = server
        self._account = account
        self._tell = tell
        self._client: EwsClient | None = None

    @property
    def copy(self) -> str:
        if self.server.save_sent:
            return f"a copy lies in Sent Items of {self.server.mailbox}"
        return "no copy is kept (save_sent: false)"

    def send(self, sender: str, recipients: Sequence[str], content: bytes) -> dict[str, RecipientResult]:
        """Hand over one mail; the verdict for each recipient. What was handed over before is not sent again.

        Raises `MailServerError` where the server is in trouble. `sender` is not asked for: it is the mailbox.
        """
        del sender
        client = self._opened()
        try:
            return self._to_all(client, recipients, content)
        except MailServerError as error:
            self.close()
            raise _trouble(error) from error

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
                self._tell("connect", client.connect())
                self._tell("log in", client.log_in())
                client.distinguished("drafts")
                self._tell("mailbox", f"the mailbox {account.mailbox} can be opened")
            except MailServerError as error:
                self.close()
                raise _trouble(error) from error
        return self._client

    def _to_all(self, client: EwsClient, recipients: Sequence[str], content: bytes) -> dict[str, RecipientResult]:
        """The server takes a mail for all or for none, and does not say whom it refuses: then each gets one alone."""
        own = own_id(content)
        verdict = self._handed_over(client, recipients, content, own)
        if verdict.reason is not Reason.RECIPIENT_REFUSED or len(recipients) == 1:
            return dict.fromkeys(recipients, verdict)
        return {one: self._handed_over(client, [one], content, f"{own}/{one}") for one in recipients}

    def _handed_over(self, client: EwsClient, recipients: Sequence[str], content: bytes, mark: str) -> RecipientResult:
        """The verdict on a mail to just these. `mark`: what it is known by, when it is handed over again."""
        raw = addressed(content, recipients)
        try:
            if self.server.save_sent:
                return self._sent_once(client, raw, mark, own_id(content))
            client.send_only(raw)
            return RecipientResult("sent", None, _TOOK)
        except ItemError as error:
            return _verdict(error)

    def _sent_once(self, client: EwsClient, raw: bytes, mark: str, own: str) -> RecipientResult:
        draft, leaving, sent = client.find(_PROPERTY, mark, _WAY)
        if there := sent or leaving:
            return RecipientResult("sent", None, _TOOK_BEFORE, given_id(there.message_id, own))
        if draft is None:
            beside = f"<t:ExtendedProperty>{_PROPERTY}<t:Value>{escape(mark)}</t:Value></t:ExtendedProperty>"
            draft = client.draft(raw, beside)
        try:
            client.send(draft)
        except ItemError as error:
            if error.is_gone:  # another process was faster, or a person at the mailbox
                _, leaving, sent = client.find(_PROPERTY, mark, _WAY)
                if there := sent or leaving:
                    return RecipientResult("sent", None, _TOOK_BEFORE, given_id(there.message_id, own))
            else:
                client.remove(draft)
            raise
        return RecipientResult("sent", None, _TOOK, given_id(_id_of_copy(client, mark), own))


def _id_of_copy(client: EwsClient, mark: str) -> str:
    """The Message-ID that the mail really has, "" where it cannot be had: it is sent, whatever trouble comes now."""
    try:
        [copy] = client.find(_PROPERTY, mark, ("sentitems",))
    except (MailServerError, ItemError):
        return ""
    return copy.message_id if copy else ""


def _verdict(error: ItemError) -> RecipientResult:
    """What a refusal says of the mail. What is not known here may pass."""
    reply = words(str(error))
    if about_the_account(reply):
        return RecipientResult("deferred", Reason.ACCOUNT_LIMITED, reply)
    if error.code in _RECIPIENTS:
        return RecipientResult("failed", Reason.RECIPIENT_REFUSED, reply)
    if error.code in _MESSAGE:
        return RecipientResult("failed", Reason.MESSAGE_REFUSED, reply)
    return RecipientResult("deferred", Reason.SERVER_DEFERRED, reply)


def _trouble(error: MailServerError) -> MailServerError:
    """As outbound tells it: whatever it is, the mails wait; a folder is none of its words."""
    reason = Reason.ACCOUNT_LIMITED if error.reason is Reason.SERVER_DEFERRED else error.reason
    if reason is Reason.FOLDER_REFUSED:
        reason = Reason.SERVER_UNREACHABLE
    return MailServerError(reason, error.text, temporary=True, after=error.after)
