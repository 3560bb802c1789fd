"""One instance of ingest in its consumer group: its partitions of `mailbox.cursors` say which watchers run here."""

import threading
from collections.abc import Callable, Mapping
from typing import Any

from ingest.watchers import WatcherPool
from runtime.config import ProcessConfig
from runtime.kafka.clients import broker_errors, position
from runtime.kafka.library import CooperativeStickyAssignor, KafkaConsumer, TopicPartition
from runtime.kafka.quiet_waits import QuietWaits
from runtime.kafka.topic_reader import to_record
from runtime.outages import Outage, Stopped, retry_until_available, wait_for_broker
from runtime.processing.group import PROBE_MS, PROBE_SECONDS, BrokerProbe, join_group, leave_group
from runtime.telemetry.health import Health
from runtime.telemetry.logs import get_logger
from schemas.snapshot import SettingsSnapshot
from schemas.topics import MAILBOX_CURSORS
from schemas.wire import Record, UndecodableError, decode

log = get_logger(__name__)

GROUP = STAGE = "ingest"
POLL_MS = 1_000
SESSION_MS = 6_000  # the least that brokers allow by default; of a killed instance the others watch all within 20 s
HEARTBEAT_MS = 2_000


class WatcherGroupMember:
    """Divides the servers among the instances by a consumer group; commits nothing. A `PartitionOwner`.

    An assigned partition is read from its beginning to its end, so that all cursors are known, and then paused: from
    there on our own watchers are its only writers. When it is revoked, its watchers are stopped first.
    """

    def __init__(
        self, config: ProcessConfig, settings: Callable[[], SettingsSnapshot], watchers: WatcherPool, health: Health
    ) -> None:
        self._config = config
        self._settings = settings
        self._watchers = watchers
        self._health = health
        self._topic = MAILBOX_CURSORS.name(config.topic_prefix)
        self._probe = BrokerProbe()
        self._changed = threading.Event()  # settings or assignment: the watchers must be adjusted
        self._loading: dict[TopicPartition, int] = {}  # newly assigned -> the end it is read to
        self._arrived: set[TopicPartition] = set()  # newly assigned, its end not yet asked for
        self._owned: set[TopicPartition] = set()  # assigned, and its cursors known
        self._quiet: QuietWaits | None = None  # once it is in the group

    def settings_changed(self, _snapshot: SettingsSnapshot) -> None:
        """For `SettingsView.on_change`; called from its thread."""
        self._changed.set()
        if self._quiet:
            self._quiet.wake()

    def run(self, stop: threading.Event) -> None:
        """Returns after `stop`, with every watcher ended and the group left."""
        self._health.ready("assignment", False, "no partitions yet")
        try:
            consumer = wait_for_broker(self._join, STAGE, self._health, stop)
        except Stopped:
            return
        outage = Outage(STAGE, self._health)
        self._quiet = quiet = QuietWaits(consumer, stop)
        try:
            while not stop.is_set():
                retry_until_available(lambda: self._poll_once(consumer, quiet), outage, stop.wait)
                if not self._changed.is_set():
                    quiet.wait(PROBE_SECONDS)
        except Stopped:
            pass
        finally:
            self._watchers.close()
            leave_group(consumer, STAGE)

    def _join(self) -> KafkaConsumer:
        consumer, counts = join_group(
            self._config,
            STAGE,
            GROUP,
            [self._topic],
            lambda _consumer: self,
            partition_assignment_strategy=(CooperativeStickyAssignor,),  # a new instance does not end all connections
            session_timeout_ms=SESSION_MS,
            heartbeat_interval_ms=HEARTBEAT_MS,
            retry_backoff_ms=POLL_MS // 2,  # with everything paused a poll sleeps this long, and begins again
        )
        self._partitions = counts[self._topic]
        return consumer

    def on_assigned(self, partitions: set[TopicPartition]) -> None:
        self._arrived |= partitions

    def on_revoked(self, partitions: set[TopicPartition]) -> Mapping[TopicPartition, int]:
        self._watchers.drop({tp.partition for tp in partitions}, self._partitions)
        self._owned -= partitions
        self._arrived -= partitions
        for tp in partitions:
            self._loading.pop(tp, None)
        return {}

    def on_lost(self, partitions: set[TopicPartition]) -> None:
        self.on_revoked(partitions)

    def _poll_once(self, consumer: KafkaConsumer, quiet: QuietWaits) -> None:
        with broker_errors(self._config):
            self._probe.ends(consumer, [TopicPartition(self._topic, 0)])
            batches: dict[TopicPartition, list[Any]] = consumer.poll(0 if quiet.nothing_to_do else POLL_MS)
            for batch in batches.values():
                for raw in batch:
                    self._learn(to_record(raw))
            self._load(consumer)
        if self._changed.is_set():
            self._changed.clear()
            self._watchers.adjust(self._settings(), {tp.partition for tp in self._owned}, self._partitions)
        self._health.progress()

    def _load(self, consumer: KafkaConsumer) -> None:
        """Continues reading what is newly assigned; what is read to its end is owned."""
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
            log.error("a cursor cannot be decoded; its mailbox counts as never read", server=server_id, why=str(error))
        else:
            self._watchers.learn(server_id, cursor)
