"""What of a topic at the broker is told, and what matters."""

from collections.abc import Mapping

import pytest

from runtime.kafka.topic_plans import FoundTopic, TopicPlan, differences, plans
from schemas.topics import DAY_MS, MAIL_FETCHED, SETTINGS

NO_OTHERS: Mapping[str, str] = {}
PLANS = {plan.name: plan for plan in plans("t")}
MAILS, COMPACTED = PLANS[MAIL_FETCHED.name("t")], PLANS[SETTINGS.name("t")]


def told(
    plan: TopicPlan, settings: Mapping[str, str] = NO_OTHERS, copies: int = -1, partitions: int | None = None
) -> list[tuple[str, str, str, bool]]:
    """Of a topic with three replicas that is as planned but for these settings."""
    found = FoundTopic(partitions or plan.partitions, 3, {**plan.settings, **settings})
    return [(one.setting, one.found, one.wanted, one.matters) for one in differences(plan, found, copies) if one.why]


def test_a_topic_as_it_was_planned_differs_in_nothing() -> None:
    for plan in PLANS.values():
        assert told(plan) == told(plan, {"min.insync.replicas": "3", "retention.bytes": "-1"}, copies=3) == []


@pytest.mark.parametrize(
    ("setting", "has"),
    [("max.message.bytes", str(2**31 - 1)), ("segment.ms", "1000"), ("min.cleanable.dirty.ratio", "0.01")],
)
def test_what_is_as_good_is_not_told(setting: str, has: str) -> None:
    assert told(COMPACTED, {setting: has}) == []


@pytest.mark.parametrize(
    ("plan", "setting", "has", "wanted", "matters"),
    [
        (MAILS, "cleanup.policy", "compact", "delete", True),
        (MAILS, "cleanup.policy", "compact, delete", "delete", True),
        (MAILS, "max.message.bytes", "1048588", "16777216", True),
        (MAILS, "min.insync.replicas", "4", "at most 3", True),
        (MAILS, "retention.ms", str(DAY_MS), str(7 * DAY_MS), False),
        (MAILS, "retention.ms", str(70 * DAY_MS), str(7 * DAY_MS), False),
        (MAILS, "retention.ms", "-1", str(7 * DAY_MS), False),
        (MAILS, "retention.ms", "for ever", str(7 * DAY_MS), False),
        (MAILS, "retention.bytes", "1000000", "-1", False),
        (COMPACTED, "cleanup.policy", "compact,delete", "compact", True),
        (COMPACTED, "segment.ms", str(7 * DAY_MS), str(DAY_MS), False),
        (COMPACTED, "min.cleanable.dirty.ratio", "0.5", "0.1", False),
    ],
)
def test_what_differs_is_told(plan: TopicPlan, setting: str, has: str, wanted: str, matters: bool) -> None:
    assert told(plan, {setting: has}) == [(setting, has, wanted, matters)]


def test_partitions_and_copies_are_told_and_never_matter() -> None:
    assert told(MAILS, partitions=6) == [("partitions", "6", "12", False)]
    assert told(MAILS, copies=2) == [("replication factor", "3", "2", False)]


def test_a_compacted_topic_may_have_any_bound_of_size() -> None:
    assert told(COMPACTED, {"retention.bytes": "1000"}) == []
