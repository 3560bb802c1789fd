"""Floods: what is one too many, by the mails' own dates, on both databases."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from desk.engine import read_transaction
from desk.items import list_items
from desk.tables import persons, rejected_mails
from logger.core.rate_limits import window_start, windows_of
from runtime.processing.outcomes import FinalOutcome, Ok, Reject
from schemas.persons import Person
from schemas.reasons import Reason
from schemas.resolved_mail import ResolvedMail
from schemas.settings import IncomingServer, RateLimits
from schemas.topics import CALL_EVENTS, MAIL_REJECTED, NOTIFICATION_REQUESTED, PERSONS
from tests.desks import noted_statements
from tests.logger.harness import NOW, Logger, make_mail

Feed = Callable[..., list[FinalOutcome]]
START = NOW - timedelta(hours=5)
FLOOD = Reject(Reason.FLOOD)
ANN = Person(id="ann", addresses=("ann@example.test",), is_user=True)


def limit(logger: Logger, server_id: str = "it-in", minutes: int = 10, **limits: int) -> None:
    """Gives one incoming server these limits, and no others."""
    none = {"per_sender": 0, "per_sender_and_item": 0, "per_server": 0}
    server = IncomingServer(
        id=server_id,
        protocol="imap",
        call_template="it-call",
        default_logging_analyst="desk",
        floods=RateLimits(minutes=minutes, **{**none, **limits}),
    )
    logger.settings = logger.settings.with_changes([(f"incoming-server/{server_id}", server, 9)])


def at(minute: float, cause: str = "", **fields: Any) -> ResolvedMail:
    return make_mail(cause or f"at {minute}", received=START + timedelta(minutes=minute), **fields)


@pytest.fixture(params=["one batch", "a batch each"])
def feed(request: pytest.FixtureRequest, logger: Logger) -> Feed:
    """Counts are the same whether the mails before lie in the desk or in the batch."""

    def feed(*mails: ResolvedMail) -> list[FinalOutcome]:
        if request.param == "one batch":
            return logger.feed(*mails)
        return [outcome for mail in mails for outcome in logger.feed(mail)]

    return feed


def test_a_sender_is_stopped_at_the_limit_and_accepted_again_when_the_window_has_passed(
    logger: Logger, feed: Feed
) -> None:
    limit(logger, per_sender=2)
    assert feed(at(0), at(1), at(2), at(9.9), at(10), at(10.5), at(11)) == [
        *(Ok(), Ok()),
        *(FLOOD, FLOOD),
        Ok(),  # the first lies 10 minutes back, and no longer counts; nor do the rejected ones
        FLOOD,
        Ok(),
    ]
    assert set(logger.outcomes()) == {at(minute).mail_id for minute in (0, 1, 10, 11)}


def test_a_backlog_that_is_worked_off_is_no_flood(logger: Logger, feed: Feed) -> None:
    limit(logger, per_sender=2)
    assert feed(*(at(10 * n) for n in range(8))) == [Ok()] * 8


def test_mails_that_come_out_of_order_are_counted_by_their_dates(logger: Logger, feed: Feed) -> None:
    limit(logger, per_sender=1)
    assert feed(at(30), at(0), at(5), at(31)) == [Ok(), Ok(), FLOOD, FLOOD]


def test_every_sender_and_every_server_is_counted_by_itself(logger: Logger, feed: Feed) -> None:
    limit(logger, per_sender=1)
    limit(logger, "hr-in", per_sender=1)
    others = [
        at(1, "b", address="bob@example.test"),
        at(1, "c", server_id="hr-in"),
        at(1, "d", server_id="without-limits"),
        at(2, "e", server_id="without-limits"),
    ]
    assert feed(at(0), *others) == [Ok()] * 5


def test_near_a_limit_too_only_the_servers_own_mails_count(logger: Logger) -> None:
    limit(logger, per_sender=2)
    limit(logger, "hr-in", per_sender=10)
    logger.feed(at(0), at(0, "a", server_id="hr-in"), at(0, "b", server_id="hr-in"))
    assert logger.feed(at(1), at(2)) == [Ok(), FLOOD]


def test_one_person_with_two_addresses_is_one_sender(logger: Logger, feed: Feed) -> None:
    limit(logger, per_sender=1)
    logger.feed(ANN)
    assert feed(at(0, person=ANN), at(1, address="ann@second.test", person=ANN)) == [Ok(), FLOOD]


def test_mails_to_one_item_are_counted_by_themselves(logger: Logger, feed: Feed) -> None:
    limit(logger, per_sender_and_item=2)
    first = at(0)
    reply: dict[str, Any] = {"conversation": {"message_ids": [first.message_id]}}
    close = {**reply, "wanted": "close"}
    other = at(4, "another call")
    to_the_other: dict[str, Any] = {"conversation": {"message_ids": [other.message_id]}}
    assert feed(first, at(1, **reply), at(2, **reply), at(3, **close), other, at(5, **to_the_other)) == [
        *(Ok(), Ok(), FLOOD, FLOOD),
        *(Ok(), Ok()),
    ]
    assert logger.item_of(first).status == "open"
    assert [entry.kind for entry in logger.item_of(first).journal] == ["call-logged", "item-updated"]


def test_a_mail_that_reopens_an_item_counts_and_is_stopped_like_any_other(logger: Logger, feed: Feed) -> None:
    limit(logger, per_sender_and_item=3)
    first = at(0)
    reply: dict[str, Any] = {"conversation": {"message_ids": [first.message_id]}}
    mails = [at(1, wanted="close", **reply), at(2, **reply), at(3, wanted="close", **reply), at(4, **reply)]
    assert feed(first, *mails) == [Ok(), Ok(), Ok(), FLOOD, FLOOD]
    assert [entry.kind for entry in logger.item("C-000001").journal] == ["call-logged", "item-closed", "item-reopened"]


def test_a_mail_that_comes_by_a_second_way_is_no_flood_and_counts_as_none(logger: Logger, feed: Feed) -> None:
    limit(logger, per_sender=2)
    first, twin, second = at(0, content_id="c"), at(1, content_id="c"), at(2, content_id="d")
    assert feed(first, twin, second, at(3, content_id="d"), at(4)) == [*([Ok()] * 4), FLOOD]
    assert [logger.outcome(mail) for mail in (first, twin, second)] == [
        ("call-logged", "C-000001"),
        ("duplicate", "C-000001"),
        ("call-logged", "C-000002"),
    ]


def test_the_twin_of_a_flood_is_decided_by_itself(logger: Logger, feed: Feed) -> None:
    limit(logger, per_sender=1)
    flood, twin = at(1, content_id="c"), at(2, content_id="c", server_id="without-limits")
    assert feed(at(0), flood, twin) == [Ok(), FLOOD, Ok()]
    assert logger.outcome(twin) == ("call-logged", "C-000002")


def test_another_senders_mails_to_the_item_do_not_count(logger: Logger, feed: Feed) -> None:
    limit(logger, per_sender_and_item=1)
    first = at(0)
    reply: dict[str, Any] = {"conversation": {"message_ids": [first.message_id]}}
    assert feed(first, at(1, address="bob@example.test", **reply)) == [Ok(), Ok()]


def test_a_whole_server_has_a_limit(logger: Logger, feed: Feed) -> None:
    limit(logger, per_server=2)
    mails = [at(n, address=f"{n}@example.test") for n in range(3)]
    assert feed(*mails, at(10, address="9@example.test")) == [Ok(), Ok(), FLOOD, Ok()]


def test_a_flood_changes_nothing_and_is_told(logger: Logger) -> None:
    limit(logger, per_server=1)
    mail = at(1, "two", address="new@example.test", subject="S" * 500)
    logger.feed(at(0))
    logger.published.clear()
    assert logger.feed(mail) == [FLOOD]

    (told,) = logger.of(MAIL_REJECTED)
    assert (told.mail_id, told.server_id, told.reason) == (mail.mail_id, "it-in", "flood")
    assert (told.sender, told.subject, told.received) == ("new@example.test", "S" * 200, mail.received)
    assert told.evidence == "per_server: 1 accepted within the last 10 minutes, the limit is 1"
    (message,) = logger.published
    assert (message.key, dict(message.headers)["ce_id"]) == ("new@example.test", mail.mail_id.encode())
    assert logger.of(CALL_EVENTS) == logger.of(NOTIFICATION_REQUESTED) == logger.of(PERSONS) == []
    with read_transaction(logger.engine) as connection:
        assert len(list_items(connection)) == 1
        assert len(connection.execute(select(persons)).all()) == 1
        (row,) = connection.execute(select(rejected_mails)).all()
    assert tuple(row) == (mail.mail_id, "it-in", "flood", NOW)


def test_a_flood_that_comes_again_is_known_again(logger: Logger, feed: Feed) -> None:
    limit(logger, per_sender=1)
    feed(at(0), at(1))
    logger.published.clear()
    limit(logger, per_sender=100)
    assert feed(at(0), at(1), at(1)) == [Ok(), Ok(), Ok()]
    assert logger.published == []
    assert set(logger.outcomes()) == {at(0).mail_id}


def test_a_flood_that_an_administrator_released_is_handled_once(logger: Logger, feed: Feed) -> None:
    limit(logger, per_sender=1)
    feed(at(0), at(1))
    released = at(1).model_copy(update={"released": True})
    assert feed(at(1), released, released, at(1)) == [Ok()] * 4
    assert logger.outcome(released) == ("call-logged", "C-000002")
    assert len(logger.of(CALL_EVENTS)) == 2
    assert feed(at(2)) == [FLOOD]


def test_no_limits_no_floods_and_nothing_is_counted(logger: Logger) -> None:
    limit(logger)
    with noted_statements(logger.engine) as statements:
        assert logger.feed(*(at(0, f"{n}") for n in range(300))) == [Ok()] * 300
    assert statements
    assert not [text for text in statements if "count(*)" in text]


def test_a_batch_far_from_its_limits_costs_one_statement(logger: Logger) -> None:
    limit(logger, per_sender=100, per_sender_and_item=50)
    logger.feed(*(at(0, f"a{n}", address=f"{n}@example.test") for n in range(20)))
    with noted_statements(logger.engine) as statements:
        logger.feed(*(at(1, f"b{n}", address=f"{n}@example.test") for n in range(20)))
    assert len([text for text in statements if "asked" in text]) == 1


@pytest.mark.parametrize("year", [1, 9999])
def test_any_date_has_a_window(year: int) -> None:
    moment = datetime(year, 1, 1, tzinfo=UTC)
    assert window_start(moment, 1440) < max(moment, datetime(2, 1, 1, tzinfo=UTC))


def test_windows_that_do_not_meet_stay_apart() -> None:
    """One old message among others does not look at all that its sender wrote since."""
    limits = {"it-in": RateLimits(minutes=10)}
    times = [START + timedelta(minutes=minute) for minute in (25, -5_000_000, 0, 10)]
    windows = windows_of({("it-in", "ann"): times, ("it-in", None): times[:1]}, limits)
    ten = timedelta(minutes=10)
    assert windows == {
        ("it-in", "ann"): [(times[1] - ten, times[1]), (times[2] - ten, times[3]), (times[0] - ten, times[0])],
        ("it-in", None): [(times[0] - ten, times[0])],
    }


def test_an_old_mail_is_counted_with_those_of_its_time(logger: Logger, feed: Feed) -> None:
    limit(logger, per_sender=2, per_server=3)
    feed(at(0), at(1), at(60), at(120))
    more = at(2), at(61), at(121), at(62), at(122, "b", address="bob@example.test"), at(122)
    assert feed(*more) == [FLOOD, Ok(), Ok(), FLOOD, Ok(), FLOOD]
