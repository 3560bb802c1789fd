"""What the stages are scaled by is what their processes share out among their replicas."""

import pytest
import yaml

from logger.handler import LoggerHandler
from outbound.handler import OutboundHandler
from resolver.handler import ResolverHandler
from runtime.processing.outcomes import Handler
from schemas.access import access_of
from schemas.scaling import SCALED, page, topics_of

HANDLERS: dict[str, type[Handler]] = {
    "resolver": ResolverHandler,
    "logger": LoggerHandler,
    "outbound": OutboundHandler,
}


def test_every_stage_that_shares_out_topics_is_scaled() -> None:
    assert SCALED.keys() == HANDLERS.keys()


@pytest.mark.parametrize("stage", SCALED)
def test_a_stage_is_scaled_by_the_topics_of_its_handler(stage: str) -> None:
    assert sorted(topic.short for topic in topics_of(stage)) == sorted(topic.short for topic in HANDLERS[stage].topics)


@pytest.mark.parametrize("stage", SCALED)
def test_the_page_names_topics_and_a_group_that_the_stage_may_read(stage: str) -> None:
    told, access = yaml.safe_load(page())[stage], access_of(stage, "p")
    names = [f"p.{topic}" for topic in told["topics"]]
    assert names
    assert set(names) <= set(access.reads)
    assert not [name for name in names if name.endswith(".retry")]
    assert f"p.{told['consumerGroup']}" in access.groups


@pytest.mark.parametrize("stage", SCALED)
def test_no_replica_would_be_without_a_partition_of_each_topic(stage: str) -> None:
    told = yaml.safe_load(page())[stage]
    assert {topic.partitions for topic in topics_of(stage)} == {told["partitions"]}


def test_the_stage_that_also_reads_what_is_deferred_never_ends_altogether() -> None:
    deferring = [stage for stage in SCALED if any(topic.deferred for topic in topics_of(stage))]
    assert deferring == ["outbound"]
    assert [SCALED[stage].least for stage in deferring] == [1]
