"""How each topic should be at the broker, made from the catalogue. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from schemas.sizes import MAX_RECORD_BYTES
from schemas.topics import DAY_MS, TOPICS, Topic

DLQ_RETENTION_MS = 90 * DAY_MS


@dataclass(frozen=True, slots=True)
class TopicPlan:
    """One topic as it should be at the broker. `settings`: by Kafka's names."""

    name: str
    partitions: int
    settings: dict[str, str]


def plans(prefix: str, max_record_bytes: int = MAX_RECORD_BYTES) -> Iterator[TopicPlan]:
    """Every topic of the catalogue, with the `.retry` and `.dlq` topics that belong to it."""
    for topic in TOPICS:
        yield TopicPlan(topic.name(prefix), topic.partitions, _settings(topic.retention_ms, max_record_bytes))
        if topic.deferred:
            settings = _settings(_retry_retention_ms(topic), max_record_bytes)
            yield TopicPlan(topic.retry(prefix), topic.partitions, settings)
        if topic.dead_letters:
            yield TopicPlan(topic.dlq(prefix), 1, _settings(DLQ_RETENTION_MS, max_record_bytes))


def _settings(retention_ms: int | None, max_record_bytes: int) -> dict[str, str]:
    settings = {"max.message.bytes": str(max_record_bytes)}
    if retention_ms is None:
        return settings | {"cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0.1", "segment.ms": str(DAY_MS)}
    return settings | {"cleanup.policy": "delete", "retention.ms": str(retention_ms)}


def _retry_retention_ms(topic: Topic) -> int:
    return topic.retention_ms or DLQ_RETENTION_MS
