"""How every Kafka client of ours is made, and what counts as the broker being away."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from runtime.config import ProcessConfig
from runtime.header_names import mend_kafka_python
from runtime.outcomes import OutageError
from schemas.reasons import Reason

if TYPE_CHECKING:
    from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition

POSITION_MS = 250
METADATA_MS = 10_000
DELIVERY_SECONDS = 20.0  # so long a producer tries to get a record through
MAX_RECORD_BYTES = 16 * 1024 * 1024  # what our topics accept and our clients carry; foreign records may be as large


def _common(config: ProcessConfig, role: str) -> dict[str, Any]:
    return {
        "bootstrap_servers": [server.strip() for server in config.kafka_bootstrap_servers.split(",")],
        "client_id": f"{config.topic_prefix}-{role}",
        "bootstrap_timeout_ms": 5_000,
        "request_timeout_ms": 10_000,
        "reconnect_backoff_max_ms": 2_000,  # with the default of 30 s, 25 s without a broker cost 52 s
        "metadata_max_age_ms": 60_000,
    }


def make_producer(config: ProcessConfig, role: str) -> "KafkaProducer":
    """An idempotent producer that waits for all replicas. Raises `OutageError` (BROKER_AWAY)."""
    from kafka import KafkaProducer

    from runtime.partitioner import KeyPartitioner

    with broker_errors():
        return KafkaProducer(
            **_common(config, role),
            acks="all",
            enable_idempotence=True,
            compression_type="lz4",
            linger_ms=50,  # never waited for: a batch ends with a flush
            batch_size=512 * 1024,
            partitioner=KeyPartitioner(),
            max_request_size=MAX_RECORD_BYTES,
            max_block_ms=10_000,
            delivery_timeout_ms=int(DELIVERY_SECONDS * 1000),
            metrics_enabled=False,
            allow_auto_create_topics=False,
        )


def make_consumer(config: ProcessConfig, role: str, **settings: Any) -> "KafkaConsumer":
    """A consumer that commits nothing by itself, and sees no record of an open or aborted transaction.

    Raises `OutageError`.
    """
    from kafka import KafkaConsumer

    mend_kafka_python()
    defaults = {
        "enable_auto_commit": False,
        "isolation_level": "read_committed",
        "auto_offset_reset": "earliest",
        "metrics_enabled": False,
        "allow_auto_create_topics": False,
    }
    with broker_errors():
        return KafkaConsumer(**_common(config, role), **{**defaults, **settings})


def make_admin(config: ProcessConfig) -> "KafkaAdminClient":
    """A client for topics. Raises `OutageError` (BROKER_AWAY)."""
    from kafka import KafkaAdminClient

    with broker_errors():
        return KafkaAdminClient(**_common(config, "admin"))


def position(consumer: "KafkaConsumer", partition: "TopicPartition") -> int | None:
    """Offset of the record that comes next; None where that is not known at once.

    Bounded: without a time-out kafka-python waits for ever, for the broker, or for the group of the consumer, which
    cannot go on without a poll of ours.
    """
    offset: int | None = consumer.position(partition, timeout_ms=POSITION_MS)
    return offset


def poll(consumer: "KafkaConsumer", timeout_ms: int) -> "dict[TopicPartition, list[Any]]":
    """`consumer.poll` for consumers that pause and resume partitions.

    kafka-python 3.0.12 parks what it has read of a paused partition, and takes it up again only where
    `_next_partition_records` is None. A used up one stays there instead: the partition would never be read again.
    """
    fetcher = consumer._fetcher
    if not fetcher._next_partition_records:
        fetcher._next_partition_records = None
    polled: dict[TopicPartition, list[Any]] = consumer.poll(timeout_ms)
    return polled


def partition_counts(consumer: "KafkaConsumer", topics: Collection[str]) -> dict[str, int]:
    """Number of partitions of each of these topics (full names) that exists, as the broker says now.

    kafka-python 3.0.12 asks for every topic of the cluster where a consumer is asked for one that it does not know: on
    a broker with thousands of topics that is megabytes to decode for each consumer. Raises kafka-python's errors.
    """
    from kafka.errors import UnknownTopicOrPartitionError

    cluster = consumer._cluster
    if cluster.metadata_refresh_in_progress:  # its answer may be about other topics
        consumer._net.run(consumer._manager.wait_for, cluster.request_update(), METADATA_MS)
    cluster.set_topics(topics)
    try:
        consumer._net.run(consumer._manager.wait_for, cluster.request_update(), METADATA_MS)
    except UnknownTopicOrPartitionError:
        return {}  # only raised where one topic was asked for
    known = ((topic, cluster.partitions_for_topic(topic)) for topic in topics)
    return {topic: len(numbers) for topic, numbers in known if numbers}


@contextmanager
def broker_errors() -> Iterator[None]:
    """Turns what kafka-python raises when the broker does not answer, or refuses, into `OutageError`."""
    from kafka.errors import KafkaError

    try:
        yield
    except (KafkaError, OSError) as error:
        raise broker_trouble(error) from error


def broker_trouble(error: BaseException) -> OutageError:
    """BROKER_REFUSES where it answered that it will not until somebody sees to it, else BROKER_AWAY."""
    from kafka import errors

    if isinstance(error, errors.InvalidTimestampError):
        now = datetime.now(UTC).isoformat(" ", "seconds")
        return OutageError(Reason.BROKER_REFUSES, f"the Kafka broker refuses the time of a record: is it {now} now?")
    refusals = (
        errors.AuthorizationError,
        errors.SaslAuthenticationFailedError,
        errors.UnsupportedSaslMechanismError,
        errors.PolicyViolationError,
        errors.UnsupportedVersionError,
    )
    if isinstance(error, refusals):
        return OutageError(Reason.BROKER_REFUSES, f"the Kafka broker refuses: {error}"[:300])
    return OutageError(Reason.BROKER_AWAY, f"the Kafka broker does not answer as it should: {error}"[:300])
