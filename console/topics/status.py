"""`mailcall topics status`: the picture of the topics that the window shows, as a whole, once or again and again."""

import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from console.command_line.output import harmless, print_json, print_json_line, print_table
from console.health.groups import DLQ, ProcessLine, processes
from console.health.problems import Known, Problem, problems
from console.health.sampler import BrokerSamples, Traffic
from console.health.words import duration, per_minute
from console.topics.overview import ReaderLine, TopicLine, topic_lines
from console.views.snapshot import ViewSnapshot
from console.views.views import Freshness
from runtime.config import ProcessConfig


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


_PROCESSES = ("process", "running", "waiting", "oldest waits for", "put off")
_TOPICS = ("topic", "held", "written a minute", "read by", "waiting", "oldest waits for", "taken a minute")
_DEAD_LETTERS = ("dead letters of", "held", "in the last hour")
_NOTHING = "-"


def show_once(config: ProcessConfig, seconds: float, json: bool) -> None:
    """Two samples, `seconds` apart. Raises `OutageError`."""
    with closing(BrokerSamples(config)) as looks:
        looks.look()
        time.sleep(seconds)
        looks.look()
        status = status_of(looks.current, datetime.now(UTC))
    if json:
        print_json(plain(status))
    else:
        _print(status, datetime.now(UTC))


def watch_on(config: ProcessConfig, seconds: float, json: bool) -> None:
    """A new picture every `seconds` until Ctrl-C, on a terminal in the same place. Raises `OutageError` at first."""
    from rich.console import Console

    with closing(BrokerSamples(config)) as looks:
        looks.look()
        try:
            while True:
                status = status_of(looks.current, datetime.now(UTC))
                if json:
                    print_json_line(plain(status))
                else:
                    Console().clear()  # does nothing where there is no terminal
                    _print(status, datetime.now(UTC))
                    print(flush=True)
                time.sleep(seconds)
                looks.take()
        except KeyboardInterrupt:
            return


def _print(status: Status, now: datetime) -> None:
    print(f"as the broker knew it at {status.at:%Y-%m-%d %H:%M:%S} UTC\n")
    print_table(_PROCESSES, _process_rows(status, now), "")
    print()
    print_table(_TOPICS, _topic_rows(status, now), "")
    print()
    rows = [(line.topic, f"{line.held:,}", f"{line.last_hour:,}") for line in status.dead_letters]
    print_table(_DEAD_LETTERS, rows, "there are no dead letters")
    for problem in status.problems:
        since = f", for {duration((now - problem.since).total_seconds())}" if problem.since else ""
        print(f"\n{problem.severity}: {harmless(problem.what)}{since}\n  {harmless(problem.remedy)}")


def _process_rows(status: Status, now: datetime) -> Iterable[Sequence[str]]:
    for line in status.processes:
        waiting = _number(line.waiting) if line.group.commits else _NOTHING
        yield line.group.name, _number(line.members), waiting, _age(line.oldest, now), _number(line.deferred)


def _topic_rows(status: Status, now: datetime) -> Iterable[Sequence[str]]:
    for line in status.topics:
        start = line.name, _number(line.held), per_minute(line.written)
        for reader in line.readers:
            yield *start, *_reader_cells(reader, now)
        if not line.readers:
            yield *start, ", ".join(line.topic.readers), _NOTHING, _NOTHING, _NOTHING


def _reader_cells(reader: ReaderLine, now: datetime) -> Sequence[str]:
    return reader.group.name, _number(reader.lag), _age(reader.oldest, now), per_minute(reader.taken)


def _number(number: int | None) -> str:
    return _NOTHING if number is None else f"{number:,}"


def _age(since: datetime | None, now: datetime) -> str:
    return duration(max(0.0, (now - since).total_seconds())) if since else _NOTHING  # clocks may differ
