"""What a record of a topic tells the index of mails. Pure: a table of topics, and a function for each."""

from collections.abc import Callable, Mapping

from console.mails.index.facts import (
    DLQ,
    MAX_ADDRESS,
    MAX_DETAIL,
    MAX_MESSAGE_ID,
    MAX_SUBJECT,
    Fact,
    KnownMail,
    Step,
    header_texts,
    storable,
)
from console.mails.index.letter_facts import REPLAYED, facts_of_dead_letter
from schemas.events import REPORTS
from schemas.fetched import open_fetched, record_moment
from schemas.ids import MAIL_ID
from schemas.reasons import Reason
from schemas.resolved_mail import RejectedMail
from schemas.topics import (
    CALL_EVENTS,
    MAIL_FETCHED,
    MAIL_REJECTED,
    MAIL_RESOLVED,
    NOTIFICATION_REQUESTED,
    NOTIFICATION_RESULTS,
    Topic,
)
from schemas.wire import Record, UndecodableError, decode

# Headers of a mail that is sent on once more: by `mailcall replay`, after a release, as a dead letter.
_AGAIN = frozenset(("replayed", "ce_released", REPLAYED))

# What a call event makes of its mail: the words of the desk's ledger, by the end of the event's name.
_EVENT_ENDS: Mapping[str, str] = {
    "Logged": "call-logged",
    "Updated": "item-updated",
    "Closed": "item-closed",
    "Reopened": "item-reopened",
    "Refused": "action-refused",
}


def facts_of(record: Record, topic: Topic) -> tuple[Fact, ...]:
    """What the record tells; nothing where it cannot be decoded (its stage made a dead letter of it), or tells nothing.

    `topic` as `indexed_topics` has it.
    """
    if record.topic.endswith(DLQ):
        return facts_of_dead_letter(record, topic)
    try:
        return _OPENERS[topic.short](record)
    except UndecodableError:
        return ()


def _step(record: Record, topic: Topic, mail_id: str | None, outcome: str, **more: str | None) -> tuple[Step, ...]:
    if mail_id is None or not MAIL_ID.fullmatch(mail_id):
        return ()
    fit = {name: value if value is None else storable(value, MAX_DETAIL) for name, value in more.items()}
    return (
        Step(
            topic=topic.short,
            topic_partition=record.partition,
            topic_offset=record.offset,
            mail_id=mail_id,
            at=record_moment(record.timestamp_ms),
            outcome=outcome,
            **fit,  # type: ignore[arg-type]
        ),
    )


def _fetched(record: Record) -> tuple[Fact, ...]:
    mail = open_fetched(record)
    again = not _AGAIN.isdisjoint(header_texts(record))
    detail = f"released by {mail.released}" if mail.released else mail.mailbox
    known = KnownMail(
        mail_id=mail.mail_id,
        server_id=mail.server_id,
        received=mail.received,
        sender=storable((record.key or b"").decode("utf-8", "replace"), MAX_ADDRESS),
        size=mail.size,
    )
    return (known, *_step(record, MAIL_FETCHED, mail.mail_id, "fetched-again" if again else "fetched", detail=detail))


def _resolved(record: Record) -> tuple[Fact, ...]:
    mail = decode(MAIL_RESOLVED, record)[1]
    step = _step(record, MAIL_RESOLVED, mail.mail_id, "resolved", detail=mail.sender.reason)
    known = KnownMail(
        mail_id=mail.mail_id,
        server_id=mail.server_id,
        received=mail.received if mail.received.tzinfo else None,
        sender=storable(mail.sender.address, MAX_ADDRESS),
        subject=storable(mail.subject, MAX_SUBJECT),
        message_id=_message_id(mail.message_id),
        size=mail.size,
    )
    return (known, *step) if step else ()


def _rejected(record: Record) -> tuple[Fact, ...]:
    mail = decode(MAIL_REJECTED, record)[1]
    outcome, detail = _rejection(mail)
    step = _step(record, MAIL_REJECTED, mail.mail_id, outcome, reason=str(mail.reason), detail=detail)
    known = KnownMail(
        mail_id=mail.mail_id,
        server_id=mail.server_id,
        received=mail.received if mail.received and mail.received.tzinfo else None,
        sender=storable(mail.sender, MAX_ADDRESS),
        subject=storable(mail.subject, MAX_SUBJECT),
        message_id=_message_id(mail.message_id),
    )
    return (known, *step) if step else ()


def _rejection(mail: RejectedMail) -> tuple[str, str]:
    for outcome, who in (("released", mail.released), ("discarded", mail.discarded)):
        if who:
            return outcome, f"by {who}: {mail.note}" if mail.note else f"by {who}"
    return ("quarantined" if mail.reason is Reason.QUARANTINE else "rejected"), mail.evidence


def _event(record: Record) -> tuple[Fact, ...]:
    event = decode(CALL_EVENTS, record)[1]
    outcome = next((end for name, end in _EVENT_ENDS.items() if event.event.endswith(name)), "watchers-changed")
    return _step(
        record,
        CALL_EVENTS,
        event.mail_id,
        outcome,
        reason=getattr(event, "reason", None),
        detail=event.event,
        reference=event.reference,
        partition=event.partition,
    )


def _notification(record: Record) -> tuple[Fact, ...]:
    asked = decode(NOTIFICATION_REQUESTED, record)[1]
    detail = f"{asked.event} to {asked.recipient}"
    return _step(record, NOTIFICATION_REQUESTED, asked.mail_id, "notified", detail=detail, reference=asked.reference)


def _result(record: Record) -> tuple[Fact, ...]:
    context, result = decode(NOTIFICATION_RESULTS, record)
    reason = None if result.reason is None else str(result.reason)
    if context.source == REPORTS:
        detail = f"{result.outcome} for {result.recipient}"
        return _step(record, NOTIFICATION_RESULTS, context.id, "notification-result", reason=reason, detail=detail)
    detail = f"{result.recipient}: {result.smtp_reply}" if result.smtp_reply else result.recipient
    return _step(
        record,
        NOTIFICATION_RESULTS,
        result.mail_id,
        result.outcome,
        reason=reason,
        detail=detail,
        reference=result.reference,
    )


_OPENERS: Mapping[str, Callable[[Record], tuple[Fact, ...]]] = {
    MAIL_FETCHED.short: _fetched,
    MAIL_RESOLVED.short: _resolved,
    MAIL_REJECTED.short: _rejected,
    CALL_EVENTS.short: _event,
    NOTIFICATION_REQUESTED.short: _notification,
    NOTIFICATION_RESULTS.short: _result,
}


def _message_id(text: str | None) -> str | None:
    return None if text is None else storable(text, MAX_MESSAGE_ID)
