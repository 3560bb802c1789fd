"""A mail waits behind an earlier one of its line that is deferred, and no longer than is right."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from email import message_from_bytes

from deploy.local.ports import free_port, wait_until
from deploy.local.servers.smtp_sink import SmtpSink
from desk.deliveries import Deferred
from outbound.delivery_order import LOST_AFTER, YIELDS_AFTER
from runtime.processing.outcomes import Dead, FinalOutcome, InFlight, Ok, Reject, Retry
from schemas.events import NotificationRequested
from schemas.reasons import Reason
from schemas.settings import EmailOptions, OutgoingServer
from tests.outbound.desk import Desk, ids, record, result_of, settled
from tests.outbound.test_outbound_handler import _SlowSink

MakeRequest = Callable[..., NotificationRequested]
MakeServer = Callable[..., OutgoingServer]
GREY = "451 try later"
TO = "ursula@example.com"


def _told(make_request: MakeRequest, count: int, **changes: object) -> list[NotificationRequested]:
    """Notifications of one line, in their order."""
    return [
        make_request(notification_id=id_, subject=f"no. {n}", text="Hello", data={}, **changes)
        for n, id_ in enumerate(ids(count))
    ]


def _handle(
    desk: Desk, requests: Sequence[NotificationRequested], *numbers: int, attempt: int = 1
) -> list[FinalOutcome]:
    """These of the requests, whose records stand on the topic in that order."""
    records = [record(requests[n], attempt, offset=10 + n) for n in numbers]
    return [settled(answer) for answer in desk.handler.handle(records)]


def _came(sink: SmtpSink) -> list[int]:
    return [int(str(message_from_bytes(mail.raw)["Subject"]).rpartition("no. ")[2]) for mail in sink.messages]


def _waiting(desk: Desk) -> Sequence[Deferred]:
    return desk.ledger.look_up([], [f"it/{TO}"]).deferred


def _reasons(outcomes: Sequence[FinalOutcome]) -> list[Reason | None]:
    return [outcome.reason if isinstance(outcome, Retry) else None for outcome in outcomes]


def test_it_waits_behind_an_earlier_one_and_goes_after_it(
    served: Desk, smtp_sink: SmtpSink, make_request: MakeRequest
) -> None:
    told = _told(make_request, 4)
    smtp_sink.replies[TO] = GREY
    assert _reasons(_handle(served, told, 0)) == [Reason.SERVER_DEFERRED]
    smtp_sink.replies.clear()
    (behind,) = _handle(served, told, 1)
    assert isinstance(behind, Retry) and behind.reason is Reason.EARLIER_DEFERRED
    assert 31 <= behind.after_seconds <= 38  # once the first one has been tried again
    assert _reasons(_handle(served, told, 2)) == [Reason.EARLIER_DEFERRED]
    assert _came(smtp_sink) == []
    outcomes = _handle(served, told, 2, 0, 1, attempt=2)  # in whatever order they come out of `.retry`
    assert [type(outcome) for outcome in outcomes] == [Ok, Ok, Ok]
    assert isinstance(_handle(served, told, 3)[0], Ok)
    assert _came(smtp_sink) == [0, 1, 2, 3]


def test_what_a_lane_has_in_hand_waits_as_well(served: Desk, smtp_sink: SmtpSink, make_request: MakeRequest) -> None:
    told = _told(make_request, 2)
    copied = told[0].model_copy(update={"cc": ("grey@example.com",)})
    smtp_sink.replies["grey@example.com"] = GREY
    outcomes = _handle(served, [copied, told[1]], 0, 1)
    assert _reasons(outcomes) == [Reason.SERVER_DEFERRED, Reason.EARLIER_DEFERRED]
    assert result_of(outcomes[1]).outcome == "deferred"
    assert _came(smtp_sink) == [0]


def test_another_recipient_and_another_partition_do_not_wait(
    served: Desk, smtp_sink: SmtpSink, make_request: MakeRequest
) -> None:
    told = _told(make_request, 4)
    smtp_sink.replies[TO] = GREY
    _handle(served, told, 0)
    smtp_sink.replies.clear()
    others = [
        told[0],
        told[1].model_copy(update={"partition": "hr"}),
        told[2].model_copy(update={"recipient": "x@y.z"}),
    ]
    assert _reasons(_handle(served, others, 1, 2)) == [None, None]
    same = told[3].model_copy(update={"recipient": "Ursula@EXAMPLE.com"})
    assert _reasons(_handle(served, [*others, same], 3)) == [Reason.EARLIER_DEFERRED]


def test_an_earlier_one_waits_for_no_later_one(served: Desk, smtp_sink: SmtpSink, make_request: MakeRequest) -> None:
    told = _told(make_request, 2)
    smtp_sink.replies[TO] = GREY
    _handle(served, told, 1)
    smtp_sink.replies.clear()
    assert _reasons(_handle(served, told, 0)) == [None]


def test_after_a_kill_it_still_waits(served: Desk, smtp_sink: SmtpSink, make_request: MakeRequest) -> None:
    told = _told(make_request, 2)
    smtp_sink.replies[TO] = GREY
    _handle(served, told, 0)
    smtp_sink.replies.clear()
    served.delivery.close()
    served.start()
    assert _reasons(_handle(served, told, 1)) == [Reason.EARLIER_DEFERRED]


def test_it_is_held_up_for_an_hour_by_one_that_is_refused_for_its_own_sake(
    served: Desk, smtp_sink: SmtpSink, make_request: MakeRequest, now: datetime
) -> None:
    told = _told(make_request, 2)
    smtp_sink.replies[TO] = GREY
    _handle(served, told, 0)
    served.now = now + timedelta(minutes=40)
    _handle(served, told, 0, attempt=2)  # it still is: the hour goes on from the first time
    smtp_sink.replies.clear()
    served.now = now + YIELDS_AFTER - timedelta(seconds=30)
    (behind,) = _handle(served, told, 1)
    assert isinstance(behind, Retry) and behind.after_seconds <= 31
    served.now = now + YIELDS_AFTER
    assert _reasons(_handle(served, told, 1)) == [None]


def test_it_is_held_up_without_limit_while_the_server_is_away_for_all(
    desk: Desk, make_request: MakeRequest, make_server: MakeServer, now: datetime
) -> None:
    port = free_port()
    desk.apply(make_server(port=port), EmailOptions(default_outgoing_server="it-out"))
    told = _told(make_request, 2)
    for hours in range(30):
        desk.now = now + timedelta(hours=hours)
        assert _reasons(_handle(desk, told, 0, attempt=hours + 1)) == [Reason.SERVER_UNREACHABLE]
    with SmtpSink(port) as sink:
        desk.now += timedelta(minutes=9)
        assert _reasons(_handle(desk, told, 1)) == [Reason.EARLIER_DEFERRED]
        assert _reasons(_handle(desk, told, 1, 0, attempt=40)) == [None, None]
        assert _came(sink) == [0, 1]


def test_one_whose_record_was_lost_holds_up_nobody_for_long(
    served: Desk, smtp_sink: SmtpSink, make_request: MakeRequest, now: datetime, make_server: MakeServer
) -> None:
    served.apply(make_server(port=smtp_sink.port, enabled=False))
    told = _told(make_request, 2)
    _handle(served, told, 0)
    served.apply(make_server(port=smtp_sink.port))
    served.now = now + LOST_AFTER
    assert _reasons(_handle(served, told, 1)) == [Reason.EARLIER_DEFERRED]
    served.delivery.close()
    served.start()  # we may have been away when it was due
    served.now += timedelta(minutes=50)
    assert _reasons(_handle(served, told, 1)) == [Reason.EARLIER_DEFERRED]
    served.now += timedelta(minutes=10)
    assert _reasons(_handle(served, told, 1)) == [None]


def test_one_that_is_given_up_or_dead_holds_up_nobody(
    served: Desk, smtp_sink: SmtpSink, make_request: MakeRequest, now: datetime
) -> None:
    told = _told(make_request, 3)
    smtp_sink.replies[TO] = GREY
    _handle(served, told, 0)
    served.now = now + timedelta(days=2)
    (given_up,) = _handle(served, told, 0, attempt=20)
    assert isinstance(given_up, Reject) and given_up.reason is Reason.RETRIES_EXHAUSTED
    assert _reasons(_handle(served, told, 1)) == [Reason.SERVER_DEFERRED]
    broken = told[1].model_copy(update={"event": "Unheard", "subject": None, "text": None})
    (dead,) = _handle(served, [told[0], broken], 1, attempt=2)
    assert isinstance(dead, Dead)
    smtp_sink.replies.clear()
    assert _reasons(_handle(served, told, 2)) == [None]


def test_those_above_the_limit_of_a_server_get_their_turns_in_their_order(
    served: Desk, smtp_sink: SmtpSink, make_request: MakeRequest, make_server: MakeServer
) -> None:
    served.apply(make_server(port=smtp_sink.port, mails_per_minute=2))
    told = _told(make_request, 5)
    outcomes = _handle(served, told, 0, 1, 2, 3)
    assert _reasons(outcomes) == [None, None, Reason.RATE_LIMITED, Reason.RATE_LIMITED]
    turns = [outcome.after_seconds for outcome in outcomes if isinstance(outcome, Retry)]
    assert turns == sorted(turns) and turns[0] < turns[1]
    served.now += timedelta(seconds=turns[0])
    assert _reasons(_handle(served, told, 4)) == [Reason.EARLIER_DEFERRED]
    assert _reasons(_handle(served, told, 2, attempt=2)) == [None]
    assert _came(smtp_sink) == [0, 1, 2]


def test_what_is_let_go_of_unsent_holds_up_those_behind_it(
    served: Desk, smtp_sink: SmtpSink, make_request: MakeRequest, make_server: MakeServer
) -> None:
    """As at a rebalance: whoever has the partition next reads the later one first."""
    told = _told(make_request, 2)
    with _SlowSink() as slow:
        served.apply(make_server(port=slow.port, timeout_seconds=30))
        (answer,) = served.handler.handle([record(told[0], offset=10)])
        assert isinstance(answer, InFlight)
        answer.before_fallback(answer.fallback)
        served.start()
        served.apply(make_server(port=smtp_sink.port))
        assert _reasons(_handle(served, told, 1)) == [Reason.EARLIER_DEFERRED]
        slow.let_go.set()
        behind = told[1].notification_id
        assert wait_until(lambda: [one.notification_id for one in _waiting(served)] == [behind], 10)
    assert _reasons(_handle(served, told, 1)) == [None]


def test_a_record_that_is_there_twice_still_waits(served: Desk, smtp_sink: SmtpSink, make_request: MakeRequest) -> None:
    told = _told(make_request, 2)
    smtp_sink.replies[TO] = GREY
    _handle(served, told, 0, 0)
    smtp_sink.replies.clear()
    assert _reasons(_handle(served, told, 1)) == [Reason.EARLIER_DEFERRED]
