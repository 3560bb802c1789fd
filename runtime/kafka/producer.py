"""Producing: every record acknowledged by all replicas before `publish` returns, many records in one wait."""

import threading
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from runtime.config import ProcessConfig
from runtime.kafka.clients import DELIVERY_SECONDS, broker_trouble, make_producer
from runtime.outages import OutageError
from runtime.telemetry.metrics import PUBLISH_FAILURES, PUBLISHED
from schemas.reasons import Reason
from schemas.wire import Header, OutputRecord

if TYPE_CHECKING:
    from kafka import KafkaProducer

    from runtime.kafka.appending import Appended

# Longer than the producer retries by itself, which it may fail to notice: kafka-python 3.0.12 never sends again once a
# batch has passed its delivery time-out after having been sent, and what it holds then never expires.
FLUSH_SECONDS = DELIVERY_SECONDS + 2.0
OVERHEAD_BYTES = 1024  # what a batch of one record has beside key, value and headers
END_SECONDS = 5.0  # until the thread of a producer that is thrown away has failed all that is waited for


class ProducerRecord(NamedTuple):
    """One record to produce, as any Kafka client takes it: the topic's full name, raw key and value."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: tuple[Header, ...] = ()

    @property
    def size(self) -> int:
        """Bytes of key, value and headers."""
        return len(self.key or b"") + len(self.value or b"") + sum(len(n) + len(v) for n, v in self.headers)


class UnpublishableError(Exception):
    """A record that broker or client refuse for what it is, so that no retry can succeed: mostly, it is too large."""


class Publisher:
    """One producer for all threads of a process; connects at the first `publish`, and again after a failure."""

    def __init__(self, config: ProcessConfig, role: str = "publisher") -> None:
        self._config = config
        self._role = role
        self._lock = threading.Lock()
        self._producer: KafkaProducer | None = None

    def publish(self, records: Sequence[OutputRecord | ProducerRecord]) -> None:
        """Returns when all are acknowledged (acks=all, idempotent); the order of each key is kept.

        Bounded: raises once nothing has come back for `FLUSH_SECONDS`, for every thread that waits by then.
        Raises `OutageError`: publish all of them again later. Raises `UnpublishableError`: one of them
        can never be published; others may have been.
        """
        if not records:
            return
        prefix = self._config.topic_prefix
        prepared = [prepare(one, prefix) if isinstance(one, OutputRecord) else one for one in records]
        for record in prepared:
            check_size(record, self._config.kafka_max_record_bytes)
        producer = self._connect()
        try:
            _send_all(producer, prepared, self._config)
        except OutageError as error:
            PUBLISH_FAILURES.labels(error.reason).inc()
            self._discard(producer)
            raise
        except UnpublishableError:
            self._discard(producer)  # it would fail every later record with the same error
            raise
        for topic, count in Counter(record.topic for record in prepared).items():
            PUBLISHED.labels(topic.removeprefix(f"{prefix}.")).inc(count)

    def close(self) -> None:
        """Closes the connection. Nothing can be in flight: `publish` waits for all it sends."""
        if self._producer is not None:
            self._discard(self._producer)

    def _connect(self) -> "KafkaProducer":
        with self._lock:
            if self._producer is None:
                self._producer = make_producer(self._config, self._role)
            return self._producer

    def _discard(self, producer: "KafkaProducer") -> None:
        with self._lock:
            if self._producer is producer:
                self._producer = None
        _end(producer)


def prepare(record: OutputRecord, prefix: str) -> ProducerRecord:
    """A record of a topic of the catalogue, with the topic's name at the broker."""
    return ProducerRecord(
        record.topic.name(prefix), record.key.encode("utf-8", "replace"), record.value, record.headers
    )


def check_size(record: ProducerRecord, max_record_bytes: int) -> None:
    """Raises `UnpublishableError` where the record is larger than our topics accept."""
    if record.size > max_record_bytes - OVERHEAD_BYTES:
        raise UnpublishableError(
            f"a record of {record.size} bytes for {record.topic} is larger than topics accept: "
            f"MAILCALL_KAFKA_MAX_RECORD_BYTES is {max_record_bytes}"
        )


def _end(producer: "KafkaProducer") -> None:
    """By force: what it still holds is failed at once. `close` alone would flush first, and give up at that."""
    from kafka.errors import KafkaTimeoutError

    producer._sender.force_close()
    producer._sender.join(END_SECONDS)
    with suppress(KafkaTimeoutError):
        producer.close(timeout=0)


def _send_all(producer: "KafkaProducer", records: Sequence[ProducerRecord], config: ProcessConfig) -> None:
    from kafka.errors import InvalidRecordError, KafkaError, MessageSizeTooLargeError, RecordListTooLargeError

    refused = (MessageSizeTooLargeError, RecordListTooLargeError, InvalidRecordError, TypeError, ValueError)
    try:
        appended = _append(producer, records)
        producer.flush(FLUSH_SECONDS)
        errors = [error for one in appended if (error := one.exception) is not None]
        # Of a batch with one bad record the others fail too, with an error that says nothing: the bad one's decides.
        for error in sorted(errors, key=lambda error: not isinstance(error, refused)):
            raise error
    except refused as error:
        raise UnpublishableError(f"the broker refuses a record for what it is: {type(error).__name__}") from error
    except KafkaError as error:
        raise broker_trouble(error, config) from error
    except OSError as error:
        raise OutageError(Reason.BROKER_AWAY, f"the Kafka broker cannot be reached: {error}") from error


def _append(producer: "KafkaProducer", records: Sequence[ProducerRecord]) -> "list[Appended]":
    """What becomes of each record is known after the next flush, which sends them.

    `KafkaProducer.send` does the same for a third more CPU: it wakes the thread that sends whenever a record begins a
    batch, long before the flush that ends it, and checks and measures what we have checked and measured.
    """
    from kafka import TopicPartition

    from runtime.kafka.appending import append
    from runtime.kafka.partitioner import partition_of_key

    places = {
        topic: [TopicPartition(topic, number) for number in sorted(producer.partitions_for(topic))]
        for topic in {record.topic for record in records}
    }
    appended: list[Appended] = []
    for record in records:
        if record.key is None:  # to any partition, as kafka-python chooses
            appended.append(producer.send(record.topic, record.value, None, list(record.headers)))
            continue
        of_topic = places[record.topic]
        place = of_topic[partition_of_key(record.key, len(of_topic))]
        appended.append(append(producer._accumulator, place, record.key, record.value, record.headers))
    return appended
