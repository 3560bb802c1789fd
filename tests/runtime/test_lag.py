"""What /metrics says of a stage's backlog: how many records, how old the oldest is, how long each took."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import pytest
from kafka import TopicPartition
from prometheus_client import REGISTRY

from runtime.config import ProcessConfig
from runtime.processing.faust_adapter import lag_of
from runtime.processing.faust_consumer import Place
from runtime.processing.handler_runner import HandlerRunner
from runtime.processing.lag import Backlog
from runtime.processing.outcomes import Dead, FinalOutcome, Ok, Reject, Retry
from schemas.reasons import Reason
from schemas.topics import MAIL_FETCHED, NOTIFICATION_REQUESTED, Topic
from schemas.wire import Record

CONFIG = ProcessConfig(topic_prefix="t")
ASKED, FETCHED = NOTIFICATION_REQUESTED.name("t"), MAIL_FETCHED.name("t")
RETRY = NOTIFICATION_REQUESTED.retry("t")
NOW = 1_800_000_000.0


class Handler:
    stage = "a-stage"
    topics: tuple[Topic, ...] = (NOTIFICATION_REQUESTED, MAIL_FETCHED)

    def handle(self, _records: Sequence[Record]) -> Sequence[FinalOutcome]:
        raise AssertionError("nobody asks it")


@dataclass
class Told:
    """A backlog whose time is set by the test, and what /metrics says of it."""

    topics: ClassVar = {"asked": "notification.requested.v1", "fetched": "mail.fetched.v1"}
    now: float = NOW
    backlog: Backlog = field(init=False)

    def __post_init__(self) -> None:
        self.backlog = Backlog(Handler(), CONFIG, lambda: self.now)

    def age(self, topic: str) -> float | None:
        labels = {"stage": "a-stage", "topic": self.topics[topic]}
        return REGISTRY.get_sample_value("mailcall_oldest_record_age_seconds", labels)

    def lag(self, topic: str) -> float | None:
        return REGISTRY.get_sample_value("mailcall_lag_records", {"stage": "a-stage", "topic": topic})


def record(topic: str, seconds_ago: float) -> Record:
    return Record(topic, 0, 0, b"k", b"v", (), int((NOW - seconds_ago) * 1000))


def test_nothing_is_old_before_anything_is_there() -> None:
    told = Told()
    assert (told.age("asked"), told.age("fetched")) == (0, 0)


def test_the_oldest_record_of_each_topic_ages_until_nothing_is_left() -> None:
    told = Told()
    told.backlog.taken([record(ASKED, 5), record(ASKED, 60), record(FETCHED, 7)])
    assert (told.age("asked"), told.age("fetched")) == (60, 7)
    told.now += 100  # nothing moves: the process hangs, and is told of all the same
    assert (told.age("asked"), told.age("fetched")) == (160, 107)
    told.backlog.taken([record(ASKED, 2)])
    told.backlog.measured({ASKED: 1})
    assert (told.age("asked"), told.age("fetched")) == (102, 0)
    told.backlog.measured({})
    assert told.age("asked") == 0


def test_what_was_never_read_is_as_old_as_the_first_measurement_that_found_it() -> None:
    told = Told()
    told.backlog.measured({ASKED: 3})
    told.now += 30
    told.backlog.measured({ASKED: 4})
    assert told.age("asked") == 30


def test_records_in_hand_age_although_those_behind_them_are_done() -> None:
    told = Told()
    told.backlog.taken([record(ASKED, 40)])
    told.backlog.in_flight([record(ASKED, 40), record(RETRY, 4000)])
    told.backlog.measured({})
    assert told.age("asked") == 40
    told.backlog.in_flight([])
    assert told.age("asked") == 0


def test_a_time_that_no_producer_gave_or_that_lies_ahead_makes_nothing_old() -> None:
    told = Told()
    told.backlog.taken([Record(ASKED, 0, 0, b"k", b"v", (), 0), record(FETCHED, -3600)])
    assert (told.age("asked"), told.age("fetched")) == (0, 0)


def test_the_lag_of_every_topic_is_told_also_of_one_that_was_taken_away() -> None:
    told = Told()
    told.backlog.measured({ASKED: 3, RETRY: 2})
    assert (told.lag("notification.requested.v1"), told.lag("notification.requested.v1.retry")) == (3, 2)
    told.backlog.measured({RETRY: 1})
    assert (told.lag("notification.requested.v1"), told.lag("notification.requested.v1.retry")) == (0, 1)


def test_hand_over_time_counts_what_is_handled_for_good(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runtime.processing.handler_runner.time.time", lambda: NOW)

    def told(suffix: str) -> float:
        labels = {"stage": "a-stage", "topic": "mail.fetched.v1"}
        return REGISTRY.get_sample_value(f"mailcall_handover_seconds_{suffix}", labels) or 0

    before = told("count"), told("sum")
    outcomes: list[FinalOutcome] = [
        Ok(),
        Reject(Reason.LOOP),
        Dead(Reason.NULL_VALUE, ""),
        Retry(Reason.SERVER_SLOW, 1),
        Ok(),
    ]
    records = [record(FETCHED, age) for age in (1, 20, 300, 4000, -5)]
    HandlerRunner(Handler(), CONFIG).count(records, outcomes)
    assert (told("count") - before[0], told("sum") - before[1]) == (4, 321)


@pytest.mark.parametrize(
    ("places", "lag"),
    [
        ({0: Place(7, 9), 1: Place(4, 4)}, {"one": 2}),
        ({0: Place(7, 7), 1: Place(4, None)}, None),  # a fetch is overdue
        ({0: Place(None, 7)}, None),
        ({}, None),  # something is not acknowledged yet, or nothing is assigned
    ],
)
def test_the_broker_is_asked_for_the_lag_where_fetches_do_not_say_it(
    places: dict[int, Place], lag: dict[str, int] | None
) -> None:
    assert lag_of({TopicPartition("one", number): place for number, place in places.items()}) == lag
