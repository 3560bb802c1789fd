"""outbound's handler over a real ledger and a real SMTP server: what is asked for once is sent once."""

import asyncio
import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import closing
from datetime import datetime, timedelta
from email import message_from_bytes
from pathlib import Path

import pytest

from deploy.local.ports import free_port
from deploy.local.servers.smtp_sink import SmtpSink
from desk.deliveries import DeliveryLedger, DeliveryResult, Known
from desk.engine import open_desk
from desk.errors import UnstorableError
from outbound import server_connection as worker_module
from outbound.handler import IN_FLIGHT_SECONDS
from outbound.results import report
from runtime.outages import OutageError
from runtime.processing.outcomes import Dead, InFlight, Ok, Reject, Retry
from runtime.telemetry.metrics import BROKEN_TEMPLATES
from schemas.events import NotificationRequested
from schemas.reasons import Reason
from schemas.settings import EmailOptions, Format, MessageTemplate, OutgoingServer
from schemas.template_bounds import MAX_PARTS, MAX_SOURCE
from schemas.wire import Record
from tests.captured_logs import capture_logs
from tests.desks import new_desk
from tests.outbound.desk import Desk, ids, partition, record, result_of, results_of, settled, status_of

MakeRequest = Callable[..., NotificationRequested]
MakeServer = Callable[..., OutgoingServer]
TEXT = ["text/plain"]
HTML = ["multipart/alternative", "text/plain", "text/html"]


def _wait_until(met: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not met():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.01)


def test_a_notification_is_sent_told_and_recorded(served: Desk, smtp_sink: SmtpSink, make_request: MakeRequest) -> None:
    request = make_request(mail_id="a" * 32)
    (outcome,) = served.handle(request)
    result = result_of(outcome)
    assert isinstance(outcome, Ok)
    assert (result.outcome, result.server_id, result.attempt, result.smtp_reply) == ("sent", "it-out", 1, "250 OK")
    assert result.message_id == f"<mailcall.{request.notification_id}@desk.example>"
    assert result.mail_id == "a" * 32
    (recorded,) = served.ledger.look_up([request.notification_id]).finished[request.notification_id]
    assert report(recorded) == result
    (mail,) = smtp_sink.messages
    assert mail.recipients == ("ursula@example.com",)
    assert b"C-000123" in mail.raw
    assert ("traceparent", b"00-" + b"1" * 32 + b"-" + b"2" * 16 + b"-01") in outcome.outputs[0].headers
    assert status_of(outcome).state == "connected"


def test_the_same_record_twice_is_one_mail_told_twice(
    served: Desk, smtp_sink: SmtpSink, make_request: MakeRequest
) -> None:
    first = served.handle(make_request(), make_request())
    again = served.handle(make_request())
    assert len(smtp_sink.messages) == 1
    assert result_of(again[0]) == result_of(first[0])
    assert isinstance(first[1], Ok) and results_of(first[1]) == []


def test_after_a_crash_the_ledger_knows_what_was_sent(
    served: Desk, smtp_sink: SmtpSink, make_request: MakeRequest
) -> None:
    requests = [make_request(notification_id=id_) for id_ in ids(5)]
    served.handle(*requests[:3])  # sent and recorded, then killed before results and offsets were written
    served.delivery.close()
    served.start()
    outcomes = served.handle(*requests)
    assert [result_of(outcome).outcome for outcome in outcomes] == ["sent"] * 5
    assert len(smtp_sink.messages) == 5


def test_what_the_server_refuses_is_failed_or_deferred_and_the_rest_is_sent(
    served: Desk, smtp_sink: SmtpSink, make_request: MakeRequest
) -> None:
    smtp_sink.replies |= {"gone@example.com": "550 no such user", "grey@example.com": "451 try later"}
    addresses = ["gone@example.com", "grey@example.com", "ursula@example.com"]
    requests = [make_request(notification_id=id_, recipient=to) for id_, to in zip(ids(3), addresses, strict=True)]
    gone, grey, sent = served.handle(*requests)
    assert isinstance(gone, Reject) and gone.reason is Reason.RECIPIENT_REFUSED
    assert result_of(gone).smtp_reply == "550 no such user"
    assert isinstance(grey, Retry) and grey.reason is Reason.SERVER_DEFERRED
    assert 30 <= grey.after_seconds <= 36
    assert result_of(grey).outcome == "deferred"
    assert isinstance(sent, Ok)
    assert set(served.ledger.look_up([one.notification_id for one in requests]).finished) == {
        requests[0].notification_id,
        requests[2].notification_id,
    }


def test_a_deferred_mail_is_sent_at_a_later_attempt(
    served: Desk, smtp_sink: SmtpSink, make_request: MakeRequest
) -> None:
    smtp_sink.replies["ursula@example.com"] = "451 try later"
    (first,) = served.handle(make_request(), attempt=3)
    assert isinstance(first, Retry) and 120 <= first.after_seconds <= 144
    smtp_sink.replies.clear()
    (second,) = served.handle(make_request(), attempt=4)
    assert (result_of(second).outcome, result_of(second).attempt) == ("sent", 4)


def test_after_two_days_a_deferred_mail_is_given_up(
    served: Desk, smtp_sink: SmtpSink, make_request: MakeRequest, now: datetime
) -> None:
    smtp_sink.replies["ursula@example.com"] = "451 try later"
    request = make_request(requested_at=(now - timedelta(days=2)).replace(tzinfo=None))
    (outcome,) = served.handle(request, attempt=20)
    assert isinstance(outcome, Reject) and outcome.reason is Reason.RETRIES_EXHAUSTED
    assert (result_of(outcome).outcome, result_of(outcome).smtp_reply) == ("failed", "451 try later")
    assert result_of(served.handle(request, attempt=20)[0]).outcome == "failed"


def test_without_an_outgoing_server_a_mail_is_failed_and_with_a_disabled_one_it_waits(
    desk: Desk, make_request: MakeRequest, make_server: MakeServer
) -> None:
    (failed,) = desk.handle(make_request())
    assert isinstance(failed, Reject) and failed.reason is Reason.NO_OUTGOING_SERVER
    assert result_of(failed).outcome == "failed"
    desk.apply(make_server(enabled=False), EmailOptions(default_outgoing_server="it-out"))
    (waits,) = desk.handle(make_request(notification_id="f" * 32))
    assert isinstance(waits, Retry) and waits.reason is Reason.SERVER_DISABLED


def test_a_record_that_is_no_notification_and_one_without_template_are_dead_letters(
    served: Desk, smtp_sink: SmtpSink, make_request: MakeRequest
) -> None:
    bad = Record("t.notification.requested.v1", 0, 0, b"k", b"{}", [])
    null = Record("t.notification.requested.v1", 0, 1, b"k", None, [])
    records = [bad, record(make_request(event="Unheard")), null, record(make_request(notification_id="e" * 32))]
    outcomes = [settled(answer) for answer in served.handler.handle(records)]
    reasons = [outcome.reason if isinstance(outcome, Dead) else None for outcome in outcomes]
    assert reasons == [Reason.WRONG_SCHEMA, Reason.UNKNOWN_TEMPLATE, Reason.NULL_VALUE, None]
    assert len(smtp_sink.messages) == 1
    assert served.handler.handle([bad]) == outcomes[:1]


def test_a_broken_template_is_warned_of_once_and_its_mails_are_sent_with_the_built_in_text(
    served: Desk, smtp_sink: SmtpSink, make_request: MakeRequest
) -> None:
    broken = MessageTemplate(id="own", event="CallLogged", subject="s", text="{% if x %}" * 150 + "{% endif %}" * 150)
    needs_more = MessageTemplate(id="more", event="CallClosed", subject="s", text="{{ priority }}")
    served.apply(broken, needs_more)
    closed = {"event": "CallClosed", "data": {"reference": "C-000123"}}
    before = BROKEN_TEMPLATES.labels("CallClosed")._value.get()
    with capture_logs() as logs:
        served.handle(make_request(), make_request(notification_id="1" * 32))
        served.handle(*(make_request(notification_id=n * 32, **closed) for n in "23"))
    assert len(smtp_sink.messages) == 4
    warned = [entry["template"] for entry in logs if entry["log_level"] == "warning"]
    assert warned == ["message-template/own", "message-template/more"]
    assert BROKEN_TEMPLATES.labels("CallClosed")._value.get() == before + 2


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{% if not reference %}{{ refrence }}{% endif %}Own words", "there is no name 'refrence'"),
        ("Own words " + "{{ subject }}" * (MAX_PARTS + 1), f"more than {MAX_PARTS}"),
        ("Own words" + " " * MAX_SOURCE, f"more than {MAX_SOURCE}"),
    ],
)
def test_a_template_that_came_onto_the_topic_another_way_is_held_to_what_apply_asks(
    text: str, why: str, served: Desk, smtp_sink: SmtpSink, make_request: MakeRequest
) -> None:
    served.apply(MessageTemplate(id="own", event="CallLogged", subject="s", text=text))
    before = BROKEN_TEMPLATES.labels("CallLogged")._value.get()
    with capture_logs() as logs:
        served.handle(make_request(), make_request(notification_id="1" * 32))
    assert [b"Own words" in message.raw for message in smtp_sink.messages] == [False, False]
    [warned] = [entry for entry in logs if entry["log_level"] == "warning"]
    assert (warned["template"], why in warned["why"]) == ("message-template/own", True)
    assert BROKEN_TEMPLATES.labels("CallLogged")._value.get() == before + 2


@pytest.mark.parametrize(
    "value", ["'\\ud800'", "subject ~ 1e400", "'\\x00\\r\\n.\\r\\nBcc: x@example.com'", "'\\ud83d' ~ '\\ude00'"]
)
@pytest.mark.parametrize("part", ["subject", "text"])
def test_no_constant_of_a_template_keeps_a_mail_from_being_sent(
    part: str, value: str, served: Desk, smtp_sink: SmtpSink, make_request: MakeRequest
) -> None:
    parts = {"subject": "s", "text": "t", part: f"{{% if reference == 'C-000123' %}}{{{{ {value} }}}}{{% endif %}}"}
    served.apply(MessageTemplate(id="own", event="CallLogged", **parts))
    [outcome] = served.handle(make_request())
    assert isinstance(outcome, Ok)
    [sent] = smtp_sink.messages
    assert sent.recipients == ("ursula@example.com",)
    assert message_from_bytes(sent.raw)["Bcc"] is None


def test_an_event_without_template_is_told_as_failed_and_sent_when_replayed_with_one(
    served: Desk, smtp_sink: SmtpSink, make_request: MakeRequest
) -> None:
    request = make_request(event="BackupFailed", cc=("ops@example.com",))
    (dead,) = served.handle(request)
    assert isinstance(dead, Dead) and dead.reason is Reason.UNKNOWN_TEMPLATE
    assert [(one.recipient, one.outcome, one.reason) for one in results_of(dead)] == [
        ("ursula@example.com", "failed", Reason.UNKNOWN_TEMPLATE),
        ("ops@example.com", "failed", Reason.UNKNOWN_TEMPLATE),
    ]
    served.apply(MessageTemplate(id="backup", event="BackupFailed", subject="Backup", text="It failed."))
    (sent,) = served.handle(request)
    assert {one.outcome for one in results_of(sent)} == {"sent"}
    assert len(smtp_sink.messages) == 1


def test_a_dead_server_defers_its_own_mail_only_and_is_left_alone_for_a_while(
    served: Desk, smtp_sink: SmtpSink, make_request: MakeRequest, make_server: MakeServer, now: datetime
) -> None:
    dead = make_server(id="dead-out", port=free_port())
    served.apply(dead, EmailOptions(default_outgoing_server="dead-out"))
    (outcome,) = served.handle(make_request())
    assert isinstance(outcome, Retry) and outcome.reason is Reason.SERVER_UNREACHABLE
    status = status_of(outcome)
    assert (status.server_id, status.direction, status.state) == ("dead-out", "outgoing", "unreachable")
    assert status.last_error and "dead-out" in status.last_error

    with SmtpSink(dead.port) as back:
        (held,) = served.handle(make_request(notification_id="1" * 32))
        assert isinstance(held, Retry) and held.reason is Reason.SERVER_UNREACHABLE
        assert back.messages == ()
        served.now = now + timedelta(seconds=16)
        (sent,) = served.handle(make_request(notification_id="2" * 32))
        assert result_of(sent).outcome == "sent"
        assert status_of(sent).state == "connected"


def test_a_refused_log_in_is_shown_and_a_change_of_settings_is_tried_at_once(
    served: Desk, smtp_sink: SmtpSink, make_request: MakeRequest, make_server: MakeServer
) -> None:
    served.apply(make_server(port=smtp_sink.port, authentication="sasl-plain", username="it"))
    (outcome,) = served.handle(make_request())
    assert isinstance(outcome, Retry) and outcome.reason is Reason.AUTHENTICATION_REFUSED
    assert status_of(outcome).state == "authentication-refused"
    served.apply(make_server(port=smtp_sink.port))
    assert result_of(served.handle(make_request(notification_id="1" * 32))[0]).outcome == "sent"


class _SlowSink(SmtpSink):
    """Keeps every mail waiting for its acknowledgement until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.let_go = threading.Event()

    async def handle_DATA(self, server: object, session: object, envelope: object) -> str:  # noqa: N802
        while not self.let_go.is_set():
            await asyncio.sleep(0.01)
        return await super().handle_DATA(server, session, envelope)  # type: ignore[arg-type]


def test_a_slow_server_delays_only_its_own_mail_which_is_sent_once(
    served: Desk, make_request: MakeRequest, make_server: MakeServer
) -> None:
    with _SlowSink() as slow:
        served.apply(make_server(id="slow-out", port=slow.port, timeout_seconds=30), partition("hr", "slow-out"))
        first, second, third = ids(3)
        late = make_request(notification_id=first, partition="hr")
        pending, other = served.answer(late, make_request(notification_id=second))
        assert isinstance(pending, InFlight) and not pending.work.done()
        assert result_of(settled(other)).outcome == "sent"
        (again, more) = served.answer(late, make_request(notification_id=third, partition="hr"))
        slow.let_go.set()
        outcomes = [settled(answer) for answer in (pending, again, more)]
        assert [result_of(outcome).outcome for outcome in outcomes] == ["sent"] * 3
        assert len(slow.messages) == 2
        assert result_of(served.handle(late, attempt=2)[0]).outcome == "sent"
        assert len(slow.messages) == 2


def test_a_mail_that_is_let_go_of_before_it_was_begun_is_not_sent(
    served: Desk, make_request: MakeRequest, make_server: MakeServer
) -> None:
    with _SlowSink() as slow:
        served.apply(make_server(port=slow.port, timeout_seconds=30, connections=1))
        begun, waiting = served.answer(*(make_request(notification_id=id_) for id_ in ids(2)))
        assert isinstance(begun, InFlight) and isinstance(waiting, InFlight)
        _wait_until(begun.work.running)
        assert (begun.work.cancel(), waiting.work.cancel()) == (False, True)
        assert begun.fallback.after_seconds == IN_FLIGHT_SECONDS
        slow.let_go.set()
        assert result_of(settled(begun)).outcome == "sent"
        assert len(slow.messages) == 1


def test_a_mail_behind_one_that_is_let_go_of_waits_with_it(
    served: Desk, make_request: MakeRequest, make_server: MakeServer
) -> None:
    """A process that gives partitions up lets go of one mail after the other, and its lanes go on meanwhile."""
    with _SlowSink() as slow:
        served.apply(make_server(port=slow.port, timeout_seconds=30, connections=1))
        requests = [make_request(notification_id=id_) for id_ in ids(3)]
        other = make_request(notification_id=ids(4)[3], recipient="other@example.com")
        records = [record(request, offset=number) for number, request in enumerate([*requests, other])]
        begun, let_go, behind, beside = served.handler.handle(records)
        assert isinstance(begun, InFlight) and isinstance(let_go, InFlight)
        _wait_until(begun.work.running)
        assert let_go.work.cancel()
        slow.let_go.set()
        waits = settled(behind)
        assert isinstance(waits, Retry) and waits.reason is Reason.EARLIER_DEFERRED
        assert [result_of(settled(one)).outcome for one in (begun, beside)] == ["sent"] * 2
        assert len(slow.messages) == 2


def test_what_a_slow_lane_cannot_take_any_more_is_deferred_at_once(
    served: Desk, make_request: MakeRequest, make_server: MakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_module, "MAX_IN_FLIGHT", 3)
    with _SlowSink() as slow:
        served.apply(make_server(port=slow.port, timeout_seconds=30, connections=1))
        answers = served.answer(*(make_request(notification_id=id_) for id_ in ids(5)))
        assert [type(answer) for answer in answers] == [InFlight, InFlight, InFlight, Retry, Retry]
        assert all(isinstance(one, InFlight) or one.reason is Reason.SERVER_SLOW for one in answers)  # type: ignore[union-attr]
        slow.let_go.set()
        slow.wait_for(3)


class _LedgerAskedTooEarly(DeliveryLedger):
    """A real ledger, of which something comes about between its answer and what is made of it."""

    meanwhile: Callable[[], object] = staticmethod(lambda: None)

    def look_up(self, notification_ids: Collection[str], lines: Collection[str] = ()) -> Known:
        found = super().look_up(notification_ids, lines)
        self.meanwhile()
        return found


def test_a_mail_whose_lane_ends_while_it_is_asked_for_again_is_sent_once(
    ledger: DeliveryLedger, now: datetime, make_request: MakeRequest, make_server: MakeServer
) -> None:
    late = _LedgerAskedTooEarly(ledger.engine)
    desk = Desk(late, now)
    with _SlowSink() as slow, closing(late), closing(desk.delivery):
        desk.apply(make_server(port=slow.port, timeout_seconds=30), EmailOptions(default_outgoing_server="it-out"))
        (first,) = desk.answer(make_request())

        def end() -> None:
            slow.let_go.set()
            settled(first)

        late.meanwhile = end
        assert result_of(desk.handle(make_request())[0]).outcome == "sent"
        assert len(slow.messages) == 1


class _LedgerThatGoesAway(DeliveryLedger):
    """A real ledger whose database is away while `away` is set. A `bad` mail id is more than it can hold."""

    away = False
    seconds = 0.0  # until that is noticed

    def record(self, *results: DeliveryResult) -> None:
        if self.away:
            time.sleep(self.seconds)
            raise OutageError(Reason.DATABASE_AWAY, "away")
        if any(result.mail_id == "bad" for result in results):
            raise UnstorableError("bad")
        super().record(*results)


@pytest.fixture
def fickle(
    tmp_path: Path, now: datetime, smtp_sink: SmtpSink, make_server: MakeServer
) -> Iterator[tuple[Desk, _LedgerThatGoesAway]]:
    """A desk and its ledger, that may go away."""
    engine = open_desk(new_desk(tmp_path / "desk.db"))
    ledger = _LedgerThatGoesAway(engine)
    desk = Desk(ledger, now)
    desk.apply(make_server(port=smtp_sink.port), EmailOptions(default_outgoing_server="it-out"))
    yield desk, ledger
    desk.delivery.close()
    ledger.close()
    engine.dispose()


def test_a_mail_sent_while_the_database_is_away_is_not_sent_again(
    fickle: tuple[Desk, _LedgerThatGoesAway], smtp_sink: SmtpSink, make_request: MakeRequest
) -> None:
    desk, ledger = fickle
    requests = [make_request(notification_id=id_) for id_ in ids(3)]
    ledger.away = True
    for _ in range(2):
        with pytest.raises(OutageError):
            desk.handle(*requests)
    ledger.away = False
    assert [result_of(outcome).outcome for outcome in desk.handle(*requests)] == ["sent"] * 3
    assert len(smtp_sink.messages) == 3


def test_a_mail_that_an_outage_kept_from_being_sent_is_overtaken_by_none_of_its_line(
    fickle: tuple[Desk, _LedgerThatGoesAway], smtp_sink: SmtpSink, make_request: MakeRequest
) -> None:
    """It is in flight when the outage begins, and given back to the handler after the batch that waits for its end."""
    desk, ledger = fickle
    first, second, third = (
        record(make_request(notification_id=id_, data={"reference": f"C-00000{number}"}), offset=number)
        for number, id_ in enumerate(ids(3))
    )
    ledger.away, ledger.seconds = True, 0.3
    in_flight = desk.handler.handle([first, second])
    for outcome in in_flight:
        with pytest.raises(OutageError):
            settled(outcome)
    ledger.away = False
    outcomes = [settled(outcome) for one in (third, first, second) for outcome in desk.handler.handle([one])]
    assert [type(outcome) for outcome in outcomes] == [Retry, Ok, Ok]
    desk.handler.handle([third])
    _wait_until(lambda: len(smtp_sink.messages) == 3)
    arrived = [str(message_from_bytes(mail.raw)["Subject"])[:10] for mail in smtp_sink.messages]
    assert arrived == ["[C-000000]", "[C-000001]", "[C-000002]"]


@pytest.mark.parametrize("is_away_first", [False, True])
def test_what_the_ledger_cannot_hold_is_sent_once_and_stops_no_other(
    is_away_first: bool,
    fickle: tuple[Desk, _LedgerThatGoesAway],
    smtp_sink: SmtpSink,
    make_request: MakeRequest,
) -> None:
    desk, ledger = fickle
    first, second, third = ids(3)
    bad = make_request(notification_id=first, mail_id="bad", recipient="bad@example.com")
    if is_away_first:
        ledger.away = True
        with pytest.raises(OutageError):
            desk.handle(bad)
        ledger.away = False
    for _ in range(2):
        with pytest.raises(UnstorableError):
            desk.handle(bad)
    others = [make_request(notification_id=id_) for id_ in (second, third)]
    assert [result_of(outcome).outcome for outcome in desk.handle(*others)] == ["sent"] * 2
    assert len(smtp_sink.messages) == 3


def test_every_setting_of_format_reaches_the_mail_while_outbound_runs(
    served: Desk, smtp_sink: SmtpSink, make_request: MakeRequest
) -> None:
    """Default Format, whether Message Format per Analyst/User is on, the person's Email Format: what is sent."""
    expected = {
        ("html", False, None): HTML, ("html", False, "html"): HTML, ("html", False, "text"): HTML,
        ("html", True, None): HTML, ("html", True, "html"): HTML, ("html", True, "text"): TEXT,
        ("text", False, None): TEXT, ("text", False, "html"): TEXT, ("text", False, "text"): TEXT,
        ("text", True, None): TEXT, ("text", True, "html"): HTML, ("text", True, "text"): TEXT,
    }  # fmt: skip
    for (default, per_person, own), id_ in zip(expected, ids(len(expected)), strict=True):
        served.apply(
            EmailOptions(
                default_outgoing_server="it-out", default_format=Format(default), message_format_per_person=per_person
            )
        )
        served.handle(make_request(notification_id=id_, recipient_format=own))

    sent = [parts(mail.raw) for mail in smtp_sink.wait_for(len(expected))]
    assert dict(zip(expected, sent, strict=True)) == expected


def parts(raw: bytes) -> list[str]:
    """The media types of a mail, outermost first."""
    return [part.get_content_type() for part in message_from_bytes(raw).walk()]
