"""How each topic should be at the broker, by the catalogue; what differs there, and whether that matters. Pure.

A difference matters where records are refused, or are lost in ordinary running.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from schemas.topics import DAY_MS, TOPICS, Topic
from schemas.wire import MAX_RECORD_BYTES

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


UNLIMITED = -1
PARTITIONS, REPLICAS = "partitions", "replication factor"
MIN_REPLICAS, RETENTION_BYTES = "min.insync.replicas", "retention.bytes"


@dataclass(frozen=True, slots=True)
class FoundTopic:
    """One topic as the broker has it. `settings` is empty where the broker does not show them."""

    partitions: int
    replicas: int
    settings: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Difference:
    """`found` and `wanted` as Kafka writes them; `why`: what comes of it, and what to do."""

    topic: str
    setting: str
    found: str
    wanted: str
    matters: bool
    why: str


def differences(plan: TopicPlan, found: FoundTopic, replication_factor: int) -> Iterator[Difference]:
    """`replication_factor`: as configured; -1 where any is right."""
    if found.partitions != plan.partitions:
        yield Difference(
            plan.name, PARTITIONS, str(found.partitions), str(plan.partitions), False,
            _ONE_PARTITION if plan.partitions == 1 else _PARTITIONS,
        )  # fmt: skip
    if replication_factor not in (UNLIMITED, found.replicas):
        yield Difference(
            plan.name, REPLICAS, str(found.replicas), str(replication_factor), False,
            "so many brokers hold each record: with fewer, fewer may be lost",
        )  # fmt: skip
    for setting, wanted in plan.settings.items():
        has = found.settings.get(setting)
        if has is not None and (told := _verdict(setting, has, wanted)):
            yield Difference(plan.name, setting, has, wanted, *told)
    least = found.settings.get(MIN_REPLICAS, "1")
    if least.isdigit() and int(least) > found.replicas:
        yield Difference(
            plan.name, MIN_REPLICAS, least, f"at most {found.replicas}", True,
            "no record can be written: lower it, or give the topic more replicas",
        )  # fmt: skip
    most = found.settings.get(RETENTION_BYTES, str(UNLIMITED))
    if plan.settings["cleanup.policy"] == "delete" and most != str(UNLIMITED):
        yield Difference(
            plan.name, RETENTION_BYTES, most, str(UNLIMITED), False,
            "records beyond so many bytes of a partition go early, whether they were handled or not",
        )  # fmt: skip


_PARTITIONS = (
    "it is left as it is, because another number would change the order of mails of one sender; at most so many "
    "processes of a stage share the work"
)
_ONE_PARTITION = "with more than one, records are not read in the order in which they were written"
Verdict = tuple[bool, str] | None  # whether it matters, and why; None: as good as what is wanted


def _verdict(setting: str, has: str, wanted: str) -> Verdict:
    try:
        return _CHECKS[setting](has, wanted)
    except ValueError:
        return False, "the broker has it in a way of its own, which cannot be compared"


def _cleanup(has: str, wanted: str) -> Verdict:
    if {word.strip() for word in has.split(",")} == {wanted}:
        return None
    if wanted == "compact":
        return True, "what was set long ago is deleted: settings, persons, cursors or tokens are lost; set it at once"
    return True, "of each key only the newest record is kept: mails are lost before they are handled; set it at once"


def _record_bytes(has: str, wanted: str) -> Verdict:
    if int(has) >= int(wanted):
        return None
    return True, (
        "larger records are refused: raise it, or start every process with MAILCALL_KAFKA_MAX_RECORD_BYTES set to what "
        "the smallest of these topics takes"
    )


def _retention(has: str, wanted: str) -> Verdict:
    if int(has) == int(wanted):
        return None
    if int(has) == UNLIMITED or int(has) > int(wanted):
        return False, "records are kept longer than needed: it takes more of the brokers' disks"
    return False, "records are gone sooner: what a stage has not handled by then is lost, and cannot be looked at"


def _compaction(has: str, wanted: str) -> Verdict:
    if float(has) <= float(wanted):
        return None
    return False, "old records are taken out later: each start reads more"


_CHECKS = {
    "max.message.bytes": _record_bytes,
    "cleanup.policy": _cleanup,
    "retention.ms": _retention,
    "min.cleanable.dirty.ratio": _compaction,
    "segment.ms": _compaction,
}
CHECKED = (*_CHECKS, MIN_REPLICAS, RETENTION_BYTES)  # settings of a `FoundTopic`
