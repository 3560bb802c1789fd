"""What `mailcall topics status` prints: one picture, or one after the other."""

import time
from collections.abc import Iterable, Sequence
from contextlib import closing
from datetime import UTC, datetime

from console.command_line.output import harmless, print_json, print_json_line, print_table
from console.health.looks import Looks
from console.health.words import duration, per_minute
from console.topics.overview import ReaderLine
from console.topics.status import Status, plain, status_of
from runtime.config import ProcessConfig

_PROCESSES = ("process", "running", "waiting", "oldest waits for", "put off")
_TOPICS = ("topic", "held", "written a minute", "read by", "waiting", "oldest waits for", "taken a minute")
_DEAD_LETTERS = ("dead letters of", "held", "in the last hour")
_NOTHING = "-"


def show_once(config: ProcessConfig, seconds: float, json: bool) -> None:
    """Two looks, so many seconds apart. Raises `OutageError`."""
    with closing(Looks(config)) as looks:
        looks.look()
        time.sleep(seconds)
        looks.look()
        status = status_of(looks.current, datetime.now(UTC))
    if json:
        print_json(plain(status))
    else:
        _print(status, datetime.now(UTC))


def watch_on(config: ProcessConfig, seconds: float, json: bool) -> None:
    """A picture every so many seconds until Ctrl-C, on a terminal in the same place. Raises `OutageError` at first."""
    from rich.console import Console

    with closing(Looks(config)) as looks:
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
