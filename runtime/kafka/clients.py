"""How each of our Kafka clients is created, and which errors are an outage of the broker."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import cache
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from runtime.config import ProcessConfig
from runtime.kafka.brief_fetches import hold_kafka_python_fetches_briefly
from runtime.kafka.connection_check import why_unreachable
from runtime.kafka.poll_limits import limit_kafka_python_polls
from runtime.kafka.security import for_kafka_python, security_of
from runtime.kafka.selector import QuietSelector
from runtime.kafka.transport import use_sockets_quickly
from runtime.kafka.unreadable_records import fix_kafka_python_records
from runtime.outages import OutageError
from schemas.reasons import Reason

if TYPE_CHECKING:
    from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition

POSITION_MS = 250
METADATA_MS = 10_000
BATCH_BYTES = 512 * 1024  # no more than the least that a topic may be set to accept
DELIVERY_SECONDS = 20.0  # how long a producer tries to deliver a record


def _common(config: ProcessConfig, role: str) -> dict[str, Any]:
    use_sockets_quickly()
    return {
        "bootstrap_servers": [server.strip() for server in config.kafka_bootstrap_servers.split(",")],
        "client_id": f"{config.topic_prefix}-{role}",
        "bootstrap_timeout_ms": 5_000,
        "request_timeout_ms": 10_000,
        "reconnect_backoff_max_ms": 2_000,  # with the default of 30 s, 25 s without a broker cost 52 s
        "metadata_max_age_ms": 60_000,
        "selector": QuietSelector,
        **for_kafka_python(security_of(config)),
    }


def make_producer(config: ProcessConfig, role: str) -> "KafkaProducer":
    """An idempotent producer that waits for all replicas. Raises `OutageError` (BROKER_AWAY)."""
    from kafka import KafkaProducer

    from runtime.kafka.record_batches import build_batches_of_pieces
    from runtime.kafka.waiting_batches import show_waiting_batches_only

    build_batches_of_pieces()
    with broker_errors(config):
        producer = KafkaProducer(
            **_common(config, role),
            acks="all",
            enable_idempotence=True,
            compression_type="lz4",
            linger_ms=50,  # never waited for: a batch ends with a flush
            batch_size=BATCH_BYTES,
            max_request_size=config.kafka_max_record_bytes,
            max_block_ms=10_000,
            delivery_timeout_ms=int(DELIVERY_SECONDS * 1000),
            metrics_enabled=False,
            allow_auto_create_topics=False,
        )
    show_waiting_batches_only(producer)
    return producer


def make_consumer(config: ProcessConfig, role: str, **settings: Any) -> "KafkaConsumer":
    """A consumer that commits nothing by itself, and sees no record of an open or aborted transaction.

    Raises `OutageError`.
    """
    from kafka import KafkaConsumer

    from runtime.kafka.record_reader import count_no_header_sizes, read_records_quickly
    from runtime.kafka.response_bytes import copy_responses_less

    fix_kafka_python_records()
    read_records_quickly()
    count_no_header_sizes()
    copy_responses_less()
    limit_kafka_python_polls()
    hold_kafka_python_fetches_briefly()
    _finish_rejoins()
    _take_known_coordinators()
    _compare_fetches_quickly()
    defaults = {
        "enable_auto_commit": False,
        "isolation_level": "read_committed",
        "auto_offset_reset": "earliest",
        "metrics_enabled": False,
        "allow_auto_create_topics": False,
    }
    with broker_errors(config):
        return KafkaConsumer(**{**_common(config, role), **defaults, **settings})


@cache
def _finish_rejoins() -> None:
    """Once per process: a rejoin of a group that one poll begins is finished by a later one.

    kafka-python 3.0.12 leaves a rejoin in flight where the time of a poll is over, and asks at the next poll whether
    there is a reason to rejoin. Where the reason was that the group's leader saw other partitions than before, there is
    none any more: assigning them has renewed what it compares with. The rejoin is forgotten, and so is one that fails
    on its way; the consumer has no partition and sends no heartbeat from there on, for good and without a word.
    """
    from kafka.coordinator.consumer import ConsumerCoordinator

    has_reason = ConsumerCoordinator.need_rejoin

    def need_rejoin(coordinator: Any) -> bool:
        begun: bool = coordinator.rejoining and coordinator._subscription.partitions_auto_assigned()
        return begun or has_reason(coordinator)

    ConsumerCoordinator.need_rejoin = need_rejoin


@cache
def _take_known_coordinators() -> None:
    """Once per process: a poll of a group goes on at once where the group's coordinator is known and connected.

    kafka-python 3.0.12 asks the thread of its connections each time, and waits for it: a seventh of a poll's CPU.
    """
    from kafka.coordinator.base import BaseCoordinator

    wait_for_coordinator = BaseCoordinator.ensure_coordinator_ready

    def ensure_coordinator_ready(coordinator: Any, timeout_ms: float | None = None) -> bool:
        node = coordinator.coordinator_id
        known: bool = node is not None and not coordinator._client.is_disconnected(node)
        return known or wait_for_coordinator(coordinator, timeout_ms)

    BaseCoordinator.ensure_coordinator_ready = ensure_coordinator_ready


@cache
def _compare_fetches_quickly() -> None:
    """Once per process: each fetch is compared with the one before, partition by partition, for what has changed.

    kafka-python 3.0.12 walks through the protocol's schema for that, 4 us a partition; the values alone take 0.4.
    """
    from kafka.protocol.consumer import FetchRequest

    values = attrgetter(
        "partition", "fetch_offset", "current_leader_epoch", "last_fetched_epoch", "partition_max_bytes"
    )
    FetchRequest.FetchTopic.FetchPartition.__eq__ = lambda one, other: values(one) == values(other)


def make_admin(config: ProcessConfig) -> "KafkaAdminClient":
    """A client for topics. Raises `OutageError` (BROKER_AWAY)."""
    from kafka import KafkaAdminClient

    with broker_errors(config):
        return KafkaAdminClient(**_common(config, "admin"))


def position(consumer: "KafkaConsumer", partition: "TopicPartition") -> int | None:
    """Offset of the record that is read next; None where that is not known at once.

    Bounded: without a time-out kafka-python waits for ever, for the broker, or for the group of the consumer, which
    cannot go on without a poll of ours. Where the position is known it is taken as it is: kafka-python 3.0.12 looks at
    every partition of the consumer first, each time, which for 48 partitions is 8 ms.
    """
    state = consumer._subscription.assignment.get(partition)
    if state is not None and state.position is not None and not state.awaiting_validation:
        known: int = state.position.offset
        return known
    offset: int | None = consumer.position(partition, timeout_ms=POSITION_MS)
    return offset


def poll(consumer: "KafkaConsumer", timeout_ms: int) -> "dict[TopicPartition, list[Any]]":
    """`consumer.poll` for consumers that pause and resume partitions.

    kafka-python 3.0.12 parks what it has read of a paused partition, and takes it up again only where
    `_next_partition_records` is None. A used-up one stays there instead: the partition would never be read again.
    """
    fetcher = consumer._fetcher
    if not fetcher._next_partition_records:
        fetcher._next_partition_records = None
    polled: dict[TopicPartition, list[Any]] = consumer.poll(timeout_ms)
    return polled


def partition_counts(consumer: "KafkaConsumer", topics: Collection[str]) -> dict[str, int]:
    """Number of partitions of each of these topics (full names) that exists, as the broker says now.

    kafka-python 3.0.12 requests every topic of the cluster where a consumer is asked for one that it does not know: on
    a broker with thousands of topics that is megabytes to decode for each consumer. Raises kafka-python's errors.
    """
    from kafka.errors import TopicAuthorizationFailedError, UnknownTopicOrPartitionError

    cluster = consumer._cluster
    if cluster.metadata_refresh_in_progress:  # its response may be about other topics
        with suppress(UnknownTopicOrPartitionError):
            consumer._net.run(consumer._manager.wait_for, cluster.request_update(), METADATA_MS)
    try:
        with _asking_at_once(cluster):
            cluster.set_topics(topics)
            consumer._net.run(consumer._manager.wait_for, cluster.request_update(), METADATA_MS)
    except UnknownTopicOrPartitionError:
        return {}  # only raised where one topic was asked for
    hidden = cluster.unauthorized_topics.intersection(topics)
    if hidden:
        raise TopicAuthorizationFailedError(f"to read {min(hidden)}")
    known = ((topic, cluster.partitions_for_topic(topic)) for topic in topics)
    return {topic: len(numbers) for topic, numbers in known if numbers}


@contextmanager
def _asking_at_once(cluster: Any) -> Iterator[None]:
    """kafka-python 3.0.12 waits 100 ms from one response about topics to the next request, whatever `retry_backoff_ms`
    it is given: a start, or a person who looks at a record, would wait for that each time."""
    wait = cluster.config["retry_backoff_ms"]
    cluster.config["retry_backoff_ms"] = 0
    try:
        yield
    finally:
        cluster.config["retry_backoff_ms"] = wait


@contextmanager
def broker_errors(config: ProcessConfig | None = None) -> Iterator[None]:
    """Turns what kafka-python raises when the broker does not respond, or refuses, into `OutageError`.

    With `config` the reason why there is no connection is looked for: kafka-python does not say.
    """
    from kafka.errors import KafkaError

    try:
        yield
    except (KafkaError, OSError) as error:
        raise broker_trouble(error, config) from error


def broker_trouble(error: BaseException, config: ProcessConfig | None = None) -> OutageError:
    """The reason why, BROKER_AWAY where it is no better known. `config` as for `broker_errors`."""
    from kafka import errors

    if isinstance(error, errors.InvalidTimestampError):
        now = datetime.now(UTC).isoformat(" ", "seconds")
        return OutageError(Reason.BROKER_REFUSES, f"the Kafka broker refuses the time of a record: is it {now} now?")
    if isinstance(error, errors.AuthorizationError):
        return OutageError(Reason.BROKER_RIGHT_MISSING, f"the Kafka broker refuses a right: {error}"[:300])
    if isinstance(error, errors.PolicyViolationError | errors.UnsupportedVersionError):
        return OutageError(Reason.BROKER_REFUSES, f"the Kafka broker refuses: {error}"[:300])
    refused = isinstance(error, errors.SaslAuthenticationFailedError | errors.UnsupportedSaslMechanismError)
    unconnected = isinstance(error, errors.KafkaConnectionError | errors.KafkaTimeoutError | errors.NodeNotReadyError)
    if config is not None and (refused or unconnected):
        return why_unreachable(config.kafka_bootstrap_servers, security_of(config))
    if refused:
        return OutageError(Reason.BROKER_LOGIN_REFUSED, f"the Kafka broker refuses the login: {error}"[:300])
    return OutageError(Reason.BROKER_AWAY, f"the Kafka broker does not respond as it should: {error}"[:300])
