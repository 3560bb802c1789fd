"""One background thread that follows topics: each record once, in the order of its partition; and how far it is."""

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

from runtime.config import ProcessConfig
from runtime.kafka.clients import broker_errors, make_admin, make_consumer, position
from runtime.kafka.topic_reader import TopicMissingError, assign_whole, to_record
from runtime.outages import Outage, OutageError, Stopped, retry_until_available
from runtime.telemetry.health import Health
from runtime.telemetry.logs import get_logger
from schemas.reasons import Reason
from schemas.wire import Record

if TYPE_CHECKING:
    from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition

log = get_logger(__name__)
R = TypeVar("R")

POLL_MS = 500  # a poll returns with the first record; how long it takes to notice that the process is to end
PROBE_SECONDS = 3.0  # how often the broker is asked where the topics end: a poll does not tell that it is unavailable
PROBE_MS = 4_000
POLL_RECORDS = 1_000  # in memory at once


class Follower:
    """Hands every record of the topics (full names) to `take`, in one thread of its own, batch by batch.

    `from_end`: only what comes after the start; else everything. `take` must skip what it cannot decode: what it raises
    ends the thread, which then is neither ready nor current. `told` is called when it becomes stale or current again.
    """

    def __init__(
        self,
        config: ProcessConfig,
        name: str,
        topics: Sequence[str],
        take: Callable[[Sequence[Record]], None],
        *,
        from_end: bool = False,
        health: Health | None = None,
        told: Callable[[], None] = lambda: None,
    ) -> None:
        self._config = config
        self._name = name
        self._topics = tuple(topics)
        self._take = take
        self._from_end = from_end
        self._health = health or Health()
        self._told = told
        self._ready = threading.Event()
        self._moved = threading.Condition()
        self._positions: dict[TopicPartition, int] = {}
        self._current_at = datetime.now(UTC)
        self._stale_since: datetime | None = None
        self._admin: KafkaAdminClient | None = None
        self._admin_lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def start(self, stop: threading.Event) -> None:
        """Starts the thread, which ends after `stop`. Does not wait for the broker: `wait_ready` does."""
        self._health.ready(self._name, False, "the topics are being read")
        self._thread = threading.Thread(target=self._run, args=(stop,), name=self._name, daemon=True)
        self._thread.start()

    def join(self, seconds: float = 5.0) -> None:
        """Waits for the thread's end, after `stop`."""
        if self._thread is not None:
            self._thread.join(seconds)

    @property
    def ready(self) -> bool:
        """Whether everything was taken that was on the topics at the start."""
        return self._ready.is_set()

    def wait_ready(self, seconds: float) -> bool:
        return self._ready.wait(seconds)

    @property
    def stale_since(self) -> datetime | None:
        """When the broker was last heard of, where it does not answer now."""
        return self._stale_since

    def catch_up(self, seconds: float) -> bool:
        """Waits until everything was taken that is on the topics now: a caller then reads what it has published.

        False: not within `seconds`, or the broker does not respond.
        """
        deadline = time.monotonic() + seconds
        if not self._ready.wait(seconds):
            return False
        try:
            ends = self._ends(deadline)
        except OutageError:
            return False
        with self._moved:
            return self._moved.wait_for(lambda: self._has(ends), max(0.0, deadline - time.monotonic()))

    # ---- the caller's thread ----

    def _ends(self, deadline: float) -> "dict[TopicPartition, int]":
        """By a client of its own: the thread's consumer may be in a poll. Raises `OutageError`."""
        from kafka.admin import OffsetSpec

        with self._admin_lock:
            timeout_ms = max(1, int((deadline - time.monotonic()) * 1000))
            try:
                with broker_errors():
                    admin = self._admin = self._admin or make_admin(self._config)
                    wanted = dict.fromkeys(self._positions, OffsetSpec.LATEST)
                    found = admin.list_partition_offsets(wanted, timeout_ms=timeout_ms)
            except OutageError:
                self._close_admin()
                raise
        return {partition: place.offset for partition, place in found.items()}

    def _close_admin(self) -> None:
        if self._admin is not None:
            with suppress(Exception):  # whatever is left of it, another is made
                self._admin.close()
            self._admin = None

    def _has(self, ends: "dict[TopicPartition, int]") -> bool:
        return all(self._positions.get(partition, 0) >= end for partition, end in ends.items())

    # ---- the follower's own thread ----

    def _run(self, stop: threading.Event) -> None:
        try:
            self._follow(stop)
        except Stopped:
            pass
        except Exception:
            log.exception("a view has stopped and is no longer updated", view=self._name)
            self._health.ready(self._name, False, "it has failed, see the log; restart the process")
            self._set_stale(self._current_at)
        finally:
            with self._admin_lock:
                self._close_admin()

    def _follow(self, stop: threading.Event) -> None:
        outage = Outage(self._name, self._health)
        consumer, ends = retry_until_available(lambda: self._heard(self._open), outage, stop.wait)
        try:
            probed = time.monotonic()
            while not stop.is_set():
                # Before the poll: one of an empty topic takes its time.
                retry_until_available(lambda: self._move(consumer, ends), outage, stop.wait)
                if time.monotonic() - probed > PROBE_SECONDS:
                    retry_until_available(lambda: self._heard(lambda: _probe(consumer)), outage, stop.wait)
                    probed = time.monotonic()
                records = retry_until_available(lambda: _poll(consumer), outage, stop.wait)
                if records:
                    self._take(records)
        finally:
            consumer.close(autocommit=False)

    def _open(self) -> "tuple[KafkaConsumer, dict[TopicPartition, int]]":
        consumer = make_consumer(self._config, self._name, fetch_max_wait_ms=POLL_MS, max_poll_records=POLL_RECORDS)
        try:
            with broker_errors():
                ends = assign_whole(consumer, self._topics)
                if self._from_end:
                    for partition, end in ends.items():
                        consumer.seek(partition, end)
                return consumer, ends
        except TopicMissingError as error:
            consumer.close(autocommit=False)
            raise OutageError(Reason.BROKER_AWAY, str(error)) from error
        except OutageError:
            consumer.close(autocommit=False)
            raise

    def _move(self, consumer: "KafkaConsumer", ends: "dict[TopicPartition, int]") -> None:
        """Says how far it is: everything before these positions has been taken."""
        with broker_errors():
            found = {partition: position(consumer, partition) for partition in ends}
        with self._moved:
            self._positions |= {partition: offset for partition, offset in found.items() if offset is not None}
            self._moved.notify_all()
        if not self._ready.is_set() and self._positions.keys() == ends.keys() and self._has(ends):
            self._ready.set()
            self._health.ready(self._name, True)
            self._told()

    def _heard(self, ask: Callable[[], R]) -> R:
        """What the broker answers; that it does not makes the view stale."""
        try:
            answer = ask()
        except OutageError:
            self._set_stale(self._current_at)
            raise
        self._current_at = datetime.now(UTC)
        self._set_stale(None)
        return answer

    def _set_stale(self, since: datetime | None) -> None:
        before, self._stale_since = self._stale_since, since
        if before != since:
            self._told()


def _probe(consumer: "KafkaConsumer") -> None:
    with broker_errors():
        consumer.end_offsets(list(consumer.assignment()), timeout_ms=PROBE_MS)


def _poll(consumer: "KafkaConsumer") -> list[Record]:
    with broker_errors():
        batches = consumer.poll(POLL_MS)
    return [to_record(raw) for batch in batches.values() for raw in batch]
