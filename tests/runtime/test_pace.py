"""Batches are gathered under load; what comes alone, and what has piled up, does not wait."""

import pytest

from runtime.pace import GATHER_SECONDS, Pace


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_the_first_batch_does_not_wait() -> None:
    assert Pace(200, Clock()).wait_seconds() == 0


def test_a_batch_that_follows_at_once_waits_until_the_time_to_gather_is_over() -> None:
    clock = Clock()
    pace = Pace(200, clock)
    pace.begin(1)
    clock.now += GATHER_SECONDS / 4
    assert pace.wait_seconds() == pytest.approx(GATHER_SECONDS * 3 / 4)


def test_a_record_that_comes_alone_does_not_wait() -> None:
    clock = Clock()
    pace = Pace(200, clock)
    pace.begin(1)
    clock.now += GATHER_SECONDS
    assert pace.wait_seconds() == 0


def test_a_backlog_does_not_wait() -> None:
    pace = Pace(200, Clock())
    pace.begin(100)
    assert pace.wait_seconds() == 0
