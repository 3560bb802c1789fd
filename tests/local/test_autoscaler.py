"""What KEDA and the Horizontal Pod Autoscaler decide, as far as it is computed here.

The cases of `LAGS` follow the source of KEDA 2.21.0, `getTotalLag` and `getLagForPartition`.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from deploy.local.scaling.autoscaler import SYNC_SECONDS, Autoscaler, Metric, Offsets, Trigger

TOPIC = "p.mail.fetched.v1"
NONE_YET = -1


def trigger(**metadata: str) -> dict[str, Any]:
    named = {"topic": TOPIC, "consumerGroup": "p.resolver", "lagThreshold": "100", "offsetResetPolicy": "earliest"}
    return {"type": "kafka", "metadata": {**named, **metadata}}


def scaled_object(
    least: int = 1, most: int = 6, behavior: Mapping[str, Any] | None = None, **metadata: str
) -> dict[str, Any]:
    config = {"horizontalPodAutoscalerConfig": {"behavior": dict(behavior or {})}}
    return {
        "spec": {
            "scaleTargetRef": {"name": "resolver"},
            "minReplicaCount": least,
            "maxReplicaCount": most,
            "advanced": config,
            "triggers": [trigger(**metadata)],
        }
    }


def lag_of(records: int, partitions: int = 12) -> dict[str, list[Offsets]]:
    """So many behind, the first partition more than the others where it must be."""
    each, rest = divmod(records, partitions)
    return {TOPIC: [Offsets(1000, 0, 1000 + each + rest * (number == 0)) for number in range(partitions)]}


def run(scaler: Autoscaler, replicas: int, lags: Iterable[int], started: float = 0.0) -> list[int]:
    """The replicas after each decision, one every `SYNC_SECONDS`."""
    decided = []
    for turn, lag in enumerate(lags):
        replicas = scaler.decide(started + turn * SYNC_SECONDS, replicas, lag_of(lag))
        decided.append(replicas)
    return decided


FRESH = Offsets(NONE_YET, 0, 0)
EXPIRED = Offsets(NONE_YET, 40, 100)  # no offset is known; 40 of 100 records have been deleted
LAGS = {
    "committed": ({}, [Offsets(10, 0, 60), Offsets(60, 0, 60)], Metric(50, True)),
    "nothing to do": ({}, [Offsets(60, 0, 60)], Metric(0, False)),
    "never read, empty": ({}, [FRESH, FRESH], Metric(0, False)),
    "never read, empty, latest": ({"offsetResetPolicy": "latest"}, [FRESH, FRESH], Metric(2, True)),
    "never read": ({}, [EXPIRED], Metric(60, True)),
    "never read, latest": ({"offsetResetPolicy": "latest"}, [EXPIRED], Metric(1, True)),
    "never read, none": ({"scaleToZeroOnInvalidOffset": "true"}, [EXPIRED], Metric(0, False)),
    "below the activation": ({"activationLagThreshold": "50"}, [Offsets(10, 0, 60)], Metric(50, False)),
    "above the partitions": ({}, [Offsets(0, 0, 5000), Offsets(0, 0, 5000)], Metric(200, True)),
    "idle consumers": ({"allowIdleConsumers": "true"}, [Offsets(0, 0, 500), Offsets(0, 0, 0)], Metric(500, True)),
    # The cap divides without remainder: up to one threshold more passes, which is one replica more than partitions.
    "just above the partitions": ({}, [Offsets(0, 0, 299), Offsets(0, 0, 0)], Metric(299, True)),
    # A topic that was made anew: its offsets begin below what is committed, and hide what lies on other partitions.
    "made anew": ({}, [Offsets(500, 0, 10), Offsets(0, 0, 300)], Metric(0, False)),
}


@pytest.mark.parametrize("case", LAGS)
def test_a_lag_is_what_keda_says(case: str) -> None:
    metadata, partitions, metric = LAGS[case]
    assert Trigger.read(trigger(**metadata)).metric(partitions) == metric


@pytest.mark.parametrize(
    "wrong",
    [trigger(limitToPartitionsWithLag="true"), {**trigger(), "metricType": "Value"}, {**trigger(), "type": "cron"}],
)
def test_what_is_not_computed_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="not computed here"):
        Trigger.read(wrong)


@pytest.mark.parametrize(
    ("lag", "replicas", "decided"),
    [(0, 2, 2), (180, 2, 2), (219, 2, 2), (221, 2, 3), (100, 1, 1), (111, 1, 2), (600, 6, 6)],
)
def test_so_many_replicas_as_the_lag_needs_or_as_there_are_where_it_is_near(
    lag: int, replicas: int, decided: int
) -> None:
    assert run(Autoscaler.read(scaled_object()), replicas, [lag]) == [decided]


def test_upwards_by_the_policy_that_gives_most_and_never_beyond_the_most() -> None:
    up = {"policies": [policy("Pods", 2, 30), policy("Percent", 100, 30)]}
    scaler = Autoscaler.read(scaled_object(behavior={"scaleUp": up}))
    assert run(scaler, 1, [5000] * 5) == [3, 3, 6, 6, 6]


def test_by_default_upwards_by_four_at_once() -> None:
    assert run(Autoscaler.read(scaled_object(most=12)), 1, [5000] * 3) == [5, 10, 12]


def test_downwards_only_when_less_was_wanted_all_the_window_and_then_one_a_minute() -> None:
    down = {"stabilizationWindowSeconds": 60, "policies": [policy("Pods", 1, 60)]}
    scaler = Autoscaler.read(scaled_object(behavior={"scaleDown": down}))
    decided = run(scaler, 4, [400, *[0] * 14])
    assert decided == [4, 4, 4, 4, 3, 3, 3, 3, 2, 2, 2, 2, 1, 1, 1]


def test_a_storm_within_the_window_keeps_what_there_is() -> None:
    down = {"stabilizationWindowSeconds": 60, "policies": [policy("Pods", 1, 60)]}
    scaler = Autoscaler.read(scaled_object(behavior={"scaleDown": down}))
    assert run(scaler, 4, [400, 0, 0, 400, 0, 0, 0]) == [4] * 7


def test_by_default_downwards_after_five_minutes_and_then_all_at_once() -> None:
    decided = run(Autoscaler.read(scaled_object()), 6, [600, *[0] * 21])
    assert decided == [*[6] * 20, 1, 1]


def test_a_disabled_direction_is_not_taken() -> None:
    scaler = Autoscaler.read(scaled_object(behavior={"scaleUp": {"selectPolicy": "Disabled"}}))
    assert run(scaler, 2, [5000] * 3) == [2, 2, 2]


def test_the_worst_trigger_decides() -> None:
    read = scaled_object()
    read["spec"]["triggers"].append(trigger(topic="p.persons.v1", lagThreshold="10"))
    offsets = {**lag_of(0), "p.persons.v1": [Offsets(0, 0, 30), *[Offsets(0, 0, 0)] * 11]}
    assert Autoscaler.read(read).decide(0, 1, offsets) == 3


def test_none_after_the_cooldown_and_one_with_the_first_record() -> None:
    scaler = Autoscaler.read(scaled_object(least=0))
    assert run(scaler, 1, [1, *[0] * 22]) == [*[1] * 21, 0, 0]
    assert run(scaler, 0, [0, 5000], started=1000) == [0, 1]


def test_one_replica_more_than_partitions_where_nothing_else_limits_them() -> None:
    assert run(Autoscaler.read(scaled_object(most=100)), 3, [1299] * 5)[-1] == 13
    assert run(Autoscaler.read(scaled_object(most=12)), 3, [1299] * 5)[-1] == 12


@pytest.mark.parametrize("pace", [1, 30])
def test_a_faster_pace_decides_the_same_sooner(pace: float) -> None:
    down = {"stabilizationWindowSeconds": 60, "policies": [policy("Pods", 1, 60)]}
    scaler, replicas = Autoscaler.read(scaled_object(behavior={"scaleDown": down}), pace), 3
    decided: list[int] = []
    for turn, lag in enumerate([300, *[0] * 9]):
        replicas = scaler.decide(turn * SYNC_SECONDS / pace, replicas, lag_of(lag))
        decided.append(replicas)
    assert decided == [3, 3, 3, 3, 2, 2, 2, 2, 1, 1]


def policy(kind: str, value: int, seconds: int) -> dict[str, Any]:
    return {"type": kind, "value": value, "periodSeconds": seconds}
