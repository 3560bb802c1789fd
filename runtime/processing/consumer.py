"""The consumer of a stage, on kafka-python: poll, run the batch, commit. Acknowledge last.

The main thread polls and commits; one worker thread runs the batches. While it runs one the main thread does not poll,
so that no partition is revoked during a batch (a rebalance of the group waits; heartbeats continue). Only when a batch
retries an outage, or takes longer than `patience_seconds`, the main thread polls with every partition paused, so that
the broker does not consider the instance dead.

A handler may say that a record is in flight: the consumer goes on, and commits no offset beyond it. When a partition is
revoked, its records in flight are drained: they end, or are deferred.
"""

import threading
import time
from collections.abc import Collection, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotDoneError
from typing import Any

from runtime.config import ProcessConfig
from runtime.kafka.clients import broker_errors, poll, position
from runtime.kafka.library import KafkaConsumer, TopicPartition
from runtime.kafka.patient_fetches import PatientFetches
from runtime.kafka.producer import Publisher
from runtime.kafka.quiet_waits import QuietWaits
from runtime.kafka.topic_reader import to_record
from runtime.outages import Outage, OutageError, Stopped, wait_for_broker
from runtime.processing.batch_runner import BatchRunner, InFlightRecord, split
from runtime.processing.group import PROBE_SECONDS, BrokerProbe, PartitionOwner, join_group, leave_group
from runtime.processing.handler_runner import HandlerRunner
from runtime.processing.in_flight import InFlightRecords
from runtime.processing.lag import Backlog
from runtime.processing.offsets import Assignment
from runtime.processing.outcomes import Handler
from runtime.processing.retry_topics import PausedPartitions
from runtime.processing.unhurried import UnhurriedTopics
from runtime.telemetry.health import Health
from runtime.telemetry.logs import get_logger
from schemas.topics import Topic
from schemas.wire import Record

log = get_logger(__name__)

# How long the broker holds a fetch open while nothing comes; the first record ends it. Only a partition that is
# assigned or resumed meanwhile waits for its end. Each end wakes three threads: most of what an idle process costs.
FETCH_WAIT_MS = 5_000
POLL_MS = 1_000  # a poll returns with the first records; after one without any it waits quietly (`QuietWaits`)
IN_FLIGHT_POLL_MS = 500  # while records are in flight: until their outcomes are published, many at once
LEAVE_SECONDS = 5.0  # how long an instance that stops waits for its records in flight
REVOKE_SECONDS = 1.0  # and one whose partitions are revoked: the group waits for it, and no heartbeat is sent
GRACE_SECONDS = 1.0  # a batch that takes longer is checked every second


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
        unhurried: Collection[Topic] = (),
        probe_seconds: float = PROBE_SECONDS,
    ) -> None:
        """`unhurried`: those of the handler's topics that may be read a second or so later, many records at once.
        `probe_seconds`: how often it measures its lag, and finds out whether the broker is available."""
        self._config = config
        self._group = group
        self._stop = stop
        self._health = health or Health(config.stall_seconds)
        prefix = config.topic_prefix
        self._retry_topics = {topic.retry(prefix): topic.name(prefix) for topic in handler.topics if topic.deferred}
        self._topics = [*(topic.name(prefix) for topic in handler.topics), *self._retry_topics]
        self._stage = handler.stage
        self._backlog = Backlog(handler, config)
        self._runner = BatchRunner(HandlerRunner(handler, config), publisher, self._retry_topics, self._health)
        self._in_flight = InFlightRecords(handler.stage, self._runner, self._backlog)
        self._outage = Outage(handler.stage, self._health)
        self._probe = BrokerProbe(probe_seconds)
        self._quiet_seconds = probe_seconds - POLL_MS / 1000
        self._took = 0.0  # seconds, for the records of the last poll, where they were several
        self._paused = PausedPartitions(self._retry_topics)
        self._unhurried = UnhurriedTopics({topic.name(prefix) for topic in unhurried}, config.batch_records)

    def share(self) -> float:
        """Which part of the work is this instance's: of the partitions of its first topic, from 0 to 1."""
        topic = self._topics[0]
        every = self._consumer.partitions_for_topic(topic) or ()
        own = sum(partition.topic == topic for partition in self._consumer.assignment())
        return own / len(every) if every else 1.0

    def _others(self) -> float:
        """How many more instances do the rest of the work, each as much as this one."""
        share = self.share()
        return 1 / share - 1 if share else 0.0

    def run(self) -> None:
        """Returns after `stop`, with every batch finished and committed and the group left.

        Raises `StopProcess` when too many records in a row are dead letters.
        """
        self._health.ready("assignment", False, "no partitions yet")
        try:
            self._consumer = wait_for_broker(self._join, self._stage, self._health, self._stop)
        except Stopped:
            return
        self._quiet = QuietWaits(self._consumer, self._stop)
        self._fetches = PatientFetches(self._consumer)
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix=self._stage)
        try:
            while not self._stop.is_set():
                self._poll_once()
        finally:
            self._runner.cancel()
            self._worker.shutdown(wait=True)
            self._drain(self._in_flight.partitions, LEAVE_SECONDS)
            self._assignment.commit()
            leave_group(self._consumer, self._stage)

    def _join(self) -> KafkaConsumer:
        consumer, _ = join_group(
            self._config,
            self._stage,
            self._group,
            self._topics,
            self._own,
            max_poll_records=self._config.batch_records,
            fetch_max_bytes=self._config.batch_bytes,
            fetch_max_wait_ms=FETCH_WAIT_MS,
            session_timeout_ms=int(self._config.session_seconds * 1000),
            heartbeat_interval_ms=int(self._config.session_seconds * 300),
            max_poll_interval_ms=300_000,
            retry_backoff_ms=POLL_MS // 2,  # without a partition a poll sleeps this long, and begins again
        )
        return consumer

    def _own(self, consumer: KafkaConsumer) -> PartitionOwner:
        def drain(partitions: set[TopicPartition]) -> None:
            self._drain(partitions, min(REVOKE_SECONDS, self._config.session_seconds / 4))

        self._assignment = Assignment(self._stage, consumer, self._health, drain, self._in_flight.drop)
        return self._assignment

    def _drain(self, partitions: set[TopicPartition], seconds: float) -> None:
        self._assignment.mark_processed(one.raw for one in self._in_flight.drain(partitions, seconds))

    def _poll_once(self) -> None:
        try:
            with broker_errors(self._config):
                self._measure_lag()
                self._paused.resume_due(self._consumer)
                self._unhurried.resume_due(self._consumer)
                self._fetches.wait(self._took * self._others() if self._took else 0.0)
                # Last: what it returns must not be dropped for an error.
                polled = poll(self._consumer, IN_FLIGHT_POLL_MS if self._in_flight else POLL_MS)
        except OutageError as error:
            self._stop.wait(self._outage.failed(error))
            return
        self._health.progress()
        self._complete()
        self._unhurried.pause_read(self._consumer, polled)
        records = list(self._paused.take_due(self._consumer, polled))
        started = time.monotonic()
        for start, end in split(records, self._config.batch_bytes):
            if not self._run(records[start:end]):
                self._rewind(records[start:])
                break
        self._took = time.monotonic() - started if len(records) > 1 else 0.0
        self._assignment.commit_if_due(self._config.commit_seconds)
        if not polled and not (self._in_flight or self._paused or self._unhurried or self._assignment.uncommitted):
            self._quiet.wait(self._quiet_seconds)

    def _run(self, batch: Sequence[Record]) -> bool:
        """Has the batch processed and published; False where it is redelivered: cancelled, or its partitions lost."""
        self._assignment.begin()
        self._backlog.taken(batch)
        try:
            in_flight = self._await_batch(self._worker.submit(self._runner.run, batch))
        except Stopped:
            return False
        finally:
            self._assignment.end()
        self._in_flight.add(in_flight, self._assignment.lost)
        return self._assignment.mark_batch(batch, (one.raw for one in in_flight))

    def _complete(self) -> None:
        """Has the outcomes published of records in flight whose work is done. Cancelled, they are redelivered."""
        ready = self._in_flight.take_done()
        if not ready:
            return
        self._assignment.begin()
        try:
            again = self._await_batch(self._worker.submit(self._runner.complete, ready))
        except Stopped:
            return
        finally:
            self._assignment.end()
        self._in_flight.add(again, self._assignment.lost)
        still = {id(one.raw) for one in again}
        self._assignment.mark_processed(one.raw for one in ready if id(one.raw) not in still)

    def _await_batch(self, batch: "Future[list[InFlightRecord]]") -> list[InFlightRecord]:
        """What the batch returns once it is done; raises what it raised; stays in the group if it takes long."""
        started = time.monotonic()
        paused = False
        while not _is_done(batch):
            if self._stop.is_set() or self._assignment.lost:
                self._runner.cancel()
            if self._runner.waiting or time.monotonic() - started > self._config.patience_seconds:
                paused = True
                self._stay_in_group()
        if paused:
            self._paused.resume_others(self._consumer)
        return batch.result()

    def _stay_in_group(self) -> None:
        """Polls without taking anything."""
        self._consumer.pause(*self._consumer.assignment())
        try:
            with broker_errors():
                polled = poll(self._consumer, 100)
        except OutageError as error:
            log.warning("the group is unavailable", stage=self._stage, why=str(error))
        else:
            self._rewind(to_record(raw) for raw_records in polled.values() for raw in raw_records)

    def _rewind(self, records: Iterable[Record]) -> None:
        """Sets partitions back to the first of these records, so that they are read again."""
        first: dict[TopicPartition, int] = {}
        for record in records:
            first.setdefault(TopicPartition(record.topic, record.partition), record.offset)
        for partition in first.keys() & self._consumer.assignment():
            self._consumer.seek(partition, first[partition])

    def _measure_lag(self) -> None:
        """Raises what shows that the broker is unavailable, which `poll` keeps to itself."""
        ends = self._probe.ends(self._consumer, self._consumer.assignment())
        if ends is None:
            return
        lag = dict.fromkeys(self._topics, 0)
        for partition, end in ends.items():
            lag[partition.topic] += max(0, end - (position(self._consumer, partition) or 0))
        self._outage.over()
        self._backlog.measured(lag)


def _is_done(batch: "Future[Any]") -> bool:
    try:
        batch.exception(GRACE_SECONDS)
    except NotDoneError:
        return False
    return True
