"""Microsoft Graph (requirement R9.2): a message becomes a draft of the mailbox, and the draft is sent. Not thread-safe.

From Microsoft's documents (https://learn.microsoft.com/graph/api: user-post-messages, message-update, message-send):

- A draft is made of MIME, base64, in one request of at most 4 MB. An upload session takes attachments alone, of which
  our messages have none; so a message that is larger as MIME than `MAX_MESSAGE_BYTES` cannot be sent.
- The message goes to the draft's recipients, which are those of its To, Cc and Bcc: there is no envelope beside them. A
  recipient that no header of ours names becomes a Bcc of the draft, which Exchange shows to nobody. One that a header
  names and that is not to get this message, which was sent in parts, is taken out of it.
- The envelope sender is the mailbox: delivery reports and auto-replies arrive there, whatever `bounce_address` says.
- A draft can be sent once, by whichever process is first to send it. So before a message is sent it is looked for: by a
  property of ours, which goes with it into Sent Items, and by its Message-ID, for a draft that has not been given the
  property yet.
- A copy is always kept in Sent Items; without `save_sent` it is moved to Deleted Items.
"""

from collections.abc import Iterator, Sequence

from mailserver.errors import MailServerError
from mailserver.exchange.account import ExchangeAccount
from mailserver.exchange.graph import GraphSession
from mailserver.exchange.graph_responses import GraphError
from outbound.transports.base import RecipientResult
from outbound.transports.exchange_messages import given_id, own_id, refusal, service_error, split_recipients
from outbound.transports.exchange_session import ExchangeTransport
from outbound.transports.graph_drafts import (
    create_draft,
    find_by_mark,
    find_by_message_id,
    find_copy,
    mark_draft,
    move_to_deleted,
)
from runtime.telemetry.logs import get_logger
from schemas.addresses import normalise
from schemas.reasons import Reason

log = get_logger(__name__)

MAX_REQUEST_BYTES = 4_000_000
MAX_MESSAGE_BYTES = MAX_REQUEST_BYTES // 4 * 3  # base64 makes four bytes of three

_THROTTLED = frozenset({429, 503, 509})
_SERVICE_ERRORS = frozenset({401, 403, 404, 408, 410, *_THROTTLED})  # statuses that are about no message
_ACCEPTED = "202 Accepted"


class GraphTransport(ExchangeTransport[GraphSession]):
    """See `ExchangeTransport`; it sends by drafts."""

    @property
    def copy(self) -> str:
        where = (
            "is in Sent Items"
            if self.server.save_sent
            else "is moved from Sent Items to Deleted Items (save_sent: false)"
        )
        return f"the copy that Exchange keeps {where} of {self.server.mailbox}"

    def send(self, sender: str, recipients: Sequence[str], content: bytes) -> dict[str, RecipientResult]:
        """Send one message; the result for each recipient. What was sent before is not sent again.

        Raises `MailServerError` where the service is in trouble. `sender` is not used: it is the mailbox.
        """
        del sender
        if len(content) > MAX_MESSAGE_BYTES:
            text = f"the message has {len(content)} bytes, and Microsoft Graph takes {MAX_MESSAGE_BYTES} at most"
            return dict.fromkeys(recipients, RecipientResult("failed", Reason.MESSAGE_REFUSED, text))
        session = self._opened()
        try:
            return dict(self._send_to_all(session, recipients, content))
        except GraphError as error:
            raise self._service_error(error) from error

    def _new_session(self, account: ExchangeAccount) -> GraphSession:
        return GraphSession(self.server.id, account)

    def _find_mailbox(self, session: GraphSession) -> None:
        session.get("/mailFolders/drafts?$select=id")

    def _service_error(self, error: MailServerError) -> MailServerError:
        """Throttled where it is about the account; another error than Graph's says nothing of that."""
        if not isinstance(error, GraphError):
            return error
        limited = error.status in _THROTTLED or error.status == 403
        return service_error(error, Reason.ACCOUNT_LIMITED if limited else error.reason)

    def _send_to_all(
        self, session: GraphSession, recipients: Sequence[str], content: bytes
    ) -> Iterator[tuple[str, RecipientResult]]:
        """If the service refuses a recipient it takes the message for none, and does not say which one it means: then
        each gets a message of their own."""
        result = self._send_once(session, recipients, content)
        if result.reason is not Reason.RECIPIENT_REFUSED or len(recipients) == 1:
            yield from ((recipient, result) for recipient in recipients)
            return
        for recipient in recipients:
            yield recipient, self._send_once(session, [recipient], content, alone=True)

    def _send_once(
        self, session: GraphSession, recipients: Sequence[str], content: bytes, *, alone: bool = False
    ) -> RecipientResult:
        """The result of a message to just these recipients."""
        own = own_id(content)
        shown, hidden = split_recipients(content, recipients)
        mark = f"{own}/{normalise(recipients[0])}" if alone else own
        earlier = find_by_mark(session, mark) or (None if alone else find_by_message_id(session, own))
        draft = ""
        try:
            if earlier is None or earlier.is_draft:
                draft = earlier.id if earlier else create_draft(session, shown)
                mark_draft(session, draft, mark, hidden)
                self._send_draft(session, draft, mark)
        except GraphError as error:
            result = _refusal(error)
            if result is None:
                raise
            if draft and result.outcome == "failed":
                move_to_deleted(session, draft)
            return result
        return RecipientResult("sent", None, _ACCEPTED, self._handle_copy(session, mark, own))

    def _send_draft(self, session: GraphSession, draft: str, mark: str) -> None:
        """Only 202 makes it the service's. If the response is lost, or the draft gone, it is looked for once more."""
        try:
            response = session.ask("POST", f"/messages/{draft}/send", b"")
        except MailServerError as error:
            if isinstance(error, GraphError) and error.status < 500 and error.status != 404:
                raise
            message = find_by_mark(session, mark)
            if message is None or message.is_draft:
                raise
            return
        if response.status != 202:
            text = f"{session.label} responded to the sending of a message with HTTP status {response.status}, not 202"
            raise MailServerError(Reason.SERVER_UNREACHABLE, text, temporary=True)

    def _handle_copy(self, session: GraphSession, mark: str, own: str) -> str:
        """The Message-ID that the message really has, "" if it is ours or unknown; the copy goes if it is to.

        The message is sent: no trouble that comes now changes that.
        """
        try:
            copy = find_copy(session, mark)
            if copy is None:
                return ""
            if not self.server.save_sent:
                move_to_deleted(session, copy.id)
            return given_id(copy.message_id, own)
        except MailServerError as error:
            log.warning("message sent, but its copy cannot be read", server=self.server.id, why=error.text)
            return ""


def _refusal(error: GraphError) -> RecipientResult | None:
    """What a refusal says of the message; None where it says something of the service or the login.

    What is not known here may pass: a draft that is just being sent, for one, is not to be changed (409).
    """
    reply = f"{error.status} {error.said}"
    result = refusal(error.code, reply)
    if result is not None:
        return result
    if error.status == 413:
        return RecipientResult("failed", Reason.MESSAGE_REFUSED, reply)
    if error.status in _SERVICE_ERRORS or error.status >= 500:
        return None
    return RecipientResult("deferred", Reason.SERVER_DEFERRED, reply)
