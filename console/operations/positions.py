"""How far each stage has come on the topic it reads: the offsets its consumer group has committed."""

from collections.abc import Mapping

from runtime.clients import broker_errors, make_admin
from runtime.config import ProcessConfig
from schemas.topics import Topic

# (stage, partition) -> the offset that the stage takes next, as it would after a restart.
Positions = Mapping[tuple[str, int], int]


def group(config: ProcessConfig, stage: str) -> str:
    """Name of a stage's consumer group."""
    return f"{config.topic_prefix}.{stage}"


def read_positions(config: ProcessConfig, stages: Mapping[str, Topic]) -> Positions:
    """Positions of the stages on their topics; a partition not yet committed is left out. Raises `OutageError`."""
    groups = {group(config, stage): (stage, topic.name(config.topic_prefix)) for stage, topic in stages.items()}
    admin = make_admin(config)
    try:
        with broker_errors():
            committed = admin.list_group_offsets(list(groups))
    finally:
        admin.close()
    return {
        (groups[name][0], place.partition): offset.offset
        for name, offsets in committed.items()
        for place, offset in offsets.items()
        if place.topic == groups[name][1] and offset.offset >= 0
    }
