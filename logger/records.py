"""The records of a batch taken apart, and what is published put together. Pure."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from logger.aliases import is_renamed
from logger.decide import Intent
from logger.events import call_event
from logger.floods import Flood
from logger.reports import ENTRIES, is_hard
from runtime.outcomes import Dead
from schemas import ids
from schemas.desk_commands import DeskCommand
from schemas.events import OUTCOME, RENAMED, REPORTS, ItemEvent, NotificationRequested, NotificationResult
from schemas.keyed import decode_keyed, key_of
from schemas.mail import REJECTED_SUBJECT, RejectedMail, ResolvedMail
from schemas.persons import Person
from schemas.reasons import Reason
from schemas.topics import (
    CALL_EVENTS,
    DESK_REQUESTED,
    MAIL_REJECTED,
    MAIL_RESOLVED,
    NOTIFICATION_REQUESTED,
    NOTIFICATION_RESULTS,
    PERSONS,
    Topic,
)
from schemas.wire import EventAttributes, OutputRecord, Record, UndecodableError, decode, encode

SOURCE = "/mailcall/logger"
# Headers of the results that are read, beside those of reports.
_NEWS_OF_SENDING = frozenset({(f"ce_{OUTCOME}", b"failed"), (f"ce_{RENAMED}", b"true")})
_TRACEPARENT = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


@dataclass(frozen=True, slots=True)
class PersonChange:
    """What the `persons` topic says of one person.

    `person` is None where it was deleted; `echo` where the record is one of the logger's own.
    """

    id: str
    person: Person | None
    echo: bool


@dataclass(frozen=True, slots=True)
class Mail:
    mail: ResolvedMail
    traceparent: str


@dataclass(frozen=True, slots=True)
class Asked:
    """What another system asks for."""

    request: DeskCommand
    traceparent: str


# None: the record does not concern the desk.
Opened = Mail | PersonChange | Asked | NotificationResult | Dead | None


def open_record(record: Record, topic: Topic) -> Opened:
    try:
        return _OPENERS[topic.short](record)
    except UndecodableError as error:
        return Dead(error.reason, str(error))


def _mail(record: Record) -> Mail | Dead:
    context, mail = decode(MAIL_RESOLVED, record)
    if not ids.MAIL_ID.fullmatch(mail.mail_id):
        return Dead(Reason.WRONG_SCHEMA, "mail_id: is not 32 hexadecimal digits")
    if mail.received.tzinfo is None:
        return Dead(Reason.WRONG_SCHEMA, "received: has no offset from UTC")
    return Mail(mail, _trace(context, mail.mail_id))


def _asked(record: Record) -> Asked:
    context, request = decode(DESK_REQUESTED, record)
    return Asked(request, _trace(context, ids.event_id(request.request_id, "request")))


def _trace(context: EventAttributes, cause_id: str) -> str:
    given = context.traceparent
    return given if _TRACEPARENT.fullmatch(given) else ids.traceparent(cause_id)


def _person_change(record: Record) -> PersonChange | Dead:
    if record.value is not None:
        context, person = decode_keyed(PERSONS, record)
        return PersonChange(person.id, person, context.source == SOURCE)
    if not record.key:
        return Dead(Reason.NULL_VALUE, "a record without key and value deletes nobody")
    return PersonChange(key_of(record), None, False)


def _report(record: Record) -> NotificationResult | Dead | None:
    """Reports that came by mail, attempts that failed, and mails that were sent under another Message-ID than ours.

    Most records tell of mails sent: passed over unread.
    """
    by_mail = ("ce_source", REPORTS.encode()) in record.headers
    if not by_mail and _NEWS_OF_SENDING.isdisjoint(record.headers):
        return None
    result: NotificationResult = decode(NOTIFICATION_RESULTS, record)[1]
    if not by_mail:
        return result if is_hard(result) or is_renamed(result) else None
    if (result.outcome, result.reason) not in ENTRIES:
        return None
    return result if result.mail_id else Dead(Reason.WRONG_SCHEMA, "mail_id: is missing in a report by mail")


_OPENERS: Mapping[str, Callable[[Record], Opened]] = {
    MAIL_RESOLVED.short: _mail,
    PERSONS.short: _person_change,
    DESK_REQUESTED.short: _asked,
    NOTIFICATION_RESULTS.short: _report,
}


def person_messages(persons: Iterable[Person], now: datetime) -> Iterator[OutputRecord]:
    """Persons made or changed by mail, for the CMDB."""
    for person in persons:
        event = ids.event_id(person.id, f"version {person.version}")
        yield encode(PERSONS, person.id, person, id=event, source=SOURCE, time=now)


def mail_messages(
    intents: Sequence[Intent],
    told: Mapping[str, Sequence[NotificationRequested]],
    traceparents: Mapping[str, str],
    now: datetime,
) -> Iterator[OutputRecord]:
    """Of each mail its call event, then its notifications. Both mappings by mail id."""
    for intent in intents:
        mail_id = intent.mail.mail_id
        yield from told_of(call_event(intent, now), mail_id, told[mail_id], traceparents[mail_id], now)


def told_of(
    event: ItemEvent, cause: str, told: Sequence[NotificationRequested], traceparent: str, now: datetime
) -> Iterator[OutputRecord]:
    """The event, then the notifications of it. `cause`: what the event's id is derived from."""
    event_id = ids.event_id(cause, type(event).__name__)
    yield encode(CALL_EVENTS, event.reference, event, id=event_id, source=SOURCE, time=now, traceparent=traceparent)
    for one in told:
        yield encode(
            NOTIFICATION_REQUESTED,
            one.recipient,
            one,
            id=one.notification_id,
            source=SOURCE,
            time=now,
            traceparent=traceparent,
        )


def rejected_messages(
    floods: Iterable[Flood], traceparents: Mapping[str, str], now: datetime
) -> Iterator[OutputRecord]:
    for one in floods:
        mail = one.mail
        rejected = RejectedMail(
            mail_id=mail.mail_id,
            server_id=mail.server_id,
            reason=Reason.FLOOD,
            evidence=one.evidence,
            message_id=mail.message_id,
            sender=mail.sender.address,
            subject=mail.subject[:REJECTED_SUBJECT],
            received=mail.received,
        )
        yield encode(
            MAIL_REJECTED,
            mail.sender.address,
            rejected,
            id=mail.mail_id,
            source=SOURCE,
            time=now,
            traceparent=traceparents[mail.mail_id],
        )
