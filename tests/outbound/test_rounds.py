"""Messages of several connections sent by one thread: as safe as by a thread for each, whatever a server does."""

import asyncio
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session

from deploy.local.ports import wait_until
from deploy.local.servers.certificates import Certificates, make_certificates
from deploy.local.servers.smtp_sink import SmtpSink
from desk.deliveries import DeliveryLedger, DeliveryResult
from desk.engine import read_transaction
from desk.tables import deliveries
from outbound import delivery, rounds, server_connection
from outbound.transports import smtp
from outbound.transports.smtp import SmtpTransport
from runtime.outages import OutageError
from runtime.processing.outcomes import FinalOutcome, InFlight, Ok, Reject, Retry
from schemas.events import NotificationRequested
from schemas.reasons import Reason
from schemas.settings import EmailOptions, OutgoingServer, Security
from tests.outbound.desk import Desk, ids, settled

CONNECTIONS, MESSAGES = 3, 9
MakeRequest = Callable[..., NotificationRequested]


class Server(SmtpSink):
    """Does to a recipient what its address says."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.goes = threading.Event()
        self.ends = threading.Event()
        self.is_slow_to_reset = False
        self._done: set[str] = set()

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        (recipient,) = envelope.rcpt_tos
        what = recipient.partition("-")[0]
        is_first = recipient not in self._done
        self._done.add(recipient)
        if what == "partly":  # the envelope is replied to at once
            server._writer.write(server._replies)  # type: ignore[attr-defined]
            server._replies = b""  # type: ignore[attr-defined]
        if what in ("slow", "partly"):
            await asyncio.to_thread(self.goes.wait, 30)
        if what == "stuck":
            await asyncio.to_thread(self.ends.wait, 30)
        if what == "later" and is_first:
            return "451 4.7.1 come again"
        if what == "lost" and is_first:
            assert server.transport is not None
            server.transport.close()
            return "421 4.3.0 gone"
        return await super().handle_DATA(server, session, envelope)

    async def handle_RCPT(  # noqa: N802 (aiosmtpd's name)
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address.startswith("unread"):
            await asyncio.to_thread(self.goes.wait, 30)
        return await super().handle_RCPT(server, session, envelope, address, options)

    async def handle_RSET(self, _server: SMTP, _session: Session, _envelope: Envelope) -> str:  # noqa: N802
        if self.is_slow_to_reset:  # as servers are to whom they have refused something
            await asyncio.to_thread(self.goes.wait, 30)
        return "250 OK"

    def arrived(self) -> Counter[str]:
        return Counter(recipient for mail in self.messages for recipient in mail.recipients)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(params=[Security.NONE, Security.STARTTLS])
def security(request: pytest.FixtureRequest) -> Security:
    return Security(request.param)


@pytest.fixture
def server(security: Security, certificates: Certificates) -> Iterator[Server]:
    options = {"tls_context": certificates.context()} if security is Security.STARTTLS else {}
    with Server(**options) as server:
        yield server
        server.goes.set()
        server.ends.set()


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many results each write to the ledger had."""
    record, sizes = DeliveryLedger.record, list[int]()

    def noted(self: DeliveryLedger, *results: DeliveryResult) -> None:
        record(self, *results)
        sizes.append(len(results))

    monkeypatch.setattr(DeliveryLedger, "record", noted)
    return sizes


@pytest.fixture
def quick(
    desk: Desk,
    server: Server,
    security: Security,
    certificates: Certificates,
    make_server: Callable[..., OutgoingServer],
    make_request: MakeRequest,
    written: list[int],
    monkeypatch: pytest.MonkeyPatch,
) -> Desk:
    """A desk each of whose connections has sent a message; however slow this machine is, they count as quick."""
    monkeypatch.setattr(server_connection, "QUICK_SECONDS", 30.0)
    monkeypatch.setattr(rounds, "QUICK_SECONDS", 30.0)
    monkeypatch.setattr(delivery, "BRIEFLY_SECONDS", 30.0)
    monkeypatch.setattr(delivery, "MARGIN_SECONDS", 30.0)
    monkeypatch.setattr(delivery, "STALLED_SECONDS", 30.0)
    monkeypatch.setattr(smtp, "_PAUSE_SECONDS", 60.0)
    desk.start()
    settings = {
        "port": server.port,
        "security": security,
        "ca_file": str(certificates.authority),
        "timeout_seconds": 60,
    }
    desk.apply(make_server(connections=CONNECTIONS, **settings), EmailOptions(default_outgoing_server="it-out"))
    warm_up(desk, make_request)
    server.clear()
    written.clear()
    return desk


def warm_up(desk: Desk, make_request: MakeRequest) -> None:
    first = [make_request(notification_id=id_, recipient=f"first{id_[:8]}@example.com") for id_ in ids(20)[-3:]]
    assert {type(one) for one in desk.handle(*first)} == {Ok}


@pytest.fixture
def requests(make_request: MakeRequest) -> Callable[..., list[NotificationRequested]]:
    def make(*odd: str) -> list[NotificationRequested]:
        """So many messages that there are three rounds; what is `odd` about those that come first."""
        names = [*odd, *["usual"] * (MESSAGES - len(odd))]
        return [
            make_request(notification_id=id_, recipient=f"{name}-{id_[:8]}@example.com")
            for id_, name in zip(ids(MESSAGES), names, strict=True)
        ]

    return make


MakeRequests = Callable[..., list[NotificationRequested]]


def in_ledger(desk: Desk) -> Counter[str]:
    """The recipients whom a message was sent to."""
    with read_transaction(desk.ledger.engine) as connection:
        rows = connection.execute(deliveries.select().where(deliveries.c.outcome == "sent")).all()
    return Counter(row.recipient for row in rows if not row.recipient.startswith("first"))


def each_once(requests: list[NotificationRequested]) -> Counter[str]:
    return Counter(request.recipient for request in requests)


def test_one_write_to_the_ledger_serves_a_message_of_each_connection(
    quick: Desk, server: Server, requests: MakeRequests, written: list[int]
) -> None:
    asked = requests()
    assert {type(one) for one in quick.handle(*asked)} == {Ok}
    assert written == [CONNECTIONS] * 3
    assert server.arrived() == in_ledger(quick) == each_once(asked)


@pytest.mark.parametrize("odd", ["later", "lost", "never"])
@pytest.mark.parametrize("number", [1, 2])
def test_what_goes_wrong_with_one_message_is_its_own(
    odd: str, number: int, quick: Desk, server: Server, requests: MakeRequests
) -> None:
    asked = requests(*[odd] * number)
    server.replies = {one.recipient: "550 5.1.1 no such user" for one in asked if one.recipient.startswith("never")}
    outcomes = dict(zip([one.recipient for one in asked], quick.handle(*asked), strict=True))

    assert server.arrived() == in_ledger(quick)
    assert set(in_ledger(quick).values()) == {1}
    waiting = [one for one in asked if isinstance(outcomes[one.recipient], Retry)]
    quick.now += timedelta(hours=1)
    assert {type(one) for one in again(quick, waiting)} <= {Ok}
    assert in_ledger(quick) == each_once([one for one in asked if one.recipient not in server.replies])
    assert server.arrived() == in_ledger(quick)


def again(desk: Desk, waiting: list[NotificationRequested]) -> list[FinalOutcome]:
    return desk.handle(*waiting, attempt=2) if waiting else []


@pytest.mark.parametrize("kind", ["slow", "partly"])
def test_a_slow_message_holds_up_only_those_of_its_connection(
    kind: str, quick: Desk, server: Server, requests: MakeRequests, monkeypatch: pytest.MonkeyPatch, written: list[int]
) -> None:
    monkeypatch.setattr(rounds, "QUICK_SECONDS", 0.05)
    monkeypatch.setattr(delivery, "BRIEFLY_SECONDS", 0.05)
    asked = requests(kind)
    answers = quick.answer(*asked)
    assert wait_until(lambda: sum(written) == MESSAGES - MESSAGES // CONNECTIONS, 30)
    assert in_ledger(quick) == server.arrived()
    assert asked[0].recipient not in server.arrived()
    server.goes.set()
    assert {type(settled(one)) for one in answers} == {Ok}
    assert server.arrived() == in_ledger(quick) == each_once(asked)


def test_a_long_message_that_the_server_does_not_read_holds_up_only_those_of_its_connection(
    quick: Desk, server: Server, requests: MakeRequests, monkeypatch: pytest.MonkeyPatch, written: list[int]
) -> None:
    monkeypatch.setattr(delivery, "BRIEFLY_SECONDS", 0.05)
    for connection in quick.delivery._connections.values():  # as over a network: on this machine a socket takes more
        connection._sender._transport._smtp.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)  # type: ignore[union-attr]
    first, *others = requests("unread")
    long = first.model_copy(update={"subject": "long", "text": "a line of some length\n" * 15_000})
    answers = quick.answer(long, *others)
    assert wait_until(lambda: sum(written) == MESSAGES - MESSAGES // CONNECTIONS, 30)
    server.goes.set()
    assert {type(settled(one)) for one in answers} == {Ok}
    assert server.arrived() == in_ledger(quick) == each_once([first, *others])


def test_what_a_refusal_takes_holds_up_only_those_of_its_connection(
    quick: Desk, server: Server, requests: MakeRequests, monkeypatch: pytest.MonkeyPatch, written: list[int]
) -> None:
    monkeypatch.setattr(delivery, "BRIEFLY_SECONDS", 0.05)
    first, *others = requests()
    server.replies, server.is_slow_to_reset = {"never@example.com": "550 5.1.1 no such user"}, True
    answers = quick.answer(first.model_copy(update={"cc": ("never@example.com",)}), *others)
    assert wait_until(lambda: sum(written) == MESSAGES - MESSAGES // CONNECTIONS, 30)
    server.goes.set()
    assert [type(settled(one)) for one in answers] == [Reject, *[Ok] * len(others)]
    assert server.arrived() == in_ledger(quick) == each_once([first, *others])


def test_messages_that_come_while_a_round_waits_are_sent(
    quick: Desk, server: Server, requests: MakeRequests, monkeypatch: pytest.MonkeyPatch, written: list[int]
) -> None:
    """By the connection that is late as well: its own thread is free for it."""
    monkeypatch.setattr(rounds, "QUICK_SECONDS", 0.5)
    monkeypatch.setattr(delivery, "BRIEFLY_SECONDS", 0.05)
    asked = requests("slow")
    quick.answer(*asked[:CONNECTIONS])
    quick.answer(*asked[CONNECTIONS:])
    assert wait_until(lambda: sum(written) > 0, 30)  # what did not come late
    server.goes.set()
    assert wait_until(lambda: sum(written) == MESSAGES, 30)
    assert server.arrived() == in_ledger(quick) == each_once(asked)


def test_while_a_round_is_not_recorded_nothing_more_is_sent(
    quick: Desk, server: Server, requests: MakeRequests, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = requests()
    with monkeypatch.context() as away:
        away.setattr(quick.delivery._recorder._group, "_write", _second_time_away(quick.ledger.record))
        with pytest.raises(OutageError):
            quick.handle(*asked)
        assert sum(server.arrived().values()) == 2 * CONNECTIONS
        assert sum(in_ledger(quick).values()) == CONNECTIONS
    assert {type(one) for one in quick.handle(*asked)} == {Ok}
    assert server.arrived() == in_ledger(quick) == each_once(asked)


def test_a_kill_repeats_one_message_of_each_connection(
    quick: Desk, server: Server, requests: MakeRequests, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = requests()
    monkeypatch.setattr(quick.delivery._recorder._group, "_write", _second_time_away(quick.ledger.record))
    with pytest.raises(OutageError):
        quick.handle(*asked)
    quick.start()
    assert {type(one) for one in quick.handle(*asked)} == {Ok}
    assert sorted(server.arrived().values()) == [1] * (MESSAGES - CONNECTIONS) + [2] * CONNECTIONS
    assert in_ledger(quick) == each_once(asked)


def _second_time_away(write: Callable[..., None]) -> Callable[..., None]:
    writes = 0

    def once(*results: DeliveryResult) -> None:
        nonlocal writes
        writes += 1
        if writes > 1:
            raise OutageError(Reason.DATABASE_AWAY, "away")
        write(*results)

    return once


def test_messages_of_a_line_keep_their_order(
    quick: Desk, server: Server, make_request: MakeRequest, written: list[int]
) -> None:
    asked = [
        make_request(notification_id=id_, recipient=f"{'abc'[number % 3]}@example.com", subject=f"number {number}")
        for number, id_ in enumerate(ids(MESSAGES))
    ]
    assert {type(one) for one in quick.handle(*asked)} == {Ok}
    assert written == [CONNECTIONS] * 3
    for name in "abc":
        subjects = [mail.raw.partition(b"number ")[2][:1] for mail in server.messages if mail.recipients[0][0] == name]
        assert subjects == sorted(subjects)
        assert len(subjects) == 3


@pytest.mark.parametrize(("step", "arrives"), [("begin", 1), ("finish", 2)])
def test_a_fault_of_ours_is_the_outcome_of_its_message_alone(
    step: str, arrives: int, quick: Desk, server: Server, requests: MakeRequests, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that was sent before the fault is sent again: nobody could know."""
    right, (odd, *others) = getattr(SmtpTransport, step), requests()

    def faulty(transport: SmtpTransport, *message: Any) -> Any:
        recipients = message[1] if message else getattr(transport._begun, "recipients", ())
        if odd.recipient in recipients:
            raise ValueError("a fault")
        return right(transport, *message)

    with monkeypatch.context() as patched:
        patched.setattr(SmtpTransport, step, faulty)
        with pytest.raises(ValueError, match="a fault"):
            quick.handle(odd, *others)
        assert wait_until(lambda: in_ledger(quick) == each_once(others), 30)
    assert {type(one) for one in quick.handle(odd, *others)} == {Ok}
    assert in_ledger(quick) == each_once([odd, *others])
    assert server.arrived() == each_once(others) + Counter({odd.recipient: arrives})


def test_a_process_that_ends_breaks_off_what_takes_too_long_and_sends_nothing_more(
    quick: Desk, server: Server, requests: MakeRequests, monkeypatch: pytest.MonkeyPatch, written: list[int]
) -> None:
    monkeypatch.setattr(rounds, "QUICK_SECONDS", 0.05)
    monkeypatch.setattr(delivery, "BRIEFLY_SECONDS", 0.05)
    monkeypatch.setattr(delivery, "_CLOSE_SECONDS", 0.05)
    asked = requests("slow")
    first, *_ = quick.answer(*asked)
    others = MESSAGES - MESSAGES // CONNECTIONS
    assert wait_until(lambda: sum(written) == others, 30)
    quick.delivery.close()
    assert isinstance(settled(first), Retry)
    assert sum(in_ledger(quick).values()) == others
    server.goes.set()
    quick.start()
    quick.now += timedelta(hours=1)
    assert {type(one) for one in quick.handle(*asked, attempt=2)} == {Ok}
    assert in_ledger(quick) == each_once(asked)
    assert max(server.arrived()[one.recipient] for one in asked[1:]) == 1


def test_a_process_that_ends_finishes_the_round(
    quick: Desk, server: Server, requests: MakeRequests, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "BRIEFLY_SECONDS", 0.05)
    monkeypatch.setattr(delivery, "_CLOSE_SECONDS", 30.0)
    asked = requests("slow")
    quick.answer(*asked)
    ending = threading.Thread(target=quick.delivery.close)
    ending.start()
    assert wait_until(lambda: all(one._stopping.is_set() for one in quick.delivery._connections.values()), 30)
    server.goes.set()
    ending.join(30)
    assert sum(server.arrived().values()) == CONNECTIONS
    assert server.arrived() == in_ledger(quick)


def test_a_process_that_ends_records_each_late_message_as_soon_as_it_is_replied_to(
    quick: Desk, server: Server, requests: MakeRequests, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rounds, "QUICK_SECONDS", 0.5)
    monkeypatch.setattr(delivery, "BRIEFLY_SECONDS", 0.05)
    monkeypatch.setattr(delivery, "_CLOSE_SECONDS", 30.0)
    asked = requests("stuck", "slow")
    quick.answer(*asked)
    ending = threading.Thread(target=quick.delivery.close)
    ending.start()
    assert wait_until(lambda: all(one._stopping.is_set() for one in quick.delivery._connections.values()), 30)
    assert wait_until(lambda: sum(in_ledger(quick).values()) == CONNECTIONS - 2, 30)
    server.goes.set()
    assert wait_until(lambda: asked[1].recipient in in_ledger(quick), 20)
    assert asked[0].recipient not in in_ledger(quick)
    server.ends.set()
    ending.join(30)
    assert server.arrived() == in_ledger(quick)


def test_what_a_round_leaves_to_its_connection_can_still_be_cancelled(
    quick: Desk, requests: MakeRequests, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "BRIEFLY_SECONDS", 0.05)
    monkeypatch.setattr(SmtpTransport, "can_begin", lambda _: False)
    monkeypatch.setattr(server_connection.ServerConnection, "_run", lambda _: None)
    answers = quick.answer(*requests())
    assert len(answers) == MESSAGES
    assert all(isinstance(one, InFlight) and one.work.cancel() for one in answers)
