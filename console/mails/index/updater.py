"""Bringing the index up to date: records are read from the offsets that stand in the desk's database.

Rows and offsets are written in one transaction. Who else keeps the same index (a second window, a command that catches
up) is noticed by its offsets: then what was read is dropped, and reading continues where the other one stopped.
"""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from sqlalchemy import Engine

from console.mails.index.facts import Fact, indexed_topics
from console.mails.index.record_facts import facts_of
from console.mails.index.store import Positions, end_by_ledger, read_positions, write_facts, write_positions
from desk.engine import read_transaction, write_transaction
from desk.errors import ConflictError, TablesMissingError, UnstorableError
from runtime.config import ProcessConfig
from runtime.kafka.clients import broker_errors, make_consumer, partition_counts
from runtime.kafka.topic_reader import OFFSETS_MS, TopicMissingError, assign_whole, to_record, unread
from runtime.outages import OutageError
from runtime.telemetry.logs import get_logger
from schemas.reasons import Reason
from schemas.topics import Topic
from schemas.wire import Record

if TYPE_CHECKING:
    from kafka import KafkaConsumer, TopicPartition


log = get_logger(__name__)
BATCH_RECORDS = 500
FETCH_BYTES = 8_000_000  # of mails as they came, most of which is not kept
FETCH_WAIT_MS = 1_000


def catch_up(
    config: ProcessConfig, engine: Engine, topics: Sequence[Topic], dead_letters_of: Sequence[Topic] = ()
) -> bool:
    """Brings an index up to all that these topics, and these ones' dead letter topics, hold now; False: there is none.

    For commands: a window need not be running. Raises `OutageError`, `TopicMissingError`.
    """
    prefix = config.topic_prefix
    names = [*(topic.name(prefix) for topic in topics), *(topic.dlq(prefix) for topic in dead_letters_of)]
    if not _is_begun(engine, names):
        return False
    with closing(IndexUpdater.open(config, engine, names)) as index:
        while not index.is_complete():
            index.step()
        index.sweep()
    return True


def _is_begun(engine: Engine, names: Sequence[str]) -> bool:
    try:
        with read_transaction(engine) as connection:
            return {topic for topic, _ in read_positions(connection, names)} == set(names)
    except TablesMissingError:
        return False


class IndexUpdater:
    """An open consumer, and how far the index is by what this one knows."""

    def __init__(self, engine: Engine, topics: dict[str, Topic], consumer: "KafkaConsumer"):
        self._engine = engine
        self._topics = topics
        self._consumer = consumer
        self._ends: dict[TopicPartition, int] = {}
        self._stored: Positions = {}
        self._in_place = False  # the consumer stands where the index is

    @classmethod
    def open(cls, config: ProcessConfig, engine: Engine, names: Sequence[str] | None = None) -> "IndexUpdater":
        """Raises `OutageError`; `TopicMissingError` where names are given, else a missing topic is an outage."""
        topics = indexed_topics(config.topic_prefix)
        chosen = topics if names is None else {name: topics[name] for name in names}
        consumer = make_consumer(
            config,
            "mail-index",
            fetch_max_wait_ms=FETCH_WAIT_MS if names is None else 100,
            fetch_max_bytes=FETCH_BYTES,
            max_poll_records=BATCH_RECORDS,
        )
        index = cls(engine, chosen, consumer)
        try:
            index._begin()
        except TopicMissingError as error:
            index.close()
            if names is not None:
                raise
            raise OutageError(Reason.BROKER_AWAY, str(error)) from error
        except BaseException:
            index.close()
            raise
        return index

    def close(self) -> None:
        self._consumer.close(autocommit=False)

    def is_complete(self) -> bool:
        """Whether all that was on the topics when it was opened is in the index."""
        with broker_errors():
            return not unread(self._consumer, self._ends)

    def has_new_partitions(self) -> bool:
        with broker_errors():
            counts = partition_counts(self._consumer, list(self._topics))
        return sum(counts.values()) > len(self._ends)

    def step(self) -> int:
        """Stores one poll's records; how many there were. Raises `OutageError`: nothing of them is stored then."""
        if not self._in_place:
            self._begin()
        with broker_errors():
            batches = self._consumer.poll(FETCH_WAIT_MS)
        records = [to_record(raw) for batch in batches.values() for raw in batch]
        if records:
            self._in_place = False  # whatever happens now: what was polled and not stored is polled again
            self._in_place = self._take(records)
        return len(records)

    def sweep(self) -> int:
        with _conflicts_are_outages(), write_transaction(self._engine) as connection:
            return end_by_ledger(connection)

    def _take(self, records: Sequence[Record]) -> bool:
        try:
            return self._store(records, [fact for record in records for fact in self._facts(record)])
        except UnstorableError:
            return all(self._store_alone(record) for record in records)

    def _store_alone(self, record: Record) -> bool:
        try:
            return self._store([record], self._facts(record))
        except UnstorableError as error:
            log.error("a record cannot be stored in the index of mails", record=_place(record), why=str(error))
            return self._store([record], ())

    def _facts(self, record: Record) -> Sequence[Fact]:
        """A record that reveals a bug of ours stops neither the index nor the window."""
        try:
            return facts_of(record, self._topics[record.topic])
        except Exception as error:
            log.error("the index of mails skipped a record", record=_place(record), error=type(error).__name__)
            return ()

    def _store(self, records: Sequence[Record], facts: Sequence[Fact]) -> bool:
        """One transaction; False where somebody else has moved the index, and nothing was stored."""
        following: Positions = {}
        for record in records:
            following[record.topic, record.partition] = record.offset + 1
        with _conflicts_are_outages(), write_transaction(self._engine) as connection:
            stored = read_positions(connection, list({topic for topic, _ in following}), lock=True)
            if any(stored.get(place) != self._stored.get(place) for place in following):
                return False
            write_facts(connection, facts)
            write_positions(connection, following)
        self._stored |= following
        return True

    def _begin(self) -> None:
        """Seeks to where the index is. What topics no longer have is skipped; a recreated topic is read whole."""
        with broker_errors():
            if not self._ends:
                self._ends = assign_whole(self._consumer, list(self._topics))
            starts = self._consumer.beginning_offsets(list(self._ends), timeout_ms=OFFSETS_MS)
            ends = self._consumer.end_offsets(list(self._ends), timeout_ms=OFFSETS_MS)
        with _conflicts_are_outages(), write_transaction(self._engine) as connection:
            stored = read_positions(connection, list(self._topics), lock=True)
            self._stored = {}
            for tp, start in starts.items():
                at = stored.get((tp.topic, tp.partition), start)
                self._stored[tp.topic, tp.partition] = at if start <= at <= ends[tp] else start
            write_positions(connection, self._stored)
        with broker_errors():
            for tp in starts:
                self._consumer.seek(tp, self._stored[tp.topic, tp.partition])
        self._in_place = True


def _place(record: Record) -> str:
    return f"{record.topic}/{record.partition}/{record.offset}"


@contextmanager
def _conflicts_are_outages() -> Iterator[None]:
    """Two that write the same rows at once: the next try does not meet it."""
    try:
        yield
    except ConflictError as error:
        raise OutageError(
            Reason.DATABASE_AWAY, f"the index of mails is being written by somebody else: {error}"
        ) from None
