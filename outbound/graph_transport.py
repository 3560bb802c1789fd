"""Microsoft Graph (requirement R9.2): a mail becomes a draft of the mailbox, and the draft is sent. Not thread-safe.

From Microsoft's documents (https://learn.microsoft.com/graph/api: user-post-messages, message-update, message-send):

- A draft is made of MIME, base64, in one request of at most 4 MB. An upload session takes attachments alone, of which
  our mails have none; so what is larger as MIME than `MAX_MAIL_BYTES` cannot be sent.
- The mail goes to the draft's recipients, which are those of its To, Cc and Bcc: there is no envelope beside them. Who
  stands in no header of ours becomes a Bcc of the draft, whom Exchange shows to nobody. Who stands in a header and is
  not to get this mail, which was handed over in parts, is taken out of it.
- The envelope sender is the mailbox: reports of what cannot be delivered, and automatic answers, come there, whatever
  `bounce_address` says.
- Sending is done by whoever is first to send a draft, and a draft can be sent once. So before a mail is handed over
  it is looked for: by a property of ours, which goes with it into Sent Items, and by its Message-ID, for a draft that
  has not been given the property yet.
- A copy is kept in Sent Items always; without `save_sent` it is moved to Deleted Items.
"""

import base64
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from mailserver.errors import MailServerError
from mailserver.exchange.account import ExchangeAccount
from mailserver.exchange.graph import GraphError, GraphSession
from outbound.account_refusals import about_the_account
from outbound.addressed import shown_to
from outbound.message_ids import given_id, own_id
from outbound.transport import OnStep, RecipientResult, tell_nobody
from runtime.logs import get_logger
from schemas.addresses import normalise
from schemas.reasons import Reason
from schemas.settings import OutgoingServer

log = get_logger(__name__)

MAX_REQUEST_BYTES = 4_000_000
MAX_MAIL_BYTES = MAX_REQUEST_BYTES // 4 * 3  # base64 makes four bytes of three
LOOK_BACK = timedelta(days=7)  # a mail is not handed over again later than that; Exchange need not look further
# Seconds to wait, in turn, until the copy of a mail that was taken is there to be asked for its Message-ID.
COPY_AFTER = (0.0, 0.3, 1.0)
PROPERTY = "String {b4f3d0a2-6c1e-4f0b-9a57-2d8e3c7f1a60} Name MailcallId"

_THROTTLED = frozenset({429, 503, 509})
_TROUBLE = frozenset({401, 403, 404, 408, 410, *_THROTTLED})  # statuses that are about no mail
_ACCEPTED = "202 Accepted"
_LOOKED_FOR = "$select=id,isDraft,internetMessageId&$top=10"
# Graph has the words of https://learn.microsoft.com/exchange/client-developer/web-service-reference/responsecode
_RECIPIENTS = frozenset({"ErrorInvalidRecipients", "ErrorMissingRecipients", "ErrorInvalidSmtpAddress"})
_MESSAGE = frozenset(
    {
        "ErrorMessageSizeExceeded", "ErrorMimeContentInvalid", "ErrorMimeContentInvalidBase64String",
        "ErrorMimeContentConversionFailed", "ErrorContentConversionFailed", "ErrorUnsupportedMimeConversion",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Found:
    """A mail of ours in the mailbox: its draft, or the copy of what was sent."""

    id: str
    is_draft: bool
    message_id: str


class GraphTransport:
    """One session for one outgoing server, opened when first needed. `account` is asked at each opening.

    `tell` hears of the steps before `send`. The same methods as `outbound.transport.SmtpTransport`.
    """

    steps = ("connect", "log in", "mailbox", "send")

    def __init__(
        self, server: OutgoingServer, account: Callable[[OutgoingServer], ExchangeAccount], tell: OnStep = tell_nobody
    ) -> None:
        self.server = server
        self._account = account
        self._tell = tell
        self._session: GraphSession | None = None

    @property
    def copy(self) -> str:
        kept = (
            "lies in Sent Items"
            if self.server.save_sent
            else "is moved from Sent Items to Deleted Items (save_sent: false)"
        )
        return f"the copy that Exchange keeps {kept} of {self.server.mailbox}"

    def send(self, sender: str, recipients: Sequence[str], content: bytes) -> dict[str, RecipientResult]:
        """Hand over one mail; the verdict for each recipient. What was handed over before is not sent again.

        Raises `MailServerError` where the service is in trouble. `sender` is not asked for: it is the mailbox.
        """
        del sender
        if len(content) > MAX_MAIL_BYTES:
            words = f"the mail has {len(content)} bytes, and Microsoft Graph takes mails of {MAX_MAIL_BYTES} at most"
            return dict.fromkeys(recipients, RecipientResult("failed", Reason.MESSAGE_REFUSED, words))
        session = self._opened()
        try:
            return dict(self._to_all(session, recipients, content))
        except GraphError as error:
            raise _trouble(error) from error

    def open(self) -> None:
        """Connect, log in and find the mailbox, if that is not done. Raises `MailServerError`."""
        self._opened()

    def close(self) -> None:
        if self._session is not None:
            self._session.close()
            self._session = None

    def quit(self) -> None:
        self.close()

    def abort(self) -> None:
        """Break the session off from another thread: whatever waits on it ends at once."""
        session = self._session
        if session is not None:
            session.interrupt()

    def _opened(self) -> GraphSession:
        if self._session is None:
            account = self._account(self.server)
            session = self._session = GraphSession(self.server.id, account)
            try:
                self._tell("connect", session.connect())
                self._tell("log in", session.log_in())
                session.get("/mailFolders/drafts?$select=id")
                self._tell("mailbox", f"the mailbox {account.mailbox} can be opened")
            except GraphError as error:
                self.close()
                raise _trouble(error) from error
            except MailServerError:
                self.close()
                raise
        return self._session

    def _to_all(
        self, session: GraphSession, recipients: Sequence[str], content: bytes
    ) -> Iterator[tuple[str, RecipientResult]]:
        """Where the service refuses a recipient it takes the mail for none, and does not say whom it means: then each
        gets a mail of their own."""
        verdict = self._handed_over(session, recipients, content)
        if verdict.reason is not Reason.RECIPIENT_REFUSED or len(recipients) == 1:
            yield from ((recipient, verdict) for recipient in recipients)
            return
        for recipient in recipients:
            yield recipient, self._handed_over(session, [recipient], content, alone=True)

    def _handed_over(
        self, session: GraphSession, recipients: Sequence[str], content: bytes, *, alone: bool = False
    ) -> RecipientResult:
        """The verdict on a mail to just these recipients."""
        own = own_id(content)
        shown, hidden = shown_to(content, recipients)
        mark = f"{own}/{normalise(recipients[0])}" if alone else own
        found = _look(session, _by_mark(mark)) or (None if alone else _look(session, _by_message_id(own)))
        draft = ""
        try:
            if found is None or found.is_draft:
                draft = found.id if found else _made(session, shown)
                session.patch(f"/messages/{draft}", _marked(mark, hidden))
                self._send_draft(session, draft, mark)
        except GraphError as error:
            verdict = _verdict(error)
            if verdict is None:
                raise
            if draft and verdict.outcome == "failed":
                _drop(session, draft)
            return verdict
        return RecipientResult("sent", None, _ACCEPTED, self._settled(session, mark, own))

    def _send_draft(self, session: GraphSession, draft: str, mark: str) -> None:
        """Only 202 makes it the service's. Where the answer is lost, or the draft gone, it is looked for once more."""
        try:
            answer = session.ask("POST", f"/messages/{draft}/send", b"")
        except MailServerError as error:
            if isinstance(error, GraphError) and error.status < 500 and error.status != 404:
                raise
            found = _look(session, _by_mark(mark))
            if found is None or found.is_draft:
                raise
            return
        if answer.status != 202:
            text = f"{session.place} answered the sending of a mail with HTTP status {answer.status}, and not with 202"
            raise MailServerError(Reason.SERVER_UNREACHABLE, text, temporary=True)

    def _settled(self, session: GraphSession, mark: str, own: str) -> str:
        """The Message-ID that the mail really has, "" where it is ours or cannot be had; the copy goes if it is to.

        The mail is sent: no trouble that comes now changes that.
        """
        try:
            copy = _copy(session, mark)
            if copy is None:
                return ""
            if not self.server.save_sent:
                _drop(session, copy.id)
            return given_id(copy.message_id, own)
        except MailServerError as error:
            log.warning("a mail was sent, its copy cannot be looked at", server=self.server.id, why=error.text)
            return ""


def _made(session: GraphSession, content: bytes) -> str:
    """Id of a new draft."""
    answer = session.ask("POST", "/messages", base64.b64encode(content), {"Content-Type": "text/plain"})
    return quote(_text(answer.value, "id"), safe="=")


def _marked(mark: str, hidden: Sequence[str]) -> Mapping[str, object]:
    """What the draft is given: the property that it is known by, and its recipients who stand in no header."""
    return {
        "singleValueExtendedProperties": [{"id": PROPERTY, "value": mark}],
        "bccRecipients": [{"emailAddress": {"address": address}} for address in hidden],
    }


def _by_mark(mark: str) -> str:
    since = (datetime.now(UTC) - LOOK_BACK).strftime("%Y-%m-%dT%H:%M:%SZ")
    has = f"singleValueExtendedProperties/any(ep: ep/id eq '{PROPERTY}' and ep/value eq '{_quoted(mark)}')"
    return f"receivedDateTime ge {since} and {has}"


def _by_message_id(own: str) -> str:
    return f"internetMessageId eq '<{_quoted(own)}>'"


def _quoted(text: str) -> str:
    return text.replace("'", "''")


def _look(session: GraphSession, condition: str) -> _Found | None:
    """The mail in any folder; what was sent before what was not."""
    answer = session.get(f"/messages?$filter={quote(condition)}&{_LOOKED_FOR}")
    values = answer.value.get("value")
    found = [_found(one) for one in values if isinstance(one, dict)] if isinstance(values, list) else []
    return min(found, key=lambda one: one.is_draft, default=None)


def _found(value: Mapping[str, Any]) -> _Found:
    id_ = quote(_text(value, "id"), safe="=")
    return _Found(id_, value.get("isDraft") is True, str(value.get("internetMessageId") or ""))


def _text(value: Mapping[str, Any], name: str) -> str:
    """A text that an answer must have."""
    text = value.get(name)
    if not isinstance(text, str) or not text:
        words = f"an answer of Microsoft Graph has no {name}: look what stands between here and the service (a proxy)"
        raise MailServerError(Reason.SERVER_UNREACHABLE, words, temporary=True)
    return text


def _copy(session: GraphSession, mark: str) -> _Found | None:
    """What was sent, once it is there."""
    for seconds in COPY_AFTER:
        time.sleep(seconds)
        found = _look(session, _by_mark(mark))
        if found is not None and not found.is_draft:
            return found
    return None


def _drop(session: GraphSession, id_: str) -> None:
    """Move to Deleted Items, where it is found as well. What is gone already is gone."""
    try:
        session.post(f"/messages/{id_}/move", {"destinationId": "deleteditems"})
    except GraphError as error:
        if error.status != 404:
            raise


def _verdict(error: GraphError) -> RecipientResult | None:
    """What a refusal says of the mail; None where it says something of the service or the log-in.

    What is not known here may pass: a draft that is just being sent, for one, is not to be changed (409).
    """
    reply = f"{error.status} {error.said}"
    if about_the_account(reply):
        return RecipientResult("deferred", Reason.ACCOUNT_LIMITED, reply)
    if error.code in _RECIPIENTS:
        return RecipientResult("failed", Reason.RECIPIENT_REFUSED, reply)
    if error.code in _MESSAGE or error.status == 413:
        return RecipientResult("failed", Reason.MESSAGE_REFUSED, reply)
    if error.status in _TROUBLE or error.status >= 500:
        return None
    return RecipientResult("deferred", Reason.SERVER_DEFERRED, reply)


def _trouble(error: GraphError) -> MailServerError:
    """The trouble of the service as outbound tells it: throttled where it is about the account."""
    limited = error.status in _THROTTLED or error.status == 403
    reason = Reason.ACCOUNT_LIMITED if limited else error.reason
    if reason is Reason.FOLDER_REFUSED:
        reason = Reason.SERVER_UNREACHABLE
    return MailServerError(reason, error.text, temporary=True, after=error.after)
