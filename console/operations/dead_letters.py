"""Dead letters: what no stage could handle, why, and sending it back to where it came from.

That one was replayed is written down twice: on the record sent back (`dlq-replayed`: its id), and behind the dead
letters as a record without value (`dlq-replayed`: its id, `dlq-replayed-at`), so that the list need read nothing else.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from console.operations.errors import UserError
from runtime.config import ProcessConfig
from runtime.outgoing import Outgoing
from runtime.publisher import Publisher
from runtime.reader import read_to_end
from schemas.topics import BY_SHORT_NAME, TOPICS, Topic
from schemas.wire import Record

REPLAYED = "dlq-replayed"
REPLAYED_AT = "dlq-replayed-at"
# What the pipeline wrote onto a record about its failures; a replayed record starts afresh.
_OURS = ("dlq-", "retry-")

TOPICS_WITH_DEAD_LETTERS: tuple[Topic, ...] = tuple(topic for topic in TOPICS if topic.dead_letters)


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One dead letter. `id` is where it lies: topic without prefix and version, partition, offset.

    `original` is partition and offset of the record it was made from; `mail_id` is empty where the record has no id.
    """

    id: str
    topic: str
    stage: str
    reason: str
    message: str
    attempts: int
    failed_at: str
    original: tuple[int, int] | None
    mail_id: str
    replayed_at: str | None
    headers: dict[str, str]
    size: int

    @property
    def value_dropped(self) -> bool:
        return "dlq-value-dropped" in self.headers


def dead_letters(config: ProcessConfig, topics: Sequence[Topic] = TOPICS_WITH_DEAD_LETTERS) -> list[DeadLetter]:
    """Every dead letter of these topics, oldest first. Raises `OutageError`, `TopicMissingError`."""
    return [letter for letter, _ in _letters(config, topics)]


def find(config: ProcessConfig, letter_id: str) -> tuple[DeadLetter, Record]:
    """A dead letter and its record, which holds the original value. Raises `UserError` where there is none."""
    topic = topic_named(letter_id.partition("/")[0])
    for letter, record in _letters(config, (topic,)):
        if letter.id == letter_id:
            return letter, record
    raise UserError(f"there is no dead letter {letter_id!r}", "`mailcall dead-letters list` shows the ids")


def topic_named(short: str) -> Topic:
    """The topic of that name which has dead letters. Raises `UserError`."""
    topic = BY_SHORT_NAME.get(short)
    if topic is None or not topic.dead_letters:
        known = ", ".join(topic.short for topic in TOPICS_WITH_DEAD_LETTERS)
        raise UserError(f"no topic {short!r} has dead letters", f"name one of: {known}")
    return topic


def replay(
    config: ProcessConfig,
    publisher: Publisher,
    now: datetime,
    topics: Sequence[Topic] = TOPICS_WITH_DEAD_LETTERS,
    ids: frozenset[str] | None = None,
) -> list[DeadLetter]:
    """Send dead letters back to their topic, key and value unchanged: those of `ids`, else all not yet replayed.

    A dead letter whose value was too large to keep is left where it is: the record itself can only be published again.
    Raises `UserError` where an id does not exist or cannot be sent back: nothing is sent then.
    """
    letters = [(letter, record) for letter, record in _letters(config, topics)]
    missing = sorted((ids or frozenset()) - {letter.id for letter, _ in letters})
    if missing:
        raise UserError(f"there is no dead letter {missing[0]!r}", "`mailcall dead-letters list` shows the ids")
    if ids is None:
        chosen = [(one, record) for one, record in letters if one.replayed_at is None and not one.value_dropped]
    else:
        chosen = [(one, record) for one, record in letters if one.id in ids]
    for letter, _ in chosen:
        if letter.value_dropped:
            raise UserError(
                f"dead letter {letter.id} does not hold its value: it was too large to be kept",
                f"the original lies on {letter.headers.get('dlq-original-topic', letter.topic)} at {letter.original}",
            )
    for letter, record in chosen:
        publisher.publish(_sent_back(config, letter, record, now))
    return [letter for letter, _ in chosen]


def _letters(config: ProcessConfig, topics: Sequence[Topic]) -> Iterator[tuple[DeadLetter, Record]]:
    names = {topic.dlq(config.topic_prefix): topic for topic in topics}
    records, replayed = [], {}
    for record in read_to_end(config, list(names)):
        headers = header_texts(record)
        if record.value is None and REPLAYED_AT in headers:
            replayed[headers[REPLAYED]] = headers[REPLAYED_AT]
        else:
            records.append((names[record.topic], record, headers))
    for topic, record, headers in records:
        letter_id = f"{topic.short}/{record.partition}/{record.offset}"
        yield _letter(letter_id, topic, record, headers, replayed.get(letter_id)), record


def _letter(
    letter_id: str, topic: Topic, record: Record, headers: dict[str, str], replayed_at: str | None
) -> DeadLetter:
    partition, offset = headers.get("dlq-original-partition", ""), headers.get("dlq-original-offset", "")
    attempts = headers.get("dlq-attempts", "")
    return DeadLetter(
        id=letter_id,
        topic=topic.short,
        stage=headers.get("dlq-stage", ""),
        reason=headers.get("dlq-error-class", ""),
        message=headers.get("dlq-error-message", ""),
        attempts=int(attempts) if attempts.isdecimal() else 1,
        failed_at=headers.get("dlq-failed-at", ""),
        original=(int(partition), int(offset)) if partition.isdecimal() and offset.isdecimal() else None,
        mail_id=headers.get("ce_id", ""),
        replayed_at=replayed_at,
        headers=headers,
        size=len(record.value or b""),
    )


def _sent_back(config: ProcessConfig, letter: DeadLetter, record: Record, now: datetime) -> list[Outgoing]:
    """The original record, and behind it the note that it was replayed."""
    topic, mark = BY_SHORT_NAME[letter.topic], (REPLAYED, letter.id.encode())
    headers = tuple((name, value) for name, value in record.headers if not name.lower().startswith(_OURS))
    return [
        Outgoing(topic.name(config.topic_prefix), record.key or b"", record.value, (*headers, mark)),
        Outgoing(
            topic.dlq(config.topic_prefix), record.key or b"", None, (mark, (REPLAYED_AT, now.isoformat().encode()))
        ),
    ]


def header_texts(record: Record) -> dict[str, str]:
    """Headers by name in lower case; of several with one name, the last."""
    return {name.lower(): value.decode("utf-8", "replace") for name, value in record.headers if value is not None}
