"""What a record of a dead letter topic tells the index: a dead letter, or what was done about one. Pure."""

from collections.abc import Mapping
from datetime import datetime

from console.mails.index.facts import MAX_DETAIL, Fact, Letter, Settled, header_texts, storable
from schemas.fetched import open_fetched, record_moment
from schemas.ids import MAIL_ID
from schemas.topics import (
    MAIL_FETCHED,
    MAIL_RESOLVED,
    NOTIFICATION_REQUESTED,
    NOTIFICATION_RESULTS,
    Topic,
)
from schemas.wire import Record, UndecodableError, decode

REPLAYED, REPLAYED_AT = "dlq-replayed", "dlq-replayed-at"
DISCARDED, DISCARDED_AT = "dlq-discarded", "dlq-discarded-at"
SETTLED_BY, SETTLED_WHY = "dlq-settled-by", "dlq-settled-why"
_MAX_HEADERS = 60


def facts_of_dead_letter(record: Record, topic: Topic) -> tuple[Fact, ...]:
    headers = header_texts(record)
    at = record_moment(record.timestamp_ms)
    for id_, when, state in ((REPLAYED, REPLAYED_AT, "replayed"), (DISCARDED, DISCARDED_AT, "discarded")):
        if record.value is None and when in headers and id_ in headers:
            return (
                Settled(
                    id=storable(headers[id_], MAX_DETAIL),
                    state=state,
                    settled_at=_moment(headers[when]) or at,
                    settled_by=storable(headers.get(SETTLED_BY, ""), MAX_DETAIL),
                    settled_why=storable(headers.get(SETTLED_WHY, ""), MAX_DETAIL),
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
    return {storable(name, 100): storable(value, MAX_DETAIL) for name, value in some}


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


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else None
