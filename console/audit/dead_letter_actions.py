"""Replaying dead letters, back to the topic each came from, and discarding them. Both are noted on their topic."""

from collections.abc import Collection, Sequence
from datetime import datetime

from console.audit.dead_letters import DeadLetter, letters_by_ids, letters_of, records_of
from console.errors import UserError
from console.mails.index.facts import TOPICS_WITH_DEAD_LETTERS
from console.mails.index.letter_facts import DISCARDED, DISCARDED_AT, REPLAYED, REPLAYED_AT, SETTLED_BY, SETTLED_WHY
from console.mails.index.records import MailRecords
from runtime.kafka.producer import ProducerRecord, Publisher
from schemas.topics import BY_SHORT_NAME, Topic
from schemas.wire import Record

# What the pipeline wrote onto a record about its failures; a replayed record starts afresh.
_OURS = ("dlq-", "retry-")


def replay(
    records: MailRecords,
    publisher: Publisher,
    now: datetime,
    topics: Sequence[Topic] = TOPICS_WITH_DEAD_LETTERS,
    ids: Collection[str] | None = None,
    who: str = "",
    why: str = "",
) -> list[DeadLetter]:
    """Send dead letters back to their topic, key and value unchanged: those of `ids`, else all that are open.

    A dead letter whose value was too large to keep is left where it is: the record itself can only be published again.
    Raises `UserError` where an id does not exist or cannot be sent back: nothing is sent then.
    """
    if ids is None:
        chosen = [one for one in letters_of(records, topics) if one.is_open and not one.value_dropped]
    else:
        chosen = letters_by_ids(records, topics, ids)
    originals = records_of(records, chosen)
    for letter in chosen:
        if letter.value_dropped:
            raise UserError(
                f"dead letter {letter.id} does not hold its value: it was too large to be kept",
                f"the original lies on {letter.headers.get('dlq-original-topic', letter.topic)} at {letter.original}",
            )
        if letter.id not in originals:
            raise UserError(
                f"dead letter {letter.id} is no longer kept: its retention is over", "ask its sender for it"
            )
    prefix = records.config.topic_prefix
    for letter in chosen:
        done = _note(prefix, letter, (REPLAYED, REPLAYED_AT), now, who, why)
        publisher.publish([_sent_back(prefix, letter, originals[letter.id]), done])
    return chosen


def discard(
    records: MailRecords, publisher: Publisher, now: datetime, ids: Collection[str], who: str, why: str
) -> list[DeadLetter]:
    """Dead letters about which nothing is to be done: they stay where they are, and are open no longer.

    Raises `UserError` where an id does not exist, or `why` does not say why: nothing is written then.
    """
    if not why.strip():
        raise UserError("a dead letter is discarded for a reason", "say why: it stays with the dead letter")
    chosen = letters_by_ids(records, TOPICS_WITH_DEAD_LETTERS, ids)
    prefix = records.config.topic_prefix
    publisher.publish([_note(prefix, one, (DISCARDED, DISCARDED_AT), now, who, why) for one in chosen])
    return chosen


def _sent_back(prefix: str, letter: DeadLetter, record: Record) -> ProducerRecord:
    """The original record."""
    headers = tuple((name, value) for name, value in record.headers if not name.lower().startswith(_OURS))
    mark = (REPLAYED, letter.id.encode())
    return ProducerRecord(BY_SHORT_NAME[letter.topic].name(prefix), record.key or b"", record.value, (*headers, mark))


def _note(prefix: str, letter: DeadLetter, names: tuple[str, str], now: datetime, who: str, why: str) -> ProducerRecord:
    """What was done about it, behind it on its topic, of which there is one partition."""
    said = ((names[0], letter.id), (names[1], now.isoformat()), (SETTLED_BY, who), (SETTLED_WHY, why))
    headers = tuple((name, text.encode("utf-8", "replace")) for name, text in said if text)
    return ProducerRecord(BY_SHORT_NAME[letter.topic].dlq(prefix), letter.id.encode(), None, headers)
