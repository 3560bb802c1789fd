"""Which of a server's connections sends what."""

import threading
from collections.abc import Callable, Sequence

import pytest

from deploy.local.ports import wait_until
from outbound.transports.base import RecipientResult
from runtime.processing.outcomes import InFlight, Ok
from schemas.events import NotificationRequested
from schemas.settings import EmailOptions, OutgoingServer
from tests.outbound.desk import Desk, ids, settled

SLOW = "slow@example.com"


class _Transport:
    """Sends nothing to one recipient before it may; says who was sent what."""

    def __init__(self, server: OutgoingServer, sent: list[str], goes: threading.Event) -> None:
        self.server = server
        self._sent = sent
        self._goes = goes

    def send(self, _sender: str, recipients: Sequence[str], _content: bytes) -> dict[str, RecipientResult]:
        if SLOW in recipients:
            assert self._goes.wait(30)
        self._sent += recipients
        return dict.fromkeys(recipients, RecipientResult("sent", None, "250 OK"))

    def quit(self) -> None: ...


def test_one_mail_that_takes_long_holds_up_none_that_come_later_to_others(
    desk: Desk,
    make_server: Callable[..., OutgoingServer],
    make_request: Callable[..., NotificationRequested],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sent: list[str] = []
    goes = threading.Event()
    monkeypatch.setattr("outbound.message_sender.transport_for", lambda server, _: _Transport(server, sent, goes))
    desk.apply(make_server(connections=2), EmailOptions(default_outgoing_server="it-out"))
    recipients = [SLOW, *(f"quick-{number}@example.com" for number in range(12)), SLOW]
    first, *requests, last = map(lambda id_, to: make_request(notification_id=id_, recipient=to), ids(14), recipients)
    (slow,) = desk.answer(first)
    assert isinstance(slow, InFlight)
    (behind,) = desk.answer(last)
    for request in requests:
        assert [type(outcome) for outcome in desk.handle(request)] == [Ok]
    assert SLOW not in sent
    goes.set()
    assert [type(settled(outcome)) for outcome in (slow, behind)] == [Ok] * 2
    assert sent[-2:] == [SLOW] * 2


def test_one_that_is_cancelled_lets_none_overtake_those_before_it(
    desk: Desk,
    make_server: Callable[..., OutgoingServer],
    make_request: Callable[..., NotificationRequested],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    goes = threading.Event()
    monkeypatch.setattr("outbound.message_sender.transport_for", lambda server, _: _Transport(server, [], goes))
    desk.apply(make_server(connections=2), EmailOptions(default_outgoing_server="it-out"))
    first, cancelled, last = (make_request(notification_id=id_, recipient=SLOW) for id_ in ids(3))
    (sending, waiting) = desk.answer(first, cancelled)
    assert isinstance(waiting, InFlight) and waiting.work.cancel()
    (behind,) = desk.answer(last)
    assert sorted(one.in_flight for one in desk.delivery._connections.values()) == [0, 3]
    goes.set()
    assert [type(settled(outcome)) for outcome in (sending, behind)] == [Ok, Ok]


def test_a_connection_that_has_not_ended_in_time_is_broken_whatever_waits_behind(
    desk: Desk,
    make_server: Callable[..., OutgoingServer],
    make_request: Callable[..., NotificationRequested],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """To say QUIT on it would take the reply that its message waits for."""
    ended: list[str] = []
    sent: list[str] = []
    goes = threading.Event()

    class Transport(_Transport):
        def quit(self) -> None:
            ended.append("quit")

        def abort(self) -> None:
            ended.append("abort")
            goes.set()

    monkeypatch.setattr("outbound.message_sender.transport_for", lambda server, _: Transport(server, sent, goes))
    monkeypatch.setattr("outbound.delivery._CLOSE_SECONDS", 0.1)
    desk.apply(make_server(), EmailOptions(default_outgoing_server="it-out"))
    for id_ in ids(2):
        (outcome,) = desk.answer(make_request(notification_id=id_, recipient=SLOW))
        assert isinstance(outcome, InFlight)
    desk.delivery.close()
    assert ended == ["abort"]
    assert wait_until(lambda: sent == [SLOW], 10)
