"""The settings as they are now: a snapshot of the compacted topic, kept up to date by a thread."""

import threading
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from runtime.config import ProcessConfig
from runtime.kafka.clients import broker_errors, make_consumer
from runtime.kafka.topic_reader import TopicMissingError, assign_whole, to_record, unread
from runtime.outages import Outage, OutageError, Stopped, retry_until_available, wait_for_broker
from runtime.telemetry.health import Health
from runtime.telemetry.logs import get_logger
from runtime.telemetry.metrics import SETTINGS_RECORDS, SETTINGS_VERSION
from schemas.keyed import decode_keyed, key_of
from schemas.reasons import Reason
from schemas.settings import Setting
from schemas.snapshot import SettingsSnapshot
from schemas.topics import SETTINGS
from schemas.wire import Record, UndecodableError

if TYPE_CHECKING:
    from kafka import KafkaConsumer, TopicPartition

log = get_logger(__name__)

# A change ends a fetch at once, and its one partition is never paused, so no fetch leaves it out. That a broker is gone
# without a word is noticed the later, the longer the broker may take.
FETCH_WAIT_MS = 20_000
RESPONSE_MS = FETCH_WAIT_MS + 5_000
Change = tuple[str, Setting | None, int]


class SettingsView:
    """`current` is a value: take it once per batch, so that a batch is processed with one snapshot."""

    def __init__(self, config: ProcessConfig, health: Health | None = None) -> None:
        self._config = config
        self._health = health or Health()
        self._current = SettingsSnapshot()
        self._callbacks: list[Callable[[SettingsSnapshot], None]] = []
        self._complete = threading.Event()

    @property
    def current(self) -> SettingsSnapshot:
        return self._current

    def on_change(self, callback: Callable[[SettingsSnapshot], None]) -> None:
        """`callback(snapshot)` is called in the view's thread after each change."""
        self._callbacks.append(callback)

    def start(self, stop: threading.Event) -> None:
        """Returns when the snapshot is complete, or `stop` is set. Waits for the broker, and says so."""
        self._health.ready("settings", False, "the settings are being read")
        try:
            consumer = wait_for_broker(self._open, "settings", self._health, stop)
        except Stopped:
            return
        threading.Thread(target=self._follow, args=(consumer, stop), name="settings", daemon=True).start()
        while not self._complete.wait(0.2) and not stop.is_set():
            pass
        self._health.ready("settings", self._complete.is_set())

    def apply(self, records: Iterable[Record]) -> None:
        """Applies records of the settings topic to `current`."""
        changes = list(_changes(records))
        if not changes:
            return
        self._current = self._current.with_changes(changes)
        SETTINGS_VERSION.set(changes[-1][2])
        if self._complete.is_set():
            self._notify()

    def _open(self) -> "tuple[KafkaConsumer, dict[TopicPartition, int]]":
        consumer = make_consumer(
            self._config,
            "settings",
            fetch_max_wait_ms=FETCH_WAIT_MS,
            request_timeout_ms=RESPONSE_MS,
            max_poll_records=2000,
        )
        try:
            with broker_errors():
                return consumer, assign_whole(consumer, [SETTINGS.name(self._config.topic_prefix)])
        except TopicMissingError as error:
            consumer.close(autocommit=False)
            raise OutageError(Reason.BROKER_AWAY, str(error)) from error
        except OutageError:
            consumer.close(autocommit=False)
            raise

    def _follow(self, opened: "tuple[KafkaConsumer, dict[TopicPartition, int]]", stop: threading.Event) -> None:
        consumer, ends = opened
        outage = Outage("settings", self._health)
        try:
            while not stop.is_set():
                # Before the poll: one of an empty topic takes its time.
                if not self._complete.is_set() and not unread(consumer, ends):
                    self._complete.set()
                    self._notify()
                batches = retry_until_available(lambda: _poll(consumer), outage, stop.wait)
                self.apply(record for batch in batches.values() for record in map(to_record, batch))
        except Stopped:
            pass
        finally:
            consumer.close(autocommit=False)

    def _notify(self) -> None:
        for callback in self._callbacks:
            try:
                callback(self._current)
            except Exception:
                log.exception("a callback for changed settings failed; the view continues")


def _poll(consumer: "KafkaConsumer") -> dict[Any, list[Any]]:
    with broker_errors():
        batches: dict[Any, list[Any]] = consumer.poll(FETCH_WAIT_MS)
        return batches


def _changes(records: Iterable[Record]) -> Iterator[Change]:
    for record in records:
        key = key_of(record)
        if record.value is None:
            SETTINGS_RECORDS.labels("deleted").inc()
            yield key, None, record.offset
            continue
        try:
            _, setting = decode_keyed(SETTINGS, record)
        except UndecodableError as error:
            SETTINGS_RECORDS.labels("undecodable").inc()
            log.error(
                "a setting cannot be read; the earlier one stays in force",
                key=key[:200],
                offset=record.offset,
                why=str(error),
            )
        else:
            SETTINGS_RECORDS.labels("applied").inc()
            yield key, setting, record.offset
