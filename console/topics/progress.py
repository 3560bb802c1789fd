"""How far reading has come: the offsets that each stage has committed, and records counted while they are read."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from runtime.backoff import delays
from runtime.config import ProcessConfig
from runtime.kafka.clients import broker_errors, make_admin
from runtime.outages import OutageError
from schemas.topics import Topic

if TYPE_CHECKING:
    from kafka import KafkaAdminClient


PATIENCE_SECONDS = 15.0  # a broker that has just started is still making the topic that offsets are kept in

# (stage, partition) -> the offset that the stage takes next, as it would after a restart.
Positions = Mapping[tuple[str, int], int]
# (full name of a topic, partition) -> likewise, of one stage.
StageOffsets = Mapping[tuple[str, int], int]


def group(config: ProcessConfig, stage: str) -> str:
    """Name of a stage's consumer group."""
    return f"{config.topic_prefix}.{stage}"


def read_positions(config: ProcessConfig, stages: Mapping[str, Topic]) -> Positions:
    """Positions of the stages on their topics; a partition not yet committed is left out. Raises `OutageError`."""
    groups = {group(config, stage): (stage, topic.name(config.topic_prefix)) for stage, topic in stages.items()}
    admin = make_admin(config)
    try:
        committed = _committed(admin, list(groups))
    finally:
        admin.close()
    return {
        (groups[name][0], place.partition): offset.offset
        for name, offsets in committed.items()
        for place, offset in offsets.items()
        if place.topic == groups[name][1] and offset.offset >= 0
    }


def read_stage_offsets(config: ProcessConfig, stage: str) -> StageOffsets:
    """Positions of one stage on every topic that it reads, `.retry` among them. Raises as `read_positions`."""
    name = group(config, stage)
    admin = make_admin(config)
    try:
        offsets = _committed(admin, [name]).get(name, {})
    finally:
        admin.close()
    return {(place.topic, place.partition): found.offset for place, found in offsets.items() if found.offset >= 0}


def _committed(admin: "KafkaAdminClient", groups: Sequence[str]) -> dict[str, dict[Any, Any]]:
    """Offsets by group and partition. Raises `OutageError` where the broker has no answer within `PATIENCE_SECONDS`."""
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    pauses = delays()
    while True:
        try:
            with broker_errors():
                offsets: dict[str, dict[Any, Any]] = admin.list_group_offsets(groups)
                return offsets
        except OutageError:
            pause = next(pauses)
            if time.monotonic() + pause > give_up_at:
                raise
            time.sleep(pause)


T = TypeVar("T")
Seen = Callable[[int], None]  # called with how many have been read


def ignore(_done: int) -> None:
    """For callers that need no progress."""


def counted(values: Iterable[T], seen: Seen) -> Iterator[T]:
    """The same values; `seen` is called for every hundredth."""
    for number, value in enumerate(values, 1):
        yield value
        if number % 100 == 0:
            seen(number)
