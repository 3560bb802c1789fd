"""What a stage is scaled by: the topics its instances share, and how many records one of them handles per second.

`deploy/chart/files/scaling.yaml` is made of it, and the chart makes KEDA's ScaledObjects of that (docs/scaling.md).
ingest is not among the stages: it shares out mailboxes by membership, and no lag tells how much lies in them.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import yaml

from schemas.access import GROUPS
from schemas.topics import TOPICS, Topic


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaling:
    """`rate`: records a second that one replica handles; `least`: the fewest replicas that a stage can do with."""

    rate: int
    least: int


# A rate is what a replica does with the CPU that the chart requests for it, as `make bench` measures it; see
# docs/scaling.md.
SCALED: Mapping[str, Scaling] = {
    "resolver": Scaling(rate=80, least=0),
    "logger": Scaling(rate=150, least=0),
    # Never none: what is deferred lies on a topic that is not counted, and servers are tested that get no mail.
    "outbound": Scaling(rate=100, least=1),
}


def topics_of(stage: str) -> tuple[Topic, ...]:
    """What the replicas of a stage share out: not what each reads as a whole (settings), nor what one of them does."""
    return tuple(topic for topic in TOPICS if stage in topic.dead_letters and topic.partitions > 1)


def page() -> str:
    """The text of `deploy/chart/files/scaling.yaml`. The chart puts the topic prefix before topics and group."""
    made = "# Made by `make schemas` from schemas/scaling.py and schemas/topics.py: do not edit.\n"
    return made + yaml.safe_dump({stage: _scaled(stage, scaling) for stage, scaling in SCALED.items()}, sort_keys=False)


def _scaled(stage: str, scaling: Scaling) -> dict[str, object]:
    topics = topics_of(stage)
    return {
        "recordsPerSecond": scaling.rate,
        "minReplicas": scaling.least,
        "partitions": min(topic.partitions for topic in topics),
        "consumerGroup": GROUPS[stage][0],
        "topics": [f"{topic.short}.v{topic.version}" for topic in topics],
    }
