"""How often a sender is answered by the desk itself: once for each item, five times an hour, not at all in a storm."""

from datetime import timedelta
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logger.core import auto_replies
from logger.core.auto_replies import AutoReply, AutoReplyCounts
from runtime.telemetry.metrics import NOTIFICATIONS_WITHHELD
from schemas.persons import Person
from schemas.reasons import Reason
from schemas.resolved_mail import ResolvedMail
from schemas.settings import EmailOptions
from schemas.settings.notification_rules import AutoReplyLimits
from schemas.topics import NOTIFICATION_REQUESTED
from tests.captured_logs import capture_logs
from tests.logger.harness import NOW, Logger, make_mail

ANN = Person(id="ann", last_name="Lee", addresses=("ann@example.test",), is_user=True)
DESK = Person(id="desk", last_name="Desk", addresses=("desk@example.test",), is_analyst=True)
TO_ONE = {"message_ids": ["<one@example.test>"]}


@pytest.fixture
def desk(logger: Logger) -> Logger:
    limit(logger)
    logger.feed(ANN, DESK)
    return logger


def limit(logger: Logger, plus_tags: bool = False, **limits: int) -> None:
    options = EmailOptions(answers=AutoReplyLimits(**limits), plus_tags=plus_tags)
    logger.settings = logger.settings.with_changes([("email-options/email-options", options, 99)])


def answered(logger: Logger) -> list[str]:
    """The events that authors were answered about since the last look."""
    found = [one.event for one in logger.of(NOTIFICATION_REQUESTED) if one.role == "author"]
    logger.published.clear()
    return found


def withheld(reason: Reason) -> float:
    return float(NOTIFICATIONS_WITHHELD.labels(reason)._value.get())


def test_a_sender_is_told_once_that_mails_to_an_item_have_arrived(desk: Logger) -> None:
    before = withheld(Reason.ANSWERED_ALREADY)
    desk.feed(make_mail("one", person=ANN), *(make_mail(f"m{n}", person=ANN, conversation=TO_ONE) for n in range(3)))
    assert answered(desk) == ["CallLogged"]
    desk.feed(make_mail("later", person=ANN, conversation=TO_ONE))
    assert answered(desk) == []
    assert withheld(Reason.ANSWERED_ALREADY) - before == 4
    assert len(desk.item("C-000001").journal) == 5


def test_the_others_are_told_all_the_same(desk: Logger) -> None:
    desk.feed(make_mail("one", person=ANN), *(make_mail(f"m{n}", person=ANN, conversation=TO_ONE) for n in range(3)))
    told = [one.recipient for one in desk.of(NOTIFICATION_REQUESTED) if one.role == "logging-analyst"]
    assert told == ["desk@example.test"] * 3


def test_what_a_sender_asked_for_is_answered_once_for_each_event(desk: Logger) -> None:
    desk.feed(make_mail("one", person=ANN), make_mail("two", person=ANN, conversation=TO_ONE, wanted="close"))
    assert answered(desk) == ["CallLogged", "CallClosed"]
    desk.feed(*(make_mail(f"again{n}", person=ANN, conversation=TO_ONE, wanted="close") for n in range(3)))
    assert answered(desk) == ["ActionRefused"]


def test_five_answers_an_hour_and_then_again_some(desk: Logger) -> None:
    desk.feed(*(make_mail(f"m{n}", person=ANN) for n in range(8)))
    assert answered(desk) == ["CallLogged"] * 5
    desk.now = NOW + timedelta(minutes=61)
    mails = make_mail("later", person=ANN, received=desk.now), make_mail("b", "bob@example.test", received=desk.now)
    desk.feed(*mails)
    assert answered(desk) == ["CallLogged"] * 2


def test_one_sender_does_not_use_up_what_another_has(desk: Logger) -> None:
    desk.feed(*(make_mail(f"m{n}", person=ANN) for n in range(8)), make_mail("bobs", "bob@example.test"))
    assert answered(desk) == ["CallLogged"] * 6


def test_in_a_storm_nobody_is_answered_until_it_is_over(desk: Logger) -> None:
    limit(desk, per_sender_and_hour=0, all_in_ten_minutes=3)
    with capture_logs() as logs:
        for batch in range(3):
            desk.feed(*(make_mail(f"{batch}-{n}", f"s{batch}{n}@example.test") for n in range(4)))
    assert answered(desk) == ["CallLogged"] * 3
    assert [entry["log_level"] for entry in logs if "stopped" in entry["event"]] == ["warning"]
    assert len({reference for _, reference in desk.outcomes().values()}) == 12
    desk.now = NOW + timedelta(minutes=11)
    desk.feed(make_mail("after", "late@example.test", received=desk.now))
    assert answered(desk) == ["CallLogged"]


def test_plus_tags_make_no_other_sender_where_they_count_for_nothing(desk: Logger) -> None:
    limit(desk, plus_tags=True)
    desk.feed(*(make_mail(f"m{n}", f"ann+{n}@example.test") for n in range(8)))
    assert answered(desk) == ["CallLogged"] * 5


def test_a_mail_that_comes_again_changes_nothing(desk: Logger) -> None:
    mails = [make_mail(f"m{n}", person=ANN) for n in range(3)]
    desk.feed(*mails, *mails)
    desk.feed(*mails)
    assert answered(desk) == ["CallLogged"] * 3
    desk.feed(*(make_mail(f"more{n}", person=ANN) for n in range(3)))
    assert answered(desk) == ["CallLogged"] * 2


def forged(count: int, cause: str = "m") -> list[ResolvedMail]:
    """Mails that each name another sender, to a server that checks nobody."""
    return [make_mail(f"{cause}{n}", f"{cause}{n}@example.test", trust="not-checked") for n in range(count)]


def test_senders_who_are_not_proved_are_answered_so_often_in_an_hour(desk: Logger) -> None:
    limit(desk, unproved_in_hour=3)
    with capture_logs() as logs:
        desk.feed(*forged(5), make_mail("proved", "pia@example.test"))
        desk.feed(*forged(2, "more"))
    assert [one.recipient for one in desk.of(NOTIFICATION_REQUESTED) if one.event == "CallLogged"] == [
        "m0@example.test", "m1@example.test", "m2@example.test", "pia@example.test",
    ]  # fmt: skip
    assert [entry["log_level"] for entry in logs if "stopped" in entry["event"]] == ["warning"]
    desk.published.clear()
    desk.now = NOW + timedelta(minutes=61)
    desk.feed(make_mail("later", "later@example.test", trust="not-checked", received=desk.now))
    assert answered(desk) == ["CallLogged"]


@pytest.mark.parametrize(("entered", "sent"), [(2, 60), (100, 100)])
def test_how_often_follows_the_size_of_the_desk(desk: Logger, entered: int, sent: int) -> None:
    """And not those who become persons by writing: a flood of forged names would raise its own limit."""
    desk.feed(*(Person(id=f"p{n}", last_name="P", is_user=True) for n in range(entered - 2)))
    for batch in range(3):
        desk.feed(*forged(50, f"batch{batch}-"))
    assert len(answered(desk)) == sent


def test_the_persons_of_a_large_desk_are_not_counted_to_their_end(desk: Logger) -> None:
    desk.feed(*(Person(id=f"p{n}", last_name="P", is_user=True) for n in range(300)))
    with mock.patch("logger.db.withheld.limit", wraps=auto_replies.limit) as limited:
        desk.feed(*forged(70))
    assert [call.args[2].persons for call in limited.call_args_list] == [70]
    assert len(answered(desk)) == 70


@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.integers(1, 3), st.sampled_from("xy")), max_size=60),
    st.integers(0, 3),
    st.integers(0, 5),
    st.integers(0, 9),
)
def test_no_limit_is_ever_passed(asked: list[tuple[str, int, str]], item: int, hour: int, everybody: int) -> None:
    limits = AutoReplyLimits(per_sender_and_item=item, per_sender_and_hour=hour, all_in_ten_minutes=everybody)
    answered = AutoReplyCounts()
    for address, number, event in asked:
        answer = AutoReply(address, number, event, "id")
        if answered.why_not(answer, limits) is None:
            answered.remember(answer)
    assert not item or all(count <= item for count in answered.about.values())
    assert not hour or all(count <= hour for count in answered.within_hour.values())
    assert not everybody or answered.in_ten_minutes <= everybody
