"""The facts that the index of mails is made of: steps of mails, what is known of a mail, and dead letters. Pure.

Every string of a mail is a stranger's: it is cut, and made storable, before it becomes part of a fact.
"""

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime

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
from schemas.wire import Record

DLQ = ".dlq"

MAX_SUBJECT = 200  # characters, as a rejection has them
MAX_ADDRESS = 320
MAX_MESSAGE_ID = 400  # times four bytes of UTF-8 it still fits into an index
MAX_DETAIL = 500
_UNFIT = re.compile("[\0\ud800-\udfff]")


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


def fold(text: str) -> str:
    """As words are compared: without regard to case and to how a letter is composed."""
    return unicodedata.normalize("NFKC", text).casefold()


def storable(text: str, most: int) -> str:
    """The text as a database can hold it, cut to `most` characters."""
    return _UNFIT.sub("\ufffd", text[:most])


def header_texts(record: Record) -> dict[str, str]:
    """Headers by name in lower case; of several with one name, the last."""
    return {name.lower(): value.decode("utf-8", "replace") for name, value in record.headers if value is not None}
