"""The loop of every kafka-python stage: poll, have the batch handled and published, commit. Acknowledge last.

The main thread polls and commits, one worker thread does the work. While a batch is in work the main thread does not
poll, so that no partition is taken away under it (a rebalance of the group waits; heartbeats go on by themselves). Only
when a batch waits out an outage, or takes longer than `patience_seconds`, the main thread polls with every partition
paused, so that the broker does not take the process for dead.

A handler may answer that a record is pending: it is in hand, and the loop goes on. The offset that is committed stays
before the first record in hand. A partition that is taken away is given up clean: what is in hand is deferred.
"""

import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from concurrent.futures import TimeoutError as NotDoneError
from itertools import compress
from typing import Any

from kafka import KafkaConsumer, TopicPartition

from runtime.backlog import Backlog
from runtime.broker_rights import require_topics
from runtime.clients import broker_errors, make_consumer, partition_counts, poll, position
from runtime.config import ProcessConfig
from runtime.deferral import milliseconds_to_wait
from runtime.health import Health
from runtime.logs import get_logger
from runtime.metrics import PENDING
from runtime.outcomes import Handler, OutageError
from runtime.ownership import RebalanceListener
from runtime.publisher import Publisher, UnpublishableError
from runtime.stage import HandlerRunner
from runtime.topic_reader import to_record
from runtime.waiting import Outage, Stopped, wait_for_broker
from runtime.work import BatchRunner, InFlightRecord
from schemas.wire import Record

log = get_logger(__name__)

# How long the broker holds a fetch open while nothing comes; the first record ends it. Only a partition that is
# assigned or resumed meanwhile waits for its end. Each end wakes three threads: most of what an idle process costs.
FETCH_WAIT_MS = 2_000
POLL_MS = 1_000  # a poll returns with the first records: so long it takes to notice that the process is to end
PENDING_POLL_MS = 20  # while something is in hand, of which the outcome is to be published soon
PROBE_SECONDS = 5.0  # how often the ends of the partitions are asked for: the lag, and whether the broker is there
PROBE_MS = 5_000
LEAVE_SECONDS = 5.0  # how long a process that ends waits for what is in hand
HAND_OVER_SECONDS = 1.0  # and one that is to give partitions up: the group waits for it, and no heartbeat is sent
GRACE_SECONDS = 1.0  # a batch that takes longer is looked after every second


class ConsumerLoop:
    """Drives one handler over its topics, and over their `.retry` topics, in one consumer group."""

    def __init__(
        self,
        config: ProcessConfig,
        handler: Handler,
        publisher: Publisher,
        group: str,
        stop: threading.Event,
        health: Health | None = None,
    ) -> None:
        self._config = config
        self._group = f"{config.topic_prefix}.{group}"
        self._stop = stop
        self._health = health or Health(config.stall_seconds)
        prefix = config.topic_prefix
        self._retry_topics = {topic.retry(prefix): topic.name(prefix) for topic in handler.topics if topic.deferred}
        self._topics = [*(topic.name(prefix) for topic in handler.topics), *self._retry_topics]
        self._stage = handler.stage
        self._backlog = Backlog(handler, config)
        self._work = BatchRunner(HandlerRunner(handler, config), publisher, self._retry_topics, self._health)
        self._outage = Outage(handler.stage, self._health)
        self._due_at: dict[TopicPartition, float] = {}  # paused `.retry` partitions, and when to look again
        self._pended: list[InFlightRecord] = []
        self._committed_at = time.monotonic()
        self._probed_at = 0.0

    def share(self) -> float:
        """Which part of the work is this process's: of the partitions of its first topic, from 0 to 1."""
        topic = self._topics[0]
        every = self._consumer.partitions_for_topic(topic) or ()
        own = sum(partition.topic == topic for partition in self._consumer.assignment())
        return own / len(every) if every else 1.0

    def run(self) -> None:
        """Returns after `stop`, with all that was in work finished and committed and the group left.

        Raises `StopProcess` when too many records in a row are dead letters.
        """
        self._health.ready("assignment", False, "no partitions yet")
        try:
            self._consumer = wait_for_broker(self._join, self._stage, self._health, self._stop)
        except Stopped:
            return
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix=self._stage)
        try:
            while not self._stop.is_set():
                self._turn()
        finally:
            self._leave()

    def _join(self) -> KafkaConsumer:
        consumer = make_consumer(
            self._config,
            self._stage,
            group_id=self._group,
            max_poll_records=self._config.batch_records,
            fetch_max_bytes=self._config.batch_bytes,
            fetch_max_wait_ms=FETCH_WAIT_MS,
            session_timeout_ms=int(self._config.session_seconds * 1000),
            heartbeat_interval_ms=int(self._config.session_seconds * 300),
            max_poll_interval_ms=300_000,
        )
        self._ownership = RebalanceListener(self._stage, consumer, self._health, self._let_go, self._drop)
        consumer.subscribe(self._topics, listener=self._ownership)
        try:
            with broker_errors():
                # After `subscribe`: a member that learns of its topics only after joining has to join once more.
                require_topics(self._topics, partition_counts(consumer, self._topics))
        except OutageError:
            consumer.close(autocommit=False)
            raise
        return consumer

    def _leave(self) -> None:
        self._work.give_up()
        self._worker.shutdown(wait=True)
        self._hand_on(self._drop({_partition(one) for one in self._pended}), LEAVE_SECONDS)
        self._ownership.commit()
        try:
            with broker_errors():
                self._consumer.close(autocommit=False, timeout_ms=5_000)
        except OutageError as error:
            log.warning("could not tell the group good-bye; it notices by itself", stage=self._stage, why=str(error))
        else:
            log.info("left the group", stage=self._stage)

    def _turn(self) -> None:
        try:
            with broker_errors(self._config):
                self._probe_if_time()
                self._resume_due()
                # Last: what it returns must not be dropped for an error.
                polled = poll(self._consumer, PENDING_POLL_MS if self._pended else POLL_MS)
        except OutageError as error:
            self._stop.wait(self._outage.failed(error))
            return
        self._health.progress()
        self._collect()
        records = list(self._take(polled))
        for start, end in split(records, self._config.batch_bytes):
            if not self._finish(records[start:end]):
                self._rewind(records[start:])
                break
        self._commit_if_time()

    def _take(self, polled: dict[TopicPartition, list[Any]]) -> Iterator[Record]:
        """Records to work on now. A `.retry` partition whose next record has to wait is set back to it and paused."""
        now_ms = int(time.time() * 1000)
        for partition, raw_records in polled.items():
            is_retry = partition.topic in self._retry_topics
            for raw in raw_records:
                record = to_record(raw)
                wait_ms = milliseconds_to_wait(record, now_ms) if is_retry else 0
                if wait_ms:
                    self._consumer.seek(partition, record.offset)
                    self._consumer.pause(partition)
                    self._due_at[partition] = time.monotonic() + wait_ms / 1000
                    break
                yield record

    def _resume_due(self) -> None:
        now = time.monotonic()
        for partition in [partition for partition, at in self._due_at.items() if at <= now]:
            del self._due_at[partition]
            if partition in self._consumer.assignment():
                self._consumer.resume(partition)

    def _finish(self, batch: Sequence[Record]) -> bool:
        """Has the batch handled and published; False where it comes again: given up, or its partitions taken away."""
        self._ownership.begin()
        self._backlog.taken(batch)
        try:
            pended = self._look_after(self._worker.submit(self._work.do, batch))
        except Stopped:
            return False
        finally:
            self._ownership.end()
        self._keep(pended)
        return self._ownership.done(batch, (one.raw for one in pended))

    def _collect(self) -> None:
        """Has the outcomes published of those whose work is done meanwhile. Given up, they come again."""
        done = [one.pending.work.done() for one in self._pended]
        if not any(done):
            return
        ready = list(compress(self._pended, done))
        self._pended = [one for one, is_done in zip(self._pended, done, strict=True) if not is_done]
        self._ownership.begin()
        try:
            again = self._look_after(self._worker.submit(self._work.settle, ready))
        except Stopped:
            return
        finally:
            self._ownership.end()
        self._keep(again)
        still = {id(one.raw) for one in again}
        self._ownership.settled(one.raw for one in ready if id(one.raw) not in still)

    def _keep(self, pended: Sequence[InFlightRecord]) -> None:
        """Has these in hand, unless their partitions were taken away meanwhile."""
        self._pended += pended
        self._drop(self._ownership.lost)

    def _drop(self, partitions: set[TopicPartition]) -> list[InFlightRecord]:
        """Those of these partitions are in hand no longer; what of them has not begun never will.

        Without a word: whoever has the partitions now is given the records as well.
        """
        theirs = [one for one in self._pended if _partition(one) in partitions]
        for one in theirs:
            one.pending.work.cancel()
        self._pended = [one for one in self._pended if _partition(one) not in partitions]
        PENDING.labels(self._stage).set(len(self._pended))
        self._backlog.in_hand(one.raw for one in self._pended)
        return theirs

    def _let_go(self, partitions: set[TopicPartition]) -> None:
        """Of partitions that are to be taken away; called while the main thread polls."""
        self._hand_on(self._drop(partitions), min(HAND_OVER_SECONDS, self._config.session_seconds / 4))

    def _hand_on(self, pended: Sequence[InFlightRecord], seconds: float) -> None:
        """What does not end within so many seconds is deferred.

        Where that cannot be published the records come again, to whoever has their partitions then.
        """
        if not pended:
            return
        wait([one.pending.work for one in pended if not one.pending.work.cancelled()], seconds)
        try:
            self._work.let_go(pended)
        except (OutageError, UnpublishableError) as error:
            log.warning("records in hand could not be handed on; they come again", stage=self._stage, why=str(error))
        else:
            self._ownership.settled(one.raw for one in pended)

    def _look_after(self, work: "Future[list[InFlightRecord]]") -> list[InFlightRecord]:
        """What the work returns once it is done; raises what it raised; stays in the group if it takes long."""
        started = time.monotonic()
        paused = False
        while not _is_done(work):
            if self._stop.is_set() or self._ownership.lost:
                self._work.give_up()
            if self._work.waiting or time.monotonic() - started > self._config.patience_seconds:
                paused = True
                self._stay_in_group()
        if paused:
            self._consumer.resume(*(self._consumer.assignment() - self._due_at.keys()))
        return work.result()

    def _stay_in_group(self) -> None:
        """Polls without taking anything."""
        self._consumer.pause(*self._consumer.assignment())
        try:
            with broker_errors():
                polled = poll(self._consumer, 100)
        except OutageError as error:
            log.warning("the group cannot be reached", stage=self._stage, why=str(error))
        else:
            self._rewind(to_record(raw) for raw_records in polled.values() for raw in raw_records)

    def _rewind(self, records: Iterable[Record]) -> None:
        """Sets partitions back to the first of these records, so that they come again."""
        first: dict[TopicPartition, int] = {}
        for record in records:
            first.setdefault(TopicPartition(record.topic, record.partition), record.offset)
        for partition in first.keys() & self._consumer.assignment():
            self._consumer.seek(partition, first[partition])

    def _commit_if_time(self) -> None:
        now = time.monotonic()
        if self._ownership.uncommitted and now - self._committed_at >= self._config.commit_seconds:
            self._ownership.commit()
            self._committed_at = now

    def _probe_if_time(self) -> None:
        """Measures the lag; raises what shows that the broker is away, which `poll` keeps to itself."""
        now = time.monotonic()
        if now - self._probed_at < PROBE_SECONDS:
            return
        self._probed_at = now
        partitions = self._consumer.assignment()
        lag = dict.fromkeys(self._topics, 0)
        for partition, end in self._consumer.end_offsets(list(partitions), timeout_ms=PROBE_MS).items():
            lag[partition.topic] += max(0, end - (position(self._consumer, partition) or 0))
        self._outage.over()
        self._backlog.measured(lag)


def split(records: Sequence[Record], max_bytes: int) -> Iterator[tuple[int, int]]:
    """(start, end) of stretches of at most `max_bytes` of values; a record that is larger stands alone."""
    start = size = 0
    for index, record in enumerate(records):
        length = len(record.value or b"")
        if index > start and size + length > max_bytes:
            yield start, index
            start, size = index, 0
        size += length
    if records:
        yield start, len(records)


def _partition(pended: InFlightRecord) -> TopicPartition:
    return TopicPartition(pended.raw.topic, pended.raw.partition)


def _is_done(work: "Future[Any]") -> bool:
    try:
        work.exception(GRACE_SECONDS)
    except NotDoneError:
        return False
    return True
