"""What was measured at one moment, and what follows from several moments: rates, lag and oldest age. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

Reading = tuple[str, str]  # a group's name, and the short name of a topic that it reads


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a group is on one topic: records behind, sum of its offsets, and when the oldest that waits was written.

    `oldest`: None where nothing waits, or where it could not be looked at in time.
    """

    lag: int
    taken: int
    oldest: datetime | None = None


@dataclass(frozen=True, slots=True)
class Sample:
    """One look at the broker. Topics by their short names.

    `written`: sum of the ends of its partitions. `kept`: records between begin and end (fewer where compacted).
    `last_hour`: of the dead-letter topics, records of the last hour. `members`: of each group.
    `missing`: full names of topics that the broker does not have.
    """

    at: datetime
    written: Mapping[str, int] = field(default_factory=dict)
    kept: Mapping[str, int] = field(default_factory=dict)
    last_hour: Mapping[str, int] = field(default_factory=dict)
    progress: Mapping[Reading, Progress] = field(default_factory=dict)
    members: Mapping[str, int] = field(default_factory=dict)
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Point:
    """One point of a curve. `rate`: records a second since the sample before."""

    at: datetime
    written_rate: float | None
    taken_rate: float | None
    lag: int | None
    oldest_seconds: float | None


def curve(samples: Sequence[Sample], topic: str, group: str | None) -> list[Point]:
    """A topic over time, as one of its groups sees it; the oldest first."""
    before: Sequence[Sample | None] = [None, *samples]
    return [_point(earlier, sample, topic, group) for earlier, sample in zip(before, samples, strict=False)]


def rate(samples: Sequence[Sample], topic: str, seconds: float = 60.0) -> float | None:
    """Records a second that were written to a topic within the last `seconds`; None: not yet known."""
    recent = _recent(samples, seconds)
    return _per_second(recent[0], recent[-1], lambda sample: sample.written.get(topic)) if len(recent) > 1 else None


def taken_rate(samples: Sequence[Sample], reading: Reading, seconds: float = 60.0) -> float | None:
    """Records a second that a group took from a topic, likewise."""
    recent = _recent(samples, seconds)
    return _per_second(recent[0], recent[-1], lambda sample: _taken(sample, reading)) if len(recent) > 1 else None


def stands_since(samples: Sequence[Sample], reading: Reading) -> datetime | None:
    """Since when a group has taken nothing of a topic although something waits; None where it does, or need not."""
    since: datetime | None = None
    last = samples[-1].progress.get(reading) if samples else None
    if last is None or not last.lag:
        return None
    for sample in reversed(samples):
        found = sample.progress.get(reading)
        if found is None or found.taken != last.taken or not found.lag:
            break
        since = sample.at
    return since


def moved_at(samples: Sequence[Sample], reading: Reading) -> datetime | None:
    """When a group last took something of a topic, as far as the samples go back."""
    for earlier, later in zip(reversed(samples[:-1]), reversed(samples), strict=False):
        if _taken(later, reading) != _taken(earlier, reading):
            return later.at
    return None


def _recent(samples: Sequence[Sample], seconds: float) -> Sequence[Sample]:
    if not samples:
        return ()
    last = samples[-1].at
    return [sample for sample in samples if (last - sample.at).total_seconds() <= seconds]


def _taken(sample: Sample, reading: Reading) -> int | None:
    found = sample.progress.get(reading)
    return found.taken if found else None


def _per_second(earlier: Sample, later: Sample, value: Callable[[Sample], int | None]) -> float | None:
    """A recreated topic has fewer than before: nothing is known then."""
    seconds = (later.at - earlier.at).total_seconds()
    before, after = value(earlier), value(later)
    if before is None or after is None or after < before or seconds <= 0:
        return None
    return (after - before) / seconds


def _point(earlier: Sample | None, sample: Sample, topic: str, group: str | None) -> Point:
    reading = (group or "", topic)
    progress = sample.progress.get(reading)
    return Point(
        sample.at,
        _per_second(earlier, sample, lambda one: one.written.get(topic)) if earlier else None,
        _per_second(earlier, sample, lambda one: _taken(one, reading)) if earlier else None,
        progress.lag if progress else None,
        _age(sample.at, progress) if progress else None,
    )


def _age(now: datetime, progress: Progress) -> float | None:
    """Seconds; 0 where nothing waits, None where it is not known."""
    if not progress.lag:
        return 0.0
    return None if progress.oldest is None else max(0.0, (now - progress.oldest).total_seconds())


def absent_since(samples: Sequence[Sample], group: str) -> datetime | None:
    """Since when a group has had no member, as far as the samples go back."""
    since = None
    for sample in reversed(samples):
        if sample.members.get(group):
            break
        since = sample.at
    return since
