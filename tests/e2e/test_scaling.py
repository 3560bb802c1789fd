"""A storm of mails, with replicas started and ended as KEDA would, and every stage rolled while it lasts.

What decides is the chart's ScaledObjects and the broker's offsets. Each stage finds all mails waiting, and is rolled
when it has as many replicas as it may have. A small storm, of which little may wait;
`python -m deploy.local.storm` makes those of 20,000 mails with the chart's own values (docs/scaling.md).
"""

from collections.abc import Iterator

import pytest

from deploy.local.database import Database
from deploy.local.storm import Kind, Result, scaled_pipeline
from deploy.local.storm_mails import Outcome
from schemas.scaling import SCALED
from tests.desks import new_database

pytestmark = pytest.mark.timeout(600)

MAILS, MOST, PACE = 1_500, 3, 30.0
LIMITS = {"minReplicas": 1, "maxReplicas": MOST}
VALUES = {"autoscaling": {"waitSeconds": 4, "resolver": LIMITS, "logger": LIMITS}}


@pytest.fixture(scope="module")
def storm(kafka_bootstrap: str, database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Result]:
    directory = tmp_path_factory.mktemp("storm")
    with new_database(database) as url, scaled_pipeline(directory, kafka_bootstrap, url, VALUES, PACE) as stages:
        yield stages.storm(MAILS, Kind.HELD_ROLLED)


def test_replicas_come_with_the_storm_and_go_after_it_one_by_one(storm: Result) -> None:
    assert {stage: storm.replicas(stage) for stage in SCALED} == {
        "resolver": [1, 3, 2, 1],
        "logger": [0, 1, 3, 2, 1],
        "outbound": [0, 1, 2, 1],
    }
    assert storm.samples[-1].replicas == dict.fromkeys(SCALED, 1)


def test_every_stage_was_rolled_meanwhile(storm: Result) -> None:
    assert storm.replaced.keys() == SCALED.keys()
    assert min(storm.replaced.values()) >= 1


def test_nothing_was_lost_or_doubled_or_overtaken(storm: Result) -> None:
    assert storm.outcome == Outcome(mails=MAILS, lost=0, twice=0, late_calls=0, late_answers=0)
