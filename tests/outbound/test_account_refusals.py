"""What real servers say of an account that may not send now, and what they say of a mail or a recipient."""

from collections.abc import Callable

import pytest

from deploy.local.servers.smtp_sink import SmtpSink
from outbound.account_refusals import SIGNS, about_the_account
from outbound.server_availability import FIRST_HOLD, LIMITED_HOLD
from runtime.processing.outcomes import Ok, Reject, Retry
from schemas.events import NotificationRequested
from schemas.reasons import Reason
from schemas.settings import OutgoingServer
from tests.outbound.desk import Desk, ids, result_of, status_of

MakeRequest = Callable[..., NotificationRequested]
MakeServer = Callable[..., OutgoingServer]
TO = "ursula@example.com"
LIMIT = "550 5.4.5 Daily user sending limit exceeded. See the help"

OF_THE_ACCOUNT = (
    "550 5.4.5 Daily user sending limit exceeded. For more information on Gmail see the help - gsmtp",
    "550 5.4.5 Daily user sending quota exceeded. - gsmtp",
    "550-5.4.5 Daily user sending limit exceeded. 550 5.4.5 See the help",
    "550 5.7.1 Daily SMTP relay limit exceeded for customer. - gsmtp",
    "550 5.7.1 Daily SMTP relay sending quota exceeded. - gsmtp",
    "450 4.2.1 Peak SMTP relay limit exceeded for customer. This is a temporary error.",
    "421 4.7.0 Our system has detected an unusual rate of unsolicited mail originating from your IP address.",
    "550 5.1.8 Access denied, bad outbound sender AS(42004)",
    "550 5.1.90 Your message can't be sent because you've reached your daily limit for message recipients",
    "550 5.2.252 Sender throttled due to continuous send as denied errors.",
    "554 5.2.252 SendAsDenied; it@desk.example not allowed to send as help@desk.example",
    "554 5.2.0 STOREDRV.Submission.Exception:SendAsDeniedException.MapiExceptionSendAsDenied; Failed to process",
    "554 5.2.0 STOREDRV.Submission.Exception:SubmissionQuotaExceededException; Failed to process message",
    "554 5.2.2 mailbox full; STOREDRV.Submission.Exception:QuotaExceededException.MapiExceptionShutoffQuotaExceeded",
    "550 5.7.60 SMTP; Client does not have permissions to send as this sender",
    "550 5.7.705 Access denied, tenant has exceeded threshold",
    "550 5.7.708 Access denied, traffic not accepted from this IP",
    "550 5.7.233 Your message can't be sent because your tenant exceeded its daily limit",
    "432 4.3.2 Concurrent connections limit exceeded. Visit the help for more information",
    "432 4.3.2 STOREDRV.ClientSubmit; sender thread limit exceeded",
    "451 4.7.500 Server busy. Please try again later",
    "454 Throttling failure: Maximum sending rate exceeded",
    "454 Throttling failure: Daily message quota exceeded",
    "554 Message rejected: Sending paused for this account",
    "554 Message rejected: Email address is not verified. The following identities failed the check",
    "550 5.4.6 Unusual sending activity detected. Please try after sometime",
    "554 5.1.8 Email Outgoing Blocked",
    "451 Authentication failed: Maximum credits exceeded",
    "550 The from address does not match a verified Sender Identity. Mail cannot be sent",
    "450 Requested mail action not taken: mailbox unavailable. Mail send limit exceeded.",
    "550 sorry, too many emails (#5.7.1)",
    "451 4.7.1 Ratelimit \"user\" exceeded",
    "550 Domain desk.example has exceeded the max emails per hour (120/100 (120%)) allowed. Message discarded.",
    "553 5.7.1 <it@desk.example>: Sender address rejected: not owned by user help",
    "553 5.7.1 <it@desk.example>: Sender address rejected: not logged in",
    "450 4.7.1 Error: too much mail from 192.0.2.1",
    "450 4.7.1 <ann@example.com>: Recipient address rejected: Policy Rejection- Quota Exceeded.",
    "450 4.7.1 <it@desk.example>: Sender address rejected: sorry, max 2 requests per hour.",
    "550 5.7.1 Message rate limit exceeded, try later",
)  # fmt: skip
OF_THE_MAIL = (
    "550 5.1.1 The email account that you tried to reach does not exist. - gsmtp",
    "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup",
    "552 5.2.2 Mailbox full",
    "452 4.2.2 The email account that you tried to reach is over quota.",
    "552 5.2.2 <ann@example.com>: Recipient address rejected: User over quota",
    "450 4.2.1 The user you are trying to contact is receiving mail too quickly. Please resend later.",
    "432 4.3.2 STOREDRV.Deliver; recipient thread limit exceeded",
    "550 5.2.1 The email account that you tried to reach is disabled.",
    "452 4.5.3 Error: too many recipients",
    "550 5.7.703 Your message can't be delivered because messages to ann@example.com are blocked by your organization",
    "554 5.7.1 Message rejected: it looks like spam",
    "554 5.7.1 <ann@example.com>: Relay access denied",
    "550 5.4.6 Routing loop detected",
    "552 5.3.4 Message size exceeds the limit",
    "550 5.7.1 Message contains 5.4.5 and 5.1.8 as words",
    "450 4.2.0 Greylisted, try again in 5 minutes",
    "451 4.5.1 The recipient has exceeded their message rate limit. Try again later.",
)  # fmt: skip


@pytest.mark.parametrize("reply", OF_THE_ACCOUNT)
def test_a_reply_about_the_account(reply: str) -> None:
    assert about_the_account(reply)


@pytest.mark.parametrize("reply", OF_THE_MAIL)
def test_a_reply_about_the_mail_or_its_recipient(reply: str) -> None:
    assert not about_the_account(reply)


def test_every_sign_can_match() -> None:
    for sign in SIGNS:
        assert sign.status or sign.words
        assert all(word == word.lower() for word in sign.words), "a reply is compared in small letters"
        assert about_the_account(f"550 {sign.status} {' '.join(sign.words)}".upper())


def test_the_mail_waits_and_the_server_is_throttled(
    served: Desk, smtp_sink: SmtpSink, make_request: MakeRequest, make_server: MakeServer
) -> None:
    served.apply(make_server(port=smtp_sink.port, connections=1))
    smtp_sink.replies[TO] = LIMIT
    first, second = served.handle(*(make_request(notification_id=id_, recipient=to) for id_, to in _two()))
    assert isinstance(first, Retry) and first.reason is Reason.ACCOUNT_LIMITED
    assert (result_of(first).outcome, result_of(first).smtp_reply) == ("deferred", LIMIT)
    # the next one does not ask
    assert isinstance(second, Retry) and second.reason is Reason.ACCOUNT_LIMITED
    assert smtp_sink.messages == ()
    status = status_of(first)
    assert (status.state, status.reason) == ("throttled", Reason.ACCOUNT_LIMITED)
    assert LIMIT in str(status.last_error) and "mails_per_minute" in str(status.last_error)
    smtp_sink.replies.clear()
    served.now += FIRST_HOLD
    again = served.handle(*(make_request(notification_id=id_, recipient=to) for id_, to in _two()), attempt=2)
    assert [type(outcome) for outcome in again] == [Ok, Ok]
    assert status_of(again[0]).state == "connected"


def test_another_server_sends_meanwhile(
    served: Desk, smtp_sink: SmtpSink, make_request: MakeRequest, make_server: MakeServer
) -> None:
    smtp_sink.replies[TO] = LIMIT
    with SmtpSink() as other:
        served.apply(make_server(id="other", port=other.port), make_server(port=smtp_sink.port, fallback="other"))
        (first,) = served.handle(make_request())
        assert isinstance(first, Retry) and first.after_seconds == 1.0
        assert isinstance(served.handle(make_request(), attempt=2)[0], Ok)
        assert [mail.recipients for mail in other.messages] == [(TO,)]


def test_it_is_asked_again_after_ever_longer_up_to_an_hour(
    served: Desk, smtp_sink: SmtpSink, make_request: MakeRequest
) -> None:
    """Some blocks last as long as somebody tries."""
    smtp_sink.replies[TO] = LIMIT
    waits = []
    for attempt in range(1, 12):
        served.handle(make_request(), attempt=attempt)
        trouble = served.handler._breakers.open_circuit(served.snapshot.outgoing_server("it-out"), served.now)  # type: ignore[arg-type]
        assert trouble is not None
        waits.append(trouble.until - served.now)
        served.now = trouble.until
    assert waits[:3] == [FIRST_HOLD, 2 * FIRST_HOLD, 4 * FIRST_HOLD]
    assert waits[-1] == LIMITED_HOLD


def test_who_is_refused_beside_it_is_refused(served: Desk, smtp_sink: SmtpSink, make_request: MakeRequest) -> None:
    smtp_sink.replies[TO] = "550 5.1.1 No such user here"
    (outcome,) = served.handle(make_request())
    assert isinstance(outcome, Reject) and outcome.reason is Reason.RECIPIENT_REFUSED
    assert status_of(outcome).state == "connected"


def test_a_log_in_that_is_asked_for_is_the_servers_trouble(
    served: Desk, smtp_sink: SmtpSink, make_request: MakeRequest
) -> None:
    smtp_sink.replies[TO] = "530 5.7.0 Authentication required"
    (outcome,) = served.handle(make_request())
    assert isinstance(outcome, Retry) and outcome.reason is Reason.AUTHENTICATION_REFUSED
    assert status_of(outcome).state == "authentication-refused"


def _two() -> list[tuple[str, str]]:
    return list(zip(ids(2), (TO, "uwe@example.com"), strict=True))
