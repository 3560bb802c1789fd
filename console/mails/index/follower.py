"""Keeping the index: one consumer over all of its topics, from the offsets that stand in the desk's database.

Rows and offsets are written in one transaction. Who else keeps the same index (a second window, a command that catches
up) is noticed by its offsets: then what was read is dropped, and reading goes on where the other one stopped.
"""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from sqlalchemy import Engine

from console.mails.index.facts import Fact, facts_of, indexed_topics
from console.mails.index.search import make_trigrams
from console.mails.index.store import Positions, end_by_ledger, read_positions, write_facts, write_positions
from desk.engine import read_transaction, write_transaction
from desk.errors import ConflictError, DeskError, TablesMissingError, UnstorableError
from desk.migrate import wait_until_current
from runtime.clients import broker_errors, make_consumer, partition_counts
from runtime.config import ProcessConfig
from runtime.health import Health
from runtime.logs import get_logger
from runtime.outcomes import OutageError
from runtime.topic_reader import OFFSETS_MS, TopicMissingError, assign_whole, to_record, unread
from runtime.waiting import Outage, Stopped, retry_until_available, wait_for_broker
from schemas.reasons import Reason
from schemas.topics import Topic
from schemas.wire import Record

if TYPE_CHECKING:
    from kafka import KafkaConsumer, TopicPartition

log = get_logger(__name__)

NAME = "index of mails"
BATCH_RECORDS = 500
FETCH_BYTES = 8_000_000  # of mails as they came, most of which is not kept
FETCH_WAIT_MS = 1_000
SWEEP_SECONDS = 2.0  # how often ends are looked for that the desk's ledger alone tells
NEW_PARTITIONS_SECONDS = 60.0


class IndexFollower:
    """The index of one installation, kept current by a thread of the window."""

    def __init__(self, config: ProcessConfig, engine: Engine, health: Health | None = None) -> None:
        self._config = config
        self._engine = engine
        self._health = health or Health()
        self._thread: threading.Thread | None = None
        self.complete = threading.Event()  # all that was on the topics at the start is in the index

    def start(self, stop: threading.Event) -> None:
        """Starts the thread that keeps it, which ends after `stop`. It waits for broker and database, and says so."""
        self._thread = threading.Thread(target=self._run, args=(stop,), name="mail-index", daemon=True)
        self._thread.start()

    def join(self) -> None:
        """After `stop`."""
        if self._thread is not None:
            self._thread.join()

    def _run(self, stop: threading.Event) -> None:
        outage = Outage(NAME, self._health)
        try:
            retry_until_available(lambda: wait_until_current(self._engine, 0), outage, stop.wait)
            self._make_trigrams()
            while not stop.is_set():
                index = wait_for_broker(lambda: _Index.open(self._config, self._engine), NAME, self._health, stop)
                with closing(index):
                    self._follow(index, outage, stop)
        except Stopped:
            pass

    def _make_trigrams(self) -> None:
        """Without them words are found all the same, by looking at mail after mail."""
        try:
            with write_transaction(self._engine) as connection:
                make_trigrams(connection)
        except (ConflictError, DeskError, OutageError) as error:
            log.info("words in mails are looked for without an index of trigrams", why=str(error))

    def _follow(self, index: "_Index", outage: Outage, stop: threading.Event) -> None:
        """Until `stop`, or until the topics have other partitions than when it was opened."""
        swept = looked = time.monotonic()
        while not stop.is_set():
            if not self.complete.is_set() and index.is_complete():
                self.complete.set()
                log.info("the index of mails is complete")
            read = retry_until_available(index.step, outage, stop.wait)
            now = time.monotonic()
            if not read and now - swept > SWEEP_SECONDS:
                retry_until_available(index.sweep, outage, stop.wait)
                swept = now
            if now - looked > NEW_PARTITIONS_SECONDS:
                if retry_until_available(index.has_new_partitions, outage, stop.wait):
                    return
                looked = now


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
    with closing(_Index.open(config, engine, names)) as index:
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


class _Index:
    """An open consumer, and how far the index is by what this one knows."""

    def __init__(self, engine: Engine, topics: dict[str, Topic], consumer: "KafkaConsumer"):
        self._engine = engine
        self._topics = topics
        self._consumer = consumer
        self._ends: dict[TopicPartition, int] = {}
        self._stored: Positions = {}
        self._in_place = False  # the consumer stands where the index is

    @classmethod
    def open(cls, config: ProcessConfig, engine: Engine, names: Sequence[str] | None = None) -> "_Index":
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
        """Takes one poll's records over; how many there were. Raises `OutageError`: nothing of them is stored then."""
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
            log.error("a record cannot stand in the index of mails", record=_place(record), why=str(error))
            return self._store([record], ())

    def _facts(self, record: Record) -> Sequence[Fact]:
        """A record that brings a fault of ours to light stops neither the index nor the window."""
        try:
            return facts_of(record, self._topics[record.topic])
        except Exception as error:
            log.error("the index of mails leaves a record out", record=_place(record), error=type(error).__name__)
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
        """To where the index is. What the topics no longer have is passed over; a topic made anew is begun."""
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
