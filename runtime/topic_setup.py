"""The catalogue's topics at the broker: what is missing is created, what differs is told, nothing is deleted."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from runtime.clients import MAX_RECORD_BYTES, broker_errors, make_admin
from runtime.config import ProcessConfig
from schemas.topics import DAY_MS, TOPICS, Topic

if TYPE_CHECKING:
    from kafka import KafkaAdminClient

DLQ_RETENTION_MS = 90 * DAY_MS
SEEN_MS = 10_000  # brokers learn of new topics, and of their leaders, a moment after they are created
_CREATED, _EXISTS = 0, 36  # error codes of Kafka's protocol


class TopicSetupError(Exception):
    """The broker answers and refuses to create a topic. The text says which, and why in the broker's words."""


@dataclass(frozen=True, slots=True)
class TopicPlan:
    """One topic as it should be at the broker."""

    name: str
    partitions: int
    settings: dict[str, str]


@dataclass(frozen=True, slots=True)
class TopicReport:
    """What `create_topics` did and found; `differing`: a sentence for each topic that is not as the catalogue says."""

    created: tuple[str, ...]
    present: tuple[str, ...]
    differing: tuple[str, ...]


def plans(prefix: str) -> Iterator[TopicPlan]:
    """Every topic of the catalogue, with the `.retry` and `.dlq` topics that belong to it."""
    for topic in TOPICS:
        yield TopicPlan(topic.name(prefix), topic.partitions, _settings(topic.retention_ms))
        if topic.deferred:
            yield TopicPlan(topic.retry(prefix), topic.partitions, _settings(_retry_retention_ms(topic)))
        if topic.dead_letters:
            yield TopicPlan(topic.dlq(prefix), 1, _settings(DLQ_RETENTION_MS))


def create_topics(config: ProcessConfig) -> TopicReport:
    """Creates the missing topics; when it returns, all of them can be used. May be called again and by several at once.

    Raises `OutageError` (BROKER_AWAY), `TopicSetupError`.
    """
    wanted = list(plans(config.topic_prefix))
    names = [plan.name for plan in wanted]
    created: tuple[str, ...] = ()
    admin = make_admin(config)
    try:
        with broker_errors():
            counts = _partition_counts(admin, names)
            missing = [plan for plan in wanted if plan.name not in counts]
            if missing:
                created = _create(admin, missing, config.topic_replication_factor)
                admin.wait_for_topics(names, timeout_ms=SEEN_MS)
                counts = _partition_counts(admin, names)
    finally:
        admin.close()
    return TopicReport(
        created=created,
        present=tuple(plan.name for plan in wanted if plan.name not in created),
        differing=tuple(_differences(wanted, counts)),
    )


def missing_topics(config: ProcessConfig) -> tuple[str, ...]:
    """Full names of the catalogue's topics that the broker does not have. Raises `OutageError` (BROKER_AWAY)."""
    names = [plan.name for plan in plans(config.topic_prefix)]
    existing = existing_topics(config, names)
    return tuple(name for name in names if name not in existing)


def existing_topics(config: ProcessConfig, topics: Sequence[str]) -> frozenset[str]:
    """Those of the topics (full names) that the broker has. Raises `OutageError` (BROKER_AWAY)."""
    admin = make_admin(config)
    try:
        with broker_errors():
            return frozenset(_partition_counts(admin, topics))
    finally:
        admin.close()


def _partition_counts(admin: "KafkaAdminClient", topics: Sequence[str]) -> dict[str, int]:
    """Of the topics that exist. Asked for by name: a cluster may have thousands of others."""
    found = admin.describe_topics(list(topics))
    return {topic["name"]: len(topic["partitions"]) for topic in found if topic["partitions"]}


def _create(admin: "KafkaAdminClient", missing: list[TopicPlan], replication_factor: int) -> tuple[str, ...]:
    """Names of the topics that were created; those that somebody else has created meanwhile are as good."""
    options = {
        plan.name: {
            "num_partitions": plan.partitions,
            "replication_factor": replication_factor,
            "configs": plan.settings,
        }
        for plan in missing
    }
    answers = admin.create_topics(options, raise_errors=False)["topics"]
    for answer in answers:
        if answer["error_code"] not in (_CREATED, _EXISTS):
            raise TopicSetupError(
                f"topic {answer['name']} cannot be created: {answer['error_message']}\n"
                "put right what the broker says, then run `mailcall topics create` again"
            )
    return tuple(answer["name"] for answer in answers if answer["error_code"] == _CREATED)


def _settings(retention_ms: int | None) -> dict[str, str]:
    settings = {"max.message.bytes": str(MAX_RECORD_BYTES)}
    if retention_ms is None:
        return settings | {"cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0.1", "segment.ms": str(DAY_MS)}
    return settings | {"cleanup.policy": "delete", "retention.ms": str(retention_ms)}


def _retry_retention_ms(topic: Topic) -> int:
    return topic.retention_ms or DLQ_RETENTION_MS


def _differences(wanted: list[TopicPlan], existing: dict[str, int]) -> Iterator[str]:
    for plan in wanted:
        partitions = existing.get(plan.name, plan.partitions)
        if partitions != plan.partitions:
            yield (
                f"{plan.name} has {partitions} partitions, the catalogue says {plan.partitions}: it is left as it is, "
                "because another number would change the order of mails of one sender"
            )
