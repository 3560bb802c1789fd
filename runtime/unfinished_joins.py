"""A rejoin of a group that one poll begins is ended by a later one.

kafka-python 3.0.12 leaves a rejoin in flight where the time of a poll is over, and asks at the next poll whether there
is a reason to rejoin. Where the reason was that the group's leader saw other partitions than before, there is none any
more: assigning them has renewed what it compares with. The rejoin is forgotten, and so is one that fails on its way;
the consumer has no partition and sends no heartbeat from there on, for good and without a word.
"""

from functools import cache
from typing import Any


@cache
def mend_rejoins() -> None:
    """Once a process."""
    from kafka.coordinator.consumer import ConsumerCoordinator

    has_reason = ConsumerCoordinator.need_rejoin

    def need_rejoin(coordinator: Any) -> bool:
        begun: bool = coordinator.rejoining and coordinator._subscription.partitions_auto_assigned()
        return begun or has_reason(coordinator)

    ConsumerCoordinator.need_rejoin = need_rejoin
