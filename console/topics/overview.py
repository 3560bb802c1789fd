"""The topics of the catalogue as the operations pages show them: how much is written, and who is how far. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from console.health.groups import DLQ, GROUPS, RETRY, Group
from console.health.sample import Point, Sample, curve, moved_at, rate, taken_rate
from schemas.topics import TOPICS, Topic

MINUTE = 60.0


@dataclass(frozen=True, slots=True)
class ReaderLine:
    """A group on one topic: records waiting, since when the oldest waits, records a minute, when it last took one."""

    group: Group
    lag: int | None
    oldest: datetime | None
    taken: float | None
    moved: datetime | None


@dataclass(frozen=True, slots=True)
class TopicLine:
    """One topic: records that it holds, records a minute that are written, its readers. None: not known yet."""

    name: str
    topic: Topic
    held: int | None
    written: float | None
    readers: tuple[ReaderLine, ...]

    @property
    def is_dlq(self) -> bool:
        return self.name.endswith(DLQ)

    @property
    def about(self) -> str:
        """What it holds, in a sentence."""
        if self.is_dlq:
            return f"Records of {self.topic.short} that could not be handled."
        if self.name.endswith(RETRY):
            return f"Records of {self.topic.short} that were put off, and are tried again."
        return self.topic.doc


@dataclass(frozen=True, slots=True)
class Minute:
    """One row under a chart. Rates are records a minute; None: not known."""

    at: datetime
    written: float | None
    taken: float | None
    lag: int | None
    oldest_seconds: float | None


def topic_by_name(name: str) -> Topic | None:
    """The topic that `name` belongs to: a short name of the catalogue, or one with `.retry` or `.dlq` behind it."""
    return _BY_NAME.get(name)


def topic_lines(samples: Sequence[Sample]) -> list[TopicLine]:
    """Every topic in the order of the catalogue, each with what stands beside it."""
    return [topic_line(name, samples) for name in _BY_NAME]


def topic_line(name: str, samples: Sequence[Sample]) -> TopicLine:
    last = samples[-1] if samples else None
    readers = tuple(_reader(group, name, samples) for group in GROUPS if group.commits and name in group.topics())
    written = rate(samples, name)
    return TopicLine(
        name,
        _BY_NAME[name],
        last.kept.get(name) if last else None,
        None if written is None else written * MINUTE,
        readers,
    )


def minutes(samples: Sequence[Sample], topic: str, group: str | None) -> list[Minute]:
    """A topic over the last hour, one row a minute, the oldest first: the last sample of each minute."""
    by_minute = {sample.at.replace(second=0, microsecond=0): sample for sample in samples}
    return [_minute(point) for point in curve(list(by_minute.values()), topic, group)]


def waiting_by_group(samples: Sequence[Sample]) -> list[tuple[datetime, list[int | None]]]:
    """Of each minute, the records that wait for each group that says how far it is (`WAITING_GROUPS`)."""
    by_minute = {sample.at.replace(second=0, microsecond=0): sample for sample in samples}
    return [(sample.at, [_waiting(sample, group) for group in WAITING_GROUPS]) for sample in by_minute.values()]


WAITING_GROUPS: tuple[Group, ...] = tuple(group for group in GROUPS if group.commits and group.name == group.process)


def _waiting(sample: Sample, group: Group) -> int | None:
    found = [sample.progress.get((group.name, topic)) for topic in group.topics()]
    return sum(progress.lag for progress in found if progress) if any(found) else None


def _reader(group: Group, name: str, samples: Sequence[Sample]) -> ReaderLine:
    reading = (group.name, name)
    progress = samples[-1].progress.get(reading) if samples else None
    taken = taken_rate(samples, reading)
    return ReaderLine(
        group,
        progress.lag if progress else None,
        progress.oldest if progress else None,
        None if taken is None else taken * MINUTE,
        moved_at(samples, reading),
    )


def _minute(point: Point) -> Minute:
    written, taken = (None if one is None else one * MINUTE for one in (point.written_rate, point.taken_rate))
    return Minute(point.at, written, taken, point.lag, point.oldest_seconds)


def _names() -> Mapping[str, Topic]:
    names: dict[str, Topic] = {}
    for topic in TOPICS:
        names[topic.short] = topic
        if topic.deferred:
            names[topic.short + RETRY] = topic
        if topic.dead_letters:
            names[topic.short + DLQ] = topic
    return names


_BY_NAME = _names()
