"""Rates, lag and ages out of samples."""

from datetime import UTC, datetime, timedelta

from console.health.sample import Progress, Sample, curve, moved_at, rate, stands_since, taken_rate

START = datetime(2026, 11, 29, 8, tzinfo=UTC)
READING = ("resolver", "mail.fetched")


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def sample(seconds: float, written: int, taken: int, oldest: float | None = None) -> Sample:
    progress = Progress(written - taken, taken, None if oldest is None else at(oldest))
    return Sample(at(seconds), {"mail.fetched": written}, progress={READING: progress})


def test_rates_are_those_of_the_last_minute() -> None:
    samples = [sample(0, 0, 0), sample(60, 600, 0), sample(120, 660, 30)]

    assert rate(samples, "mail.fetched") == 1.0
    assert taken_rate(samples, READING) == 0.5
    assert rate(samples, "mail.fetched", seconds=120) == 5.5


def test_of_one_sample_or_of_a_topic_made_anew_no_rate_is_known() -> None:
    assert rate([], "mail.fetched") is None
    assert rate([sample(0, 5, 5)], "mail.fetched") is None
    assert rate([sample(0, 5, 5), sample(10, 1, 1)], "mail.fetched") is None
    assert rate([sample(0, 5, 5), sample(10, 9, 9)], "another") is None


def test_a_curve_has_a_point_a_sample() -> None:
    first, second = curve([sample(0, 10, 10), sample(10, 40, 20, oldest=4)], "mail.fetched", "resolver")

    assert (first.written_rate, first.taken_rate, first.lag, first.oldest_seconds) == (None, None, 0, 0.0)
    assert (second.written_rate, second.taken_rate, second.lag, second.oldest_seconds) == (3.0, 1.0, 20, 6.0)


def test_an_age_that_could_not_be_looked_at_is_not_taken_for_none() -> None:
    (point,) = curve([sample(0, 10, 5)], "mail.fetched", "resolver")
    assert point.oldest_seconds is None
    (point,) = curve([sample(0, 10, 5)], "mail.fetched", None)
    assert (point.lag, point.oldest_seconds) == (None, None)


def test_a_group_stands_since_it_last_took_something_and_only_while_something_waits() -> None:
    assert stands_since([], READING) is None
    assert stands_since([sample(0, 5, 3), sample(10, 9, 4), sample(20, 9, 4), sample(30, 12, 4)], READING) == at(10)
    assert stands_since([sample(0, 9, 4), sample(10, 9, 9)], READING) is None
    assert stands_since([sample(0, 4, 4), sample(10, 9, 4)], READING) == at(10)  # it had nothing to do before


def test_when_a_group_last_took_something() -> None:
    assert moved_at([sample(0, 9, 3), sample(10, 9, 4), sample(20, 9, 4)], READING) == at(10)
    assert moved_at([sample(0, 9, 4), sample(10, 9, 4)], READING) is None
