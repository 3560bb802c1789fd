"""A storm of mails, with replicas started and ended as KEDA would, and every stage rolled while it lasts.

What decides is the chart's ScaledObjects and the broker's offsets. Each stage finds all mails waiting, and is rolled
when it has as many replicas as it may have. A small storm, of which little may wait;
`python -m deploy.local.scaling.storm` makes those of 20,000 mails with the chart's own values (docs/scaling.md).
"""

from collections.abc import Iterator
from itertools import pairwise

import pytest

from deploy.local.scaling.scaled_pipeline import scaled_pipeline
from deploy.local.scaling.storm_result import Kind, Outcome, Result
from deploy.local.servers.database import Database
from schemas.scaling import SCALED
from tests.desks import new_database

pytestmark = pytest.mark.timeout(600)

MAILS, PACE = 1_000, 30.0
MOST = {"resolver": 3, "logger": 2, "outbound": 2}
LIMITS = {stage: {"minReplicas": 1, "maxReplicas": most} for stage, most in MOST.items()}
VALUES = {"autoscaling": {"waitSeconds": 3, **LIMITS}}


@pytest.fixture(scope="module")
def storm(kafka_bootstrap: str, database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Result]:
    directory = tmp_path_factory.mktemp("storm")
    with new_database(database) as url, scaled_pipeline(directory, kafka_bootstrap, url, VALUES, PACE) as stages:
        yield stages.storm(MAILS, Kind.HELD_ROLLED)


def test_replicas_come_with_the_storm_and_go_after_it_one_by_one(storm: Result) -> None:
    for stage, most in MOST.items():
        counts = storm.replicas(stage)
        assert max(counts) == most, stage
        assert all(after >= before - 1 for before, after in pairwise(counts)), counts
    assert storm.samples[-1].replicas == dict.fromkeys(SCALED, 1)


def test_every_stage_was_rolled_meanwhile(storm: Result) -> None:
    assert storm.replaced.keys() == SCALED.keys()
    assert min(storm.replaced.values()) >= 1


def test_nothing_was_lost_or_doubled_or_overtaken(storm: Result) -> None:
    assert storm.outcome == Outcome(mails=MAILS, lost=0, twice=0, late_calls=0, late_answers=0)
