"""What a record of a topic tells the index of mails. Pure: a table of topics, and a function for each.

Every string of a mail is a stranger's: it is cut, and made storable, here.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from schemas.events import REPORTS
from schemas.fetched import open_fetched, record_moment
from schemas.ids import MAIL_ID
from schemas.mail import RejectedMail
from schemas.reasons import Reason
from schemas.topics import (
    CALL_EVENTS,
    MAIL_FETCHED,
    MAIL_REJECTED,
    MAIL_RESOLVED,
    NOTIFICATION_REQUESTED,
    NOTIFICATION_RESULTS,
    TOPICS,
    Topic,
)
from schemas.wire import Record, UndecodableError, decode

DLQ = ".dlq"
REPLAYED, REPLAYED_AT = "dlq-replayed", "dlq-replayed-at"
DISCARDED, DISCARDED_AT = "dlq-discarded", "dlq-discarded-at"
SETTLED_BY, SETTLED_WHY = "dlq-settled-by", "dlq-settled-why"
# Headers of a mail that is sent on once more: by `mailcall replay`, after a release, as a dead letter.
_AGAIN = frozenset(("replayed", "ce_released", REPLAYED))

MAX_SUBJECT = 200  # characters, as a rejection has them
MAX_ADDRESS = 320
MAX_MESSAGE_ID = 400  # times four bytes of UTF-8 it still fits into an index
_MAX_DETAIL = 500
_MAX_HEADERS = 60
_UNFIT = re.compile("[\0\ud800-\udfff]")

# What a call event makes of its mail: the words of the desk's ledger, by the end of the event's name.
_EVENT_ENDS: Mapping[str, str] = {
    "Logged": "call-logged",
    "Updated": "item-updated",
    "Closed": "item-closed",
    "Reopened": "item-reopened",
    "Refused": "action-refused",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One record of a mail's way. `topic` is the short name; `partition` the desk's, `topic_partition` Kafka's."""

    topic: str
    topic_partition: int
    topic_offset: int
    mail_id: str
    at: datetime
    outcome: str
    reason: str | None = None
    detail: str = ""
    reference: str | None = None
    partition: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownMail:
    """What a record says of the mail itself; what it does not say is empty."""

    mail_id: str
    server_id: str
    received: datetime | None
    sender: str = ""
    subject: str = ""
    message_id: str | None = None
    size: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One dead letter. `id` is topic/partition/offset; `mail_id` is empty where it belongs to no mail."""

    id: str
    topic: str
    at: datetime
    reason: str
    mail_id: str
    size: int
    headers: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What was done about a dead letter: `state` is replayed or discarded."""

    id: str
    state: str
    settled_at: datetime
    settled_by: str
    settled_why: str


Fact = Step | KnownMail | Letter | Settled
INDEXED: tuple[Topic, ...] = (
    MAIL_FETCHED,
    MAIL_RESOLVED,
    MAIL_REJECTED,
    CALL_EVENTS,
    NOTIFICATION_REQUESTED,
    NOTIFICATION_RESULTS,
)


TOPICS_WITH_DEAD_LETTERS: tuple[Topic, ...] = tuple(topic for topic in TOPICS if topic.dead_letters)


def indexed_topics(prefix: str) -> dict[str, Topic]:
    """The topics that the index is made from, by their full names: a `.dlq` one stands for the topic it belongs to."""
    return {
        **{topic.name(prefix): topic for topic in INDEXED},
        **{topic.dlq(prefix): topic for topic in TOPICS_WITH_DEAD_LETTERS},
    }


def facts_of(record: Record, topic: Topic) -> tuple[Fact, ...]:
    """What the record tells; nothing where it cannot be decoded (its stage made a dead letter of it), or tells nothing.

    `topic` as `indexed_topics` has it.
    """
    if record.topic.endswith(DLQ):
        return _dead_letter(record, topic)
    try:
        return _OPENERS[topic.short](record)
    except UndecodableError:
        return ()


def fold(text: str) -> str:
    """As words are compared: without regard to case and to how a letter is composed."""
    return unicodedata.normalize("NFKC", text).casefold()


def storable(text: str, most: int) -> str:
    """The text as a database can hold it, cut to so many characters."""
    return _UNFIT.sub("\ufffd", text[:most])


def header_texts(record: Record) -> dict[str, str]:
    """Headers by name in lower case; of several with one name, the last."""
    return {name.lower(): value.decode("utf-8", "replace") for name, value in record.headers if value is not None}


def _step(record: Record, topic: Topic, mail_id: str | None, outcome: str, **more: str | None) -> tuple[Step, ...]:
    if mail_id is None or not MAIL_ID.fullmatch(mail_id):
        return ()
    fit = {name: value if value is None else storable(value, _MAX_DETAIL) for name, value in more.items()}
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


def _dead_letter(record: Record, topic: Topic) -> tuple[Fact, ...]:
    headers = header_texts(record)
    at = record_moment(record.timestamp_ms)
    for id_, when, state in ((REPLAYED, REPLAYED_AT, "replayed"), (DISCARDED, DISCARDED_AT, "discarded")):
        if record.value is None and when in headers and id_ in headers:
            return (
                Settled(
                    id=storable(headers[id_], _MAX_DETAIL),
                    state=state,
                    settled_at=_moment(headers[when]) or at,
                    settled_by=storable(headers.get(SETTLED_BY, ""), _MAX_DETAIL),
                    settled_why=storable(headers.get(SETTLED_WHY, ""), _MAX_DETAIL),
                ),
            )
    return (
        Letter(
            id=f"{topic.short}/{record.partition}/{record.offset}",
            topic=topic.short,
            at=at,
            reason=storable(headers.get("dlq-error-class", ""), 100),
            mail_id=_mail_of(record, topic, headers),
            size=len(record.value or b""),
            headers=_storable_headers(headers),
        ),
    )


def _storable_headers(headers: Mapping[str, str]) -> dict[str, str]:
    some = list(headers.items())[:_MAX_HEADERS]
    return {storable(name, 100): storable(value, _MAX_DETAIL) for name, value in some}


def _mail_of(record: Record, topic: Topic, headers: Mapping[str, str]) -> str:
    """The mail that a dead letter belongs to, as far as it can be told from what cannot be processed."""
    try:
        if topic is MAIL_FETCHED:
            return open_fetched(record).mail_id
        told = decode(topic, record)[1].mail_id if topic in (NOTIFICATION_REQUESTED, NOTIFICATION_RESULTS) else None
    except UndecodableError:
        told = None
    mail_id = told or headers.get("ce_id", "")
    of_a_mail = topic in (MAIL_FETCHED, MAIL_RESOLVED) or told
    return mail_id if of_a_mail and MAIL_ID.fullmatch(mail_id) else ""


def _message_id(text: str | None) -> str | None:
    return None if text is None else storable(text, MAX_MESSAGE_ID)


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else None
