"""What a report says happened to one of our notifications, as records of `notification.results`. Pure."""

from datetime import datetime
from typing import Literal

from resolver.outputs import SourceRecord, context_of
from schemas.events import NotificationResult
from schemas.ids import notification_of
from schemas.mail import ParsedMail, Screening, Undelivered
from schemas.reasons import Reason
from schemas.tokens import TokenStatus, TokenVerifier, own_token
from schemas.topics import NOTIFICATION_RESULTS
from schemas.wire import OutputRecord, encode

_OURS: frozenset[TokenStatus] = frozenset(("good", "passed-on", "expired", "unchecked"))


def reported_notification(screening: Screening, mail: ParsedMail, verify_token: TokenVerifier) -> str | None:
    """Id of the notification that a report is about: what the screening found, else what it answers to.

    None where it names no mail of ours, or one that we did not sign. A mail is still ours when its token has expired,
    and whoever reports on it is not whom it was sent to.
    """
    for message_id in (screening.about or "", *mail.in_reply_to, *reversed(mail.references)):
        token = own_token(message_id)
        if token and verify_token(token, ()) in _OURS:
            return notification_of(message_id)
    return None


def notification_results(
    origin: SourceRecord, notification_id: str, screening: Screening, now: datetime
) -> tuple[OutputRecord, ...]:
    """`notification.results` records: what a report says became of one of our own notifications, for each recipient
    who does not have it; else one for the report as a whole."""
    of_each = screening.bounce.undelivered if screening.bounce else ()
    return tuple(
        _notification_result(origin, notification_id, screening, one, index, now)
        for index, one in enumerate(of_each or (None,))
    )


def _notification_result(
    origin: SourceRecord, notification_id: str, screening: Screening, one: Undelivered | None, index: int, now: datetime
) -> OutputRecord:
    """The first record has the mail's id, the next ones that id and their number: each is known again."""
    result = NotificationResult(
        notification_id=notification_id,
        outcome=_outcome(screening.reason, one),
        recipient=one.recipient if one else "",
        reason=screening.reason,
        smtp_reply=one.status if one else "",
        trouble=one.trouble if one else None,
        message_id=screening.about,
        mail_id=origin.fetched.mail_id,
        at=now,
    )
    context = context_of(origin, now)
    if index:
        context["id"] = f"{origin.fetched.mail_id}/{index}"
    return encode(NOTIFICATION_RESULTS, notification_id, result, **context)


def _outcome(reason: Reason | None, one: Undelivered | None) -> Literal["sent", "deferred", "bounced"]:
    """A read receipt says that the notification has arrived; a complaint is final."""
    if reason is Reason.RECEIPT:
        return "sent"
    return "bounced" if one is None or one.final else "deferred"
