"""What /metrics says of telling people: how long each took, and which outgoing servers take mail."""

from collections.abc import Callable
from datetime import date, datetime, timedelta

from prometheus_client import REGISTRY

from mailserver.errors import MailServerError
from outbound.server_availability import CircuitBreakers
from schemas.events import NotificationRequested
from schemas.reasons import Reason
from schemas.settings import EmailOptions, MapiProfile, OutgoingServer
from schemas.snapshot import SettingsSnapshot
from tests.outbound.desk import Desk, ids, partition, results_of
from tests.ports import CLOSED_PORT

MakeRequest = Callable[..., NotificationRequested]


def measured(of: str) -> tuple[float, float]:
    """How many, and how many seconds in all."""
    name = "mailcall_requested_to_sent_seconds"
    values = [REGISTRY.get_sample_value(f"{name}_{suffix}", {"partition": of}) for suffix in ("count", "sum")]
    return values[0] or 0, values[1] or 0


def up(server: str) -> float | None:
    return REGISTRY.get_sample_value("mailcall_outgoing_server_up", {"server": server})


def test_every_mail_that_is_sent_counts_for_its_partition(
    served: Desk, make_request: MakeRequest, now: datetime
) -> None:
    served.apply(partition("it", "it-out"))
    before = {of: measured(of) for of in ("it", "", "nobody-knows")}
    first, second, third = ids(3)
    requests = [
        make_request(notification_id=first, requested_at=now - timedelta(seconds=9), cc=["carl@example.com"]),
        make_request(notification_id=second, requested_at=now + timedelta(hours=1), partition="nobody-knows"),
        make_request(notification_id=third, requested_at=now - timedelta(seconds=4), partition=None),
    ]
    for _ in range(2):  # the second time they are known, and nothing is sent
        outcomes = served.handle(*requests)
        assert [one.outcome for outcome in outcomes for one in results_of(outcome)] == ["sent"] * 4
    told = {of: tuple(a - b for a, b in zip(measured(of), before[of], strict=True)) for of in before}
    assert told == {"it": (2, 18), "": (2, 4), "nobody-knows": (0, 0)}


def test_a_server_is_up_while_its_last_mail_was_taken(
    served: Desk, make_request: MakeRequest, make_server: Callable[..., OutgoingServer]
) -> None:
    dead = make_server(id="dead-out", port=CLOSED_PORT)
    first, second = ids(2)
    served.handle(make_request(notification_id=first))
    assert up("it-out") == 1
    served.apply(dead, EmailOptions(default_outgoing_server="dead-out"))
    served.handle(make_request(notification_id=second))
    assert (up("it-out"), up("dead-out")) == (1, 0)


def test_a_server_in_trouble_is_tried_at_once_when_its_profile_is_changed(
    make_server: Callable[..., OutgoingServer], now: datetime
) -> None:
    states = CircuitBreakers()
    mapi = {"protocol": "mapi", "profile": "online", "mailbox": "it@desk.example"}
    server, other = make_server(id="by-exchange", **mapi), make_server(id="by-smtp")
    profile = MapiProfile(id="online", transport="graph", managed_identity=True)
    known = SettingsSnapshot().with_changes(
        [
            ("outgoing-server/by-exchange", server, 1),
            ("outgoing-server/by-smtp", other, 2),
            ("mapi-profile/online", profile, 3),
        ]
    )
    states.settings_changed(known)
    for one in (server, other):
        states.failed(one, MailServerError(Reason.AUTHENTICATION_REFUSED, "no", temporary=False), now)
    states.settings_changed(known)
    assert states.open_circuit(server, now)
    states.settings_changed(known.with_changes([("mapi-profile/online", profile.model_copy(update={"name": "x"}), 9)]))
    assert states.open_circuit(server, now) is None
    assert states.open_circuit(other, now)


def test_that_a_secret_ends_soon_stands_in_the_status(
    make_server: Callable[..., OutgoingServer], now: datetime
) -> None:
    ends: list[date | None] = [None]
    states, server = CircuitBreakers(lambda _server: ends[0]), make_server()
    for ends[0] in (None, None, date(2026, 12, 24), date(2026, 12, 24)):
        states.succeeded(server, now)
        told = states.take_changes()
        assert [one.secret_ends for one in told] == ([ends[0]] if told else [])
    states.failed(server, MailServerError(Reason.AUTHENTICATION_REFUSED, "no", temporary=False), now)
    assert [one.secret_ends for one in states.take_changes()] == [date(2026, 12, 24)]


def test_a_server_that_was_deleted_is_told_of_no_longer(
    make_server: Callable[..., OutgoingServer], now: datetime
) -> None:
    states = CircuitBreakers()
    kept, gone = make_server(id="kept-out"), make_server(id="gone-out")
    for server in (kept, gone):
        states.succeeded(server, now)
    states.settings_changed(SettingsSnapshot().with_changes([("outgoing-server/kept-out", kept, 1)]))
    assert (up("kept-out"), up("gone-out")) == (1, None)
    assert [status.server_id for status in states.take_changes()] == ["kept-out"]
