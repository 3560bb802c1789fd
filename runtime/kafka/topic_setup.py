"""The catalogue's topics at the broker: what is missing is created, what differs is reported, nothing is deleted."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from runtime.config import ProcessConfig
from runtime.kafka.clients import broker_errors, make_admin
from runtime.kafka.topic_plans import CHECKED, Difference, FoundTopic, TopicPlan, differences, plans

if TYPE_CHECKING:
    from kafka import KafkaAdminClient

SEEN_MS = 60_000  # brokers learn of new topics, and of their leaders, a moment after they are created
# Error codes of Kafka's protocol.
_CREATED, _EXISTS, _INVALID_CONFIG, _POLICY_VIOLATION = 0, 36, 40, 44


class TopicSetupError(Exception):
    """The broker answers and refuses to create a topic. The text says which, and why in the broker's words."""


@dataclass(frozen=True, slots=True)
class TopicReport:
    """What `create_topics` did and found. `unchecked`: topics whose settings the broker does not show us."""

    created: tuple[str, ...]
    present: tuple[str, ...]
    differing: tuple[Difference, ...]
    unchecked: tuple[str, ...]


def create_topics(config: ProcessConfig) -> TopicReport:
    """Creates the missing topics; when it returns, all of them can be used. May be called again and by several at once.

    Raises `OutageError` (BROKER_AWAY), `TopicSetupError`.
    """
    wanted = list(plans(config.topic_prefix, config.kafka_max_record_bytes))
    names = [plan.name for plan in wanted]
    created: tuple[str, ...] = ()
    admin = make_admin(config)
    try:
        with broker_errors():
            missing = [plan for plan in wanted if plan.name not in partition_counts(admin, names)]
            if missing:
                created = _create(admin, missing, config)
                admin.wait_for_topics(names, timeout_ms=SEEN_MS)
            found = _found(admin, names)
    finally:
        admin.close()
    there = [(plan, found[plan.name]) for plan in wanted if plan.name in found]
    return TopicReport(
        created=created,
        present=tuple(name for name in names if name not in created),
        differing=tuple(
            difference
            for plan, topic in there
            for difference in differences(plan, topic, config.topic_replication_factor)
        ),
        unchecked=tuple(plan.name for plan, topic in there if not topic.settings),
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
            return frozenset(partition_counts(admin, topics))
    finally:
        admin.close()


def partition_counts(admin: "KafkaAdminClient", topics: Sequence[str]) -> dict[str, int]:
    """Number of partitions of each of these topics (full names) that exists. Asked for by name: a cluster may have
    thousands of others. Raises kafka-python's errors."""
    return {name: len(partitions) for name, partitions in _partitions(admin, topics).items()}


def _partitions(admin: "KafkaAdminClient", topics: Sequence[str]) -> dict[str, list[Any]]:
    found = admin.describe_topics(list(topics))
    return {topic["name"]: topic["partitions"] for topic in found if topic["partitions"]}


def _found(admin: "KafkaAdminClient", topics: Sequence[str]) -> dict[str, FoundTopic]:
    """Those of the topics that exist, as the broker has them. Raises kafka-python's errors."""
    partitions = _partitions(admin, topics)
    settings = _settings(admin, list(partitions))
    return {
        name: FoundTopic(len(ones), min(len(one["replica_nodes"]) for one in ones), settings.get(name, {}))
        for name, ones in partitions.items()
    }


def _create(admin: "KafkaAdminClient", missing: list[TopicPlan], config: ProcessConfig) -> tuple[str, ...]:
    """Names of the topics that were created; those created by others meanwhile are as good."""
    options = {
        plan.name: {
            "num_partitions": plan.partitions,
            "replication_factor": config.topic_replication_factor,
            "configs": plan.settings if config.topic_configuration == "set" else {},
        }
        for plan in missing
    }
    answers = admin.create_topics(options, raise_errors=False)["topics"]
    for answer in answers:
        if answer["error_code"] not in (_CREATED, _EXISTS):
            raise TopicSetupError(
                f"topic {answer['name']} cannot be created: {answer['error_message']}\n{_remedy(answer['error_code'])}"
            )
    return tuple(answer["name"] for answer in answers if answer["error_code"] == _CREATED)


def _settings(admin: "KafkaAdminClient", topics: Sequence[str]) -> dict[str, dict[str, str]]:
    """What the broker says of the settings that we check; nothing where it does not let us see them."""
    from kafka.admin import ConfigResource, ConfigResourceType

    asked = [ConfigResource(ConfigResourceType.TOPIC, topic, list(CHECKED)) for topic in topics]
    answers = admin.describe_configs(asked, config_filter="all").get("topic", {}) if asked else {}
    return {
        topic: {name: entry["value"] for name, entry in settings.items() if entry["value"] is not None}
        for topic, settings in answers.items()
    }


def _remedy(error_code: int) -> str:
    if error_code in (_INVALID_CONFIG, _POLICY_VIOLATION):
        return (
            "where the broker takes smaller records only, set MAILCALL_KAFKA_MAX_RECORD_BYTES to what it takes; where "
            "it refuses settings of topics, set MAILCALL_TOPIC_CONFIGURATION=leave, or have an administrator create "
            "what `mailcall topics create --dry-run` shows"
        )
    return "correct what the broker says, then run `mailcall topics create` again"
