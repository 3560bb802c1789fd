"""Which server sends: the partition's own, and while that cannot the one that stands in for it."""

from collections.abc import Callable
from datetime import timedelta
from email import message_from_bytes

from deploy.local.ports import free_port
from deploy.local.servers.smtp_sink import SmtpSink
from runtime.processing.outcomes import Ok, Retry
from schemas.events import NotificationRequested
from schemas.reasons import Reason
from schemas.setting_problems import problems
from schemas.settings import EmailOptions, OutgoingServer
from schemas.snapshot import SettingsSnapshot
from tests.outbound.desk import Desk, ids, result_of, results_of
from tests.ports import CLOSED_PORT

MakeRequest = Callable[..., NotificationRequested]
MakeServer = Callable[..., OutgoingServer]
OPTIONS = EmailOptions(default_outgoing_server="it-out")


def test_a_server_that_is_away_is_stood_in_for_at_once_and_comes_back(
    desk: Desk, smtp_sink: SmtpSink, make_request: MakeRequest, make_server: MakeServer
) -> None:
    port = free_port()
    relay = make_server(id="relay", port=smtp_sink.port, from_address="relay@other.example")
    desk.apply(make_server(port=port, fallback="relay"), relay, OPTIONS)
    first, second, third = (make_request(notification_id=id_) for id_ in ids(3))
    (outcome,) = desk.handle(first)
    assert isinstance(outcome, Retry) and outcome.reason is Reason.SERVER_UNREACHABLE
    assert outcome.after_seconds <= 1
    assert result_of(desk.handle(first, attempt=2)[0]).server_id == "relay"
    assert result_of(desk.handle(second)[0]).server_id == "relay"
    with SmtpSink(port) as back:
        desk.now += timedelta(minutes=6)
        assert result_of(desk.handle(third)[0]).server_id == "it-out"
        assert len(back.messages) == 1


def test_whoever_stands_in_sends_as_itself_and_answers_go_where_they_belong(
    desk: Desk, smtp_sink: SmtpSink, make_request: MakeRequest, make_server: MakeServer
) -> None:
    relay = make_server(id="relay", port=smtp_sink.port, from_address="relay@other.example", from_name="Relay")
    desk.apply(make_server(enabled=False, fallback="relay"), relay, OPTIONS)
    desk.handle(make_request())
    mail = message_from_bytes(smtp_sink.messages[0].raw)
    assert mail["From"] == "Relay <relay@other.example>"
    assert mail["Reply-To"] == "it@desk.example"
    assert mail["Message-ID"].endswith("@desk.example>")


def test_a_refusal_is_the_mails_own_and_no_other_server_is_asked(
    desk: Desk, smtp_sink: SmtpSink, make_request: MakeRequest, make_server: MakeServer
) -> None:
    smtp_sink.replies["ursula@example.com"] = "451 try later"
    with SmtpSink() as other:
        desk.apply(
            make_server(port=smtp_sink.port, fallback="relay"), make_server(id="relay", port=other.port), OPTIONS
        )
        (outcome,) = desk.handle(make_request())
        assert isinstance(outcome, Retry) and outcome.after_seconds >= 30
        assert other.messages == ()


def test_where_all_of_a_circle_are_away_the_mail_waits(
    desk: Desk, make_request: MakeRequest, make_server: MakeServer
) -> None:
    desk.apply(
        make_server(port=CLOSED_PORT, fallback="relay"),
        make_server(id="relay", enabled=False, fallback="it-out"),
        OPTIONS,
    )
    desk.handle(make_request())
    (outcome,) = desk.handle(make_request(), attempt=2)
    assert isinstance(outcome, Retry) and outcome.after_seconds >= 30
    assert result_of(outcome).server_id == "it-out"


def test_a_limit_puts_mails_off_without_an_attempt(
    desk: Desk, smtp_sink: SmtpSink, make_request: MakeRequest, make_server: MakeServer
) -> None:
    desk.apply(make_server(port=smtp_sink.port, mails_per_minute=2), OPTIONS)
    requests = [make_request(notification_id=id_) for id_ in ids(4)]
    outcomes = desk.handle(*requests)
    assert [type(outcome) for outcome in outcomes] == [Ok, Ok, Retry, Retry]
    later = [outcome for outcome in outcomes if isinstance(outcome, Retry)]
    assert [(one.reason, results_of(one)) for one in later] == [(Reason.RATE_LIMITED, [])] * 2
    assert [one.after_seconds for one in later] == [60, 90]
    desk.now += timedelta(seconds=60)
    assert [type(outcome) for outcome in desk.handle(*requests[2:])] == [Ok, Ok]


def test_settings_whose_fallbacks_lead_nowhere_are_told(make_server: MakeServer) -> None:
    servers = make_server(id="a", fallback="b"), make_server(id="b", fallback="a"), make_server(id="c", fallback="gone")
    snapshot = SettingsSnapshot().with_changes([(f"{one.kind}/{one.id}", one, 0) for one in servers])
    assert tuple(map(str, problems(snapshot))) == (
        "outgoing-server/c: fallback 'gone' does not exist",
        "outgoing-server/a: fallback leads back to the server itself",
        "outgoing-server/b: fallback leads back to the server itself",
    )
