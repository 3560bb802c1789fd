"""One process of ingest among its equals: which partitions of `mailbox.cursors` are ours, and so which watchers run."""

import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

from kafka import KafkaConsumer, TopicPartition
from kafka.consumer.subscription_state import ConsumerRebalanceListener
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor

from ingest.watchers import WatcherPool
from runtime.broker_rights import require_topics
from runtime.clients import broker_errors, make_consumer, partition_counts, position
from runtime.config import ProcessConfig
from runtime.consumer import PROBE_MS, PROBE_SECONDS
from runtime.health import Health
from runtime.logs import get_logger
from runtime.outcomes import OutageError
from runtime.topic_reader import to_record
from runtime.waiting import Outage, Stopped, retry_until_available, wait_for_broker
from schemas.snapshot import SettingsSnapshot
from schemas.topics import MAILBOX_CURSORS
from schemas.wire import Record, UndecodableError, decode

log = get_logger(__name__)

GROUP = "ingest"
POLL_MS = 1_000
SESSION_MS = 6_000  # the least that brokers allow by default; a replica that is killed has handed on within 20 s
HEARTBEAT_MS = 2_000


class WatcherGroupMember(ConsumerRebalanceListener):  # type: ignore[misc]  # it has no types
    """Shares the servers out with the other replicas through a consumer group; commits nothing.

    A partition that comes to us is read from its beginning to its end, so that all cursors are known, and then paused:
    from there on our own watchers are its only writers. Of one that leaves, the watchers are stopped first.
    """

    def __init__(
        self, config: ProcessConfig, settings: Callable[[], SettingsSnapshot], watchers: WatcherPool, health: Health
    ) -> None:
        self._config = config
        self._settings = settings
        self._watchers = watchers
        self._health = health
        self._topic = MAILBOX_CURSORS.name(config.topic_prefix)
        self._probed_at = 0.0
        self._changed = threading.Event()  # settings or ownership: the watchers are to be adjusted
        self._loading: dict[TopicPartition, int] = {}  # newly ours -> the end it is read to
        self._arrived: set[TopicPartition] = set()  # newly ours, its end not yet asked for
        self._owned: set[TopicPartition] = set()  # ours, and its cursors known

    def settings_changed(self, _snapshot: SettingsSnapshot) -> None:
        """For `SettingsView.on_change`; called from its thread."""
        self._changed.set()

    def run(self, stop: threading.Event) -> None:
        """Returns after `stop`, with every watcher at its end and the group left."""
        self._health.ready("assignment", False, "no partitions yet")
        try:
            consumer = wait_for_broker(self._join, "ingest", self._health, stop)
        except Stopped:
            return
        outage = Outage("ingest", self._health)
        try:
            while not stop.is_set():
                retry_until_available(lambda: self._turn(consumer), outage, stop.wait)
        except Stopped:
            pass
        finally:
            self._watchers.close()
            self._leave(consumer)

    def _join(self) -> KafkaConsumer:
        consumer = make_consumer(
            self._config,
            "ingest",
            group_id=f"{self._config.topic_prefix}.{GROUP}",
            partition_assignment_strategy=(CooperativeStickyAssignor,),  # a new replica does not end all connections
            session_timeout_ms=SESSION_MS,
            heartbeat_interval_ms=HEARTBEAT_MS,
            retry_backoff_ms=POLL_MS // 2,  # with everything paused a poll sleeps for so long, and begins anew
        )
        consumer.subscribe([self._topic], listener=self)
        try:
            with broker_errors():
                # After `subscribe`: a member that learns of its topics only after joining has to join once more.
                counts = partition_counts(consumer, [self._topic])
                require_topics([self._topic], counts)
        except OutageError:
            consumer.close(autocommit=False)
            raise
        self._partitions = counts[self._topic]
        return consumer

    def _leave(self, consumer: KafkaConsumer) -> None:
        try:
            with broker_errors():
                consumer.close(autocommit=False, timeout_ms=5_000)
        except OutageError as error:
            log.warning("could not tell the group good-bye; it notices by itself", why=str(error))

    def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        gone = set(revoked)
        self._watchers.drop({tp.partition for tp in gone}, self._partitions)
        self._owned -= gone
        self._arrived -= gone
        for tp in gone:
            self._loading.pop(tp, None)
        log.info("partitions given up", partitions=sorted(tp.partition for tp in gone))

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        self._arrived |= set(assigned)

    def _turn(self, consumer: KafkaConsumer) -> None:
        with broker_errors(self._config):
            self._probe_if_time(consumer)
            batches: dict[TopicPartition, list[Any]] = consumer.poll(POLL_MS)
            for batch in batches.values():
                for raw in batch:
                    self._learn(to_record(raw))
            self._load(consumer)
        if self._changed.is_set():
            self._changed.clear()
            self._watchers.adjust(self._settings(), {tp.partition for tp in self._owned}, self._partitions)
        self._health.progress()

    def _probe_if_time(self, consumer: KafkaConsumer) -> None:
        """Raises what shows that the broker is away, which `poll` keeps to itself."""
        now = time.monotonic()
        if now - self._probed_at >= PROBE_SECONDS:
            self._probed_at = now
            consumer.end_offsets([TopicPartition(self._topic, 0)], timeout_ms=PROBE_MS)

    def _load(self, consumer: KafkaConsumer) -> None:
        """Go on reading what is newly ours; what is read to its end is owned."""
        if self._arrived:
            self._loading |= consumer.end_offsets(sorted(self._arrived), timeout_ms=PROBE_MS)
            self._arrived.clear()
        loaded = {tp for tp, end in self._loading.items() if (position(consumer, tp) or 0) >= end}
        if loaded:
            consumer.pause(*loaded)
            for tp in loaded:
                del self._loading[tp]
            self._owned |= loaded
            self._changed.set()
        if not self._loading:
            self._health.ready("assignment", True)

    def _learn(self, record: Record) -> None:
        server_id = (record.key or b"").decode("utf-8", "replace")
        if record.value is None:
            self._watchers.learn(server_id, None)
            return
        try:
            _, cursor = decode(MAILBOX_CURSORS, record)
        except UndecodableError as error:
            log.error("a cursor cannot be read; its mailbox counts as never read", server=server_id, why=str(error))
        else:
            self._watchers.learn(server_id, cursor)
