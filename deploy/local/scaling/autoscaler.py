"""How many replicas KEDA and the Horizontal Pod Autoscaler give a stage, by its ScaledObject and its lag. Pure.

As the source has it: of KEDA 2.21.0 `pkg/scalers/kafka_scaler.go` (what the lag is) and
`pkg/scaling/executor/scale_scaledobjects.go` (to none and back), of Kubernetes 1.37.2
`pkg/controller/podautoscaler/replica_calculator.go` and `horizontal.go` (everything else).
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

NOT_COMMITTED = -1
TOLERANCE = 0.1  # of the HPA: no change while the lag is this near to what the current replicas are for
SYNC_SECONDS = 15.0  # how often the HPA decides
COOLDOWN_SECONDS = 300.0  # KEDA's default
MOST_REPLICAS = 100  # likewise
# What scales up where the ScaledObject says nothing about it.
SCALE_UP = {
    "stabilizationWindowSeconds": 0,
    "policies": [
        {"type": "Pods", "value": 4, "periodSeconds": 15},
        {"type": "Percent", "value": 100, "periodSeconds": 15},
    ],
}
SCALE_DOWN = {
    "stabilizationWindowSeconds": 300,
    "policies": [{"type": "Percent", "value": 100, "periodSeconds": 15}],
}
_CONNECTS = frozenset({"bootstrapServers", "tls", "sasl", "saslTokenProvider", "awsRegion", "version"})
_CHOOSES = {"Max": max, "Min": min}  # of the changes that the policies allow: the greatest or the least


@dataclass(frozen=True, slots=True)
class Offsets:
    """Of one partition: what the group has committed, its first record and its end."""

    committed: int
    first: int
    end: int


@dataclass(frozen=True, slots=True)
class Metric:
    """The metric that KEDA gives the HPA for one trigger, and whether that trigger keeps a stage up."""

    lag: int
    active: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """One Kafka trigger, with KEDA's defaults for what it leaves out."""

    topic: str
    group: str
    threshold: int
    activation: int
    from_earliest: bool
    none_on_invalid_offset: bool
    beyond_partitions: bool

    @classmethod
    def read(cls, trigger: Mapping[str, Any]) -> Self:
        """Raises `ValueError` where it says something that is not computed here."""
        known = dict(trigger["metadata"])
        read = cls(
            topic=known.pop("topic"),
            group=known.pop("consumerGroup"),
            threshold=int(known.pop("lagThreshold", 10)),
            activation=int(known.pop("activationLagThreshold", 0)),
            from_earliest=known.pop("offsetResetPolicy", "latest") == "earliest",
            none_on_invalid_offset=known.pop("scaleToZeroOnInvalidOffset", "false") == "true",
            beyond_partitions=known.pop("allowIdleConsumers", "false") == "true",
        )
        if trigger["type"] != "kafka" or trigger.get("metricType", "AverageValue") != "AverageValue":
            raise ValueError(f"not computed here: a trigger of type {trigger['type']} or of another metricType")
        if unknown := known.keys() - _CONNECTS:
            raise ValueError(f"not computed here: {', '.join(sorted(unknown))} of the trigger of {read.topic}")
        return read

    def metric(self, partitions: Sequence[Offsets]) -> Metric:
        """Of these partitions of its topic, all there are."""
        lag = behind = sum(map(self._lag, partitions))
        if not self.beyond_partitions and lag // self.threshold > len(partitions):
            lag = len(partitions) * self.threshold
        return Metric(max(0, lag), behind > self.activation)

    def _lag(self, partition: Offsets) -> int:
        if partition.committed != NOT_COMMITTED:
            return partition.end - partition.committed
        if self.none_on_invalid_offset:
            return 0
        return max(0, partition.end - partition.first) if self.from_earliest else 1


@dataclass(frozen=True, slots=True)
class _Policy:
    """By how much the replicas there were at the beginning of the period may change in it."""

    change: Callable[[int], int]
    seconds: float


@dataclass(frozen=True, slots=True)
class _Rules:
    """Of one direction."""

    window_seconds: float
    policies: Sequence[_Policy]
    select: str

    @classmethod
    def read(cls, given: Mapping[str, Any], defaults: Mapping[str, Any], pace: float) -> Self:
        rules = {"selectPolicy": "Max", **defaults, **given}
        return cls(
            rules["stabilizationWindowSeconds"] / pace,
            [_Policy(_change(policy), policy["periodSeconds"] / pace) for policy in rules["policies"]],
            rules["selectPolicy"],
        )


def _change(policy: Mapping[str, Any]) -> Callable[[int], int]:
    """A share is rounded up: one replica may always come, and the last but one may go."""
    value: int = policy["value"]
    return {"Pods": lambda _: value, "Percent": lambda replicas: math.ceil(replicas * value / 100)}[policy["type"]]


@dataclass(frozen=True, slots=True)
class _Event:
    """How many replicas came (or, below zero, went) at a time."""

    at: float
    change: int


@dataclass(slots=True, kw_only=True)
class Autoscaler:
    """KEDA and the HPA of one ScaledObject. `decide` is asked every `SYNC_SECONDS`; times are in seconds of any clock.

    `pace` shortens every window and period: with 10, what takes five minutes takes half of one.
    """

    target: str
    triggers: Sequence[Trigger]
    least: int
    most: int
    cooldown: float
    _up: _Rules
    _down: _Rules
    _active_at: float | None = None
    _wanted: list[tuple[float, int]] = field(default_factory=list)
    _events: list[_Event] = field(default_factory=list)

    @classmethod
    def read(cls, scaled_object: Mapping[str, Any], pace: float = 1.0) -> Self:
        """Of a ScaledObject as it is applied. Raises `ValueError` where it says something that is not computed here."""
        spec = scaled_object["spec"]
        behavior = spec.get("advanced", {}).get("horizontalPodAutoscalerConfig", {}).get("behavior", {})
        return cls(
            target=spec["scaleTargetRef"]["name"],
            triggers=[Trigger.read(trigger) for trigger in spec["triggers"]],
            least=spec.get("minReplicaCount", 0),
            most=spec.get("maxReplicaCount", MOST_REPLICAS),
            cooldown=spec.get("cooldownPeriod", COOLDOWN_SECONDS) / pace,
            _up=_Rules.read(behavior.get("scaleUp", {}), SCALE_UP, pace),
            _down=_Rules.read(behavior.get("scaleDown", {}), SCALE_DOWN, pace),
        )

    def decide(self, now: float, replicas: int, offsets: Mapping[str, Sequence[Offsets]]) -> int:
        """How many there are to be. `offsets`: of the group's partitions, by topic."""
        if not self._wanted:
            self._wanted.append((now, replicas))  # what is there when the HPA begins counts as wanted
        metrics = [trigger.metric(offsets[trigger.topic]) for trigger in self.triggers]
        if any(metric.active for metric in metrics):
            self._active_at = now
        if replicas == 0:
            return max(1, self.least) if self._active_at == now else 0
        if self.least == 0 and (self._active_at is None or now - self._active_at > self.cooldown):
            return 0
        wanted = max(map(lambda trigger, metric: _proposed(trigger, metric, replicas), self.triggers, metrics))
        decided = self._within_limits(now, replicas, self._stabilised(now, replicas, wanted))
        if decided != replicas:
            self._events.append(_Event(now, decided - replicas))
        return decided

    def _stabilised(self, now: float, replicas: int, wanted: int) -> int:
        """Down to the most that was wanted within the window, up to the least."""
        up = min([wanted, *(number for at, number in self._wanted if now - at < self._up.window_seconds)])
        down = max([wanted, *(number for at, number in self._wanted if now - at < self._down.window_seconds)])
        self._wanted.append((now, wanted))
        return min(max(replicas, up), down)

    def _within_limits(self, now: float, replicas: int, wanted: int) -> int:
        if wanted > replicas:
            return min(wanted, self.most, max(replicas, replicas + self._allowed(self._up, 1, now, replicas)))
        if wanted < replicas:
            floor = min(replicas, replicas - self._allowed(self._down, -1, now, replicas))
            return max(wanted, self.least, 1, floor)
        return wanted

    def _allowed(self, rules: _Rules, direction: int, now: float, replicas: int) -> int:
        """By how many the replicas may still change in that direction."""
        if rules.select == "Disabled":
            return 0
        changes = []
        for policy in rules.policies:
            changed = sum(event.change for event in self._events if now - event.at < policy.seconds)
            changes.append(policy.change(replicas - changed) - direction * changed)
        return _CHOOSES[rules.select](changes)


def _proposed(trigger: Trigger, metric: Metric, replicas: int) -> int:
    ratio = metric.lag / (trigger.threshold * replicas)
    return replicas if abs(ratio - 1) <= TOLERANCE else math.ceil(metric.lag / trigger.threshold)
