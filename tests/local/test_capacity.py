"""What so many mails a day need: docs/operations.md holds the table and the day that the code computes."""

from pathlib import Path

import pytest

from deploy.local.scaling.capacity import (
    CPU_MS,
    MAILS_PER_SECOND,
    STAGES,
    Assumed,
    arrivals,
    day_rows,
    plan,
    plan_rows,
    simulate,
)
from schemas.topics import MAIL_PARTITIONS

PAGE = (Path(__file__).resolve().parents[2] / "docs/operations.md").read_text(encoding="utf-8")
SIZES = (10_000, 100_000, 1_000_000, 10_000_000)


def test_the_page_holds_what_is_computed() -> None:
    for row in plan_rows(SIZES):
        assert row in PAGE
    shown = [row for row in list(day_rows(simulate(10_000_000)))[2:] if row in PAGE]
    assert [row[2:4] for row in shown] == [f"{hour:02}" for hour in range(5, 19)]
    assert f"{MAILS_PER_SECOND} mails/s" in PAGE
    for process, cpu in CPU_MS.items():
        assert f"{process.replace('broker', 'brokers')} {cpu}" in PAGE


@pytest.mark.parametrize("mails", SIZES)
def test_a_day_has_its_mails_and_each_is_handled(mails: int) -> None:
    assert sum(arrivals(mails)) == pytest.approx(mails)
    day = simulate(mails)
    assert sum(hour.arrived for hour in day.hours) == pytest.approx(mails)
    assert day.left < mails / 1000


def test_replicas_are_enough_at_the_peak_and_one_fewer_is_not() -> None:
    found, assumed = plan(10_000_000), Assumed()
    assert found.peak == pytest.approx(10_000_000 * 0.11 / 3600 * 60 / 65 * 2)
    for stage in STAGES:
        assert (
            (found.replicas[stage] - 1) * assumed.rate(stage)
            < found.peak
            <= found.replicas[stage] * assumed.rate(stage)
        )


def test_a_slow_mail_server_needs_more_of_outbound_alone() -> None:
    usual, slow = plan(10_000_000), plan(10_000_000, Assumed(smtp_seconds=1.0))
    assert slow.replicas["outbound"] == 57
    assert {**slow.replicas, "outbound": 0} == {**usual.replicas, "outbound": 0}


def test_scaling_stays_within_partitions_and_comes_back_at_night() -> None:
    hours = simulate(10_000_000).hours
    assert max(hour.replicas["outbound"] for hour in hours) == MAIL_PARTITIONS
    assert hours[0].replicas == hours[23].replicas == dict.fromkeys(STAGES, 1)


def test_what_cannot_be_sent_within_the_day_is_left() -> None:
    assert simulate(10_000_000, Assumed(smtp_seconds=5.0)).left > 1_000_000
