"""Dead letters: the records that no stage could process, with where each lies, why, and what was done about it.

What was done about one is written down behind the dead letters as a record without value (`dlq-replayed` or
`dlq-discarded`: its id; `-at`: when; `dlq-settled-by`, `dlq-settled-why`), so that the list need read nothing else.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from console.errors import Remedy, UserError
from console.mails.index.facts import TOPICS_WITH_DEAD_LETTERS, Letter, Settled
from console.mails.index.record_facts import facts_of
from console.mails.index.records import MailRecords, mail_records
from console.mails.index.store import OPEN
from desk import tables
from desk.engine import read_transaction
from desk.queries import any_of
from runtime.config import ProcessConfig
from runtime.kafka.topic_reader import read_to_end
from schemas.topics import BY_SHORT_NAME, Topic
from schemas.wire import Record

_OF_IDS = select(tables.dead_letters).where(any_of(tables.dead_letters.c.id))


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
    discarded_at: str | None
    settled_by: str
    settled_why: str
    headers: dict[str, str]
    size: int

    @property
    def place(self) -> tuple[int, int]:
        """Partition and offset on its `.dlq` topic."""
        _, partition, offset = self.id.rsplit("/", 2)
        return int(partition), int(offset)

    @property
    def state(self) -> str:
        return "replayed" if self.replayed_at else "discarded" if self.discarded_at else OPEN

    @property
    def is_open(self) -> bool:
        """Nothing has been done about it yet."""
        return self.replayed_at is None and self.discarded_at is None

    @property
    def value_dropped(self) -> bool:
        return "dlq-value-dropped" in self.headers


def dead_letters(config: ProcessConfig, topics: Sequence[Topic] = TOPICS_WITH_DEAD_LETTERS) -> list[DeadLetter]:
    """Every dead letter of these topics, oldest first. Raises `OutageError`, `TopicMissingError`."""
    with mail_records(config) as records:
        return letters_of(records, topics)


def letters_of(records: MailRecords, topics: Sequence[Topic]) -> list[DeadLetter]:
    """The same of an open index, or of the topics where there is none."""
    if not records.has_index((), topics):
        return _read_whole(records, topics)
    query = select(tables.dead_letters).where(any_of(tables.dead_letters.c.topic, "topics"))
    with read_transaction(records.engine) as connection:
        rows = connection.execute(query, {"topics": [topic.short for topic in topics]}).all()
    return sorted(map(letter_of, rows), key=lambda one: (one.failed_at, one.id))


def find(records: MailRecords, letter_id: str) -> tuple[DeadLetter, Record | None]:
    """A dead letter and its record, which holds the original value; None where its topic has it no more.

    Raises `UserError` where there is none of that id.
    """
    topic = topic_named(letter_id.partition("/")[0])
    [letter] = letters_by_ids(records, (topic,), [letter_id])
    return letter, records_of(records, [letter]).get(letter_id)


def topic_named(short: str) -> Topic:
    """The topic of that name which has dead letters. Raises `UserError`."""
    topic = BY_SHORT_NAME.get(short)
    if topic is None or not topic.dead_letters:
        known = ", ".join(topic.short for topic in TOPICS_WITH_DEAD_LETTERS)
        raise UserError(f"no topic {short!r} has dead letters", f"name one of: {known}")
    return topic


def letter_of(row: Any) -> DeadLetter:
    """Of a row of the index."""
    done = None
    if row.state != OPEN:
        done = Settled(
            id=row.id,
            state=row.state,
            settled_at=row.settled_at,
            settled_by=row.settled_by,
            settled_why=row.settled_why,
        )
    return _letter(row.id, row.topic, row.headers, row.size, done)


def _read_whole(records: MailRecords, topics: Sequence[Topic]) -> list[DeadLetter]:
    names = {topic.dlq(records.config.topic_prefix): topic for topic in topics}
    letters: list[Letter] = []
    settled: dict[str, Settled] = {}
    for record in read_to_end(records.config, list(names)):
        for fact in facts_of(record, names[record.topic]):
            if isinstance(fact, Settled):
                settled[fact.id] = fact
            elif isinstance(fact, Letter):
                letters.append(fact)
    return [_letter(one.id, one.topic, one.headers, one.size, settled.get(one.id)) for one in letters]


def letters_by_ids(records: MailRecords, topics: Sequence[Topic], ids: Collection[str]) -> list[DeadLetter]:
    """Raises `UserError` where one of the ids does not exist."""
    known = {letter.id: letter for letter in _of_ids(records, topics, ids)}
    missing = sorted(set(ids) - known.keys())
    if missing:
        raise UserError(f"there is no dead letter {missing[0]!r}", Remedy.FIND_DEAD_LETTER)
    return [known[one] for one in dict.fromkeys(ids)]


def _of_ids(records: MailRecords, topics: Sequence[Topic], ids: Collection[str]) -> Iterable[DeadLetter]:
    if not records.has_index((), topics):
        return _read_whole(records, topics)
    with read_transaction(records.engine) as connection:
        rows = connection.execute(_OF_IDS, {"keys": sorted(ids)}).all()
    shorts = {topic.short for topic in topics}
    return [letter_of(row) for row in rows if row.topic in shorts]


def records_of(records: MailRecords, letters: Iterable[DeadLetter]) -> dict[str, Record]:
    """By the ids, which say where they lie."""
    found: dict[str, Record] = {}
    for short, group in _by_topic(letters).items():
        name = BY_SHORT_NAME[short].dlq(records.config.topic_prefix)
        lying = records.at([(name, *letter.place) for letter in group])
        found |= {f"{short}/{partition}/{offset}": record for (_, partition, offset), record in lying.items()}
    return found


def _by_topic(letters: Iterable[DeadLetter]) -> dict[str, list[DeadLetter]]:
    groups: dict[str, list[DeadLetter]] = {}
    for letter in letters:
        groups.setdefault(letter.topic, []).append(letter)
    return groups


def _letter(letter_id: str, topic: str, headers: dict[str, str], size: int, done: Settled | None) -> DeadLetter:
    partition, offset = headers.get("dlq-original-partition", ""), headers.get("dlq-original-offset", "")
    attempts = headers.get("dlq-attempts", "")
    return DeadLetter(
        id=letter_id,
        topic=topic,
        stage=headers.get("dlq-stage", ""),
        reason=headers.get("dlq-error-class", ""),
        message=headers.get("dlq-error-message", ""),
        attempts=int(attempts) if attempts.isdecimal() else 1,
        failed_at=headers.get("dlq-failed-at", ""),
        original=(int(partition), int(offset)) if partition.isdecimal() and offset.isdecimal() else None,
        mail_id=headers.get("ce_id", ""),
        replayed_at=done.settled_at.isoformat() if done and done.state == "replayed" else None,
        discarded_at=done.settled_at.isoformat() if done and done.state == "discarded" else None,
        settled_by=done.settled_by if done else "",
        settled_why=done.settled_why if done else "",
        headers=headers,
        size=size,
    )
