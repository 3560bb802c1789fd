"""The picture of the topics that the window shows, as a whole: `mailcall topics status` prints it. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from console.health.groups import DLQ
from console.health.looks import Traffic
from console.health.problems import Known, Problem, problems
from console.health.processes import ProcessLine, processes
from console.topics.overview import TopicLine, topic_lines
from console.views.snapshot import ViewSnapshot
from console.views.views import Freshness


@dataclass(frozen=True, slots=True)
class DeadLetters:
    """Of one topic: records on its `.dlq`, and how many of them came within the last hour."""

    topic: str
    held: int
    last_hour: int


@dataclass(frozen=True, slots=True)
class Status:
    """`at`: of the look it is from, None before there was one. `topics`: without those of dead letters."""

    at: datetime | None
    processes: Sequence[ProcessLine]
    topics: Sequence[TopicLine]
    dead_letters: Sequence[DeadLetters]
    problems: Sequence[Problem]


def status_of(traffic: Traffic, now: datetime) -> Status:
    """What Health and Topics show, from the same samples. Nothing is known here of settings and mail servers."""
    last = traffic.last
    lines = topic_lines(traffic.samples)
    return Status(
        at=last.at if last else None,
        processes=processes(traffic.samples),
        topics=[line for line in lines if not line.is_dlq],
        dead_letters=[
            DeadLetters(line.name.removesuffix(DLQ), line.held, last.last_hour.get(line.name, 0) if last else 0)
            for line in lines
            if line.is_dlq and line.held
        ],
        problems=problems(Known(now, traffic, ViewSnapshot(), Freshness(True, None))),
    )


def plain(status: Status) -> Mapping[str, Any]:
    """As data for programs. Rates are records a minute; null: not known."""
    return {
        "at": status.at,
        "processes": [
            {
                "group": line.group.name,
                "process": line.group.process,
                "running": line.members,
                "waiting": line.waiting,
                "oldest_since": line.oldest,
                "put_off": line.deferred,
            }
            for line in status.processes
        ],
        "topics": [
            {
                "topic": line.name,
                "held": line.held,
                "written_per_minute": line.written,
                "readers": [
                    {
                        "group": reader.group.name,
                        "waiting": reader.lag,
                        "oldest_since": reader.oldest,
                        "taken_per_minute": reader.taken,
                    }
                    for reader in line.readers
                ],
            }
            for line in status.topics
        ],
        "dead_letters": status.dead_letters,
        "problems": [
            {"severity": one.severity, "what": one.what, "remedy": one.remedy, "since": one.since}
            for one in status.problems
        ],
    }
