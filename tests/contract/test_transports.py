"""The contract of outgoing transports, whichever way a mail takes: SMTP to a real server, Graph and EWS to fakes."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from deploy.local.servers.smtp_sink import SmtpSink
from mailserver.errors import MailServerError
from mailserver.exchange.account import ExchangeAccount
from mailserver.sasl import Credentials
from outbound.transports import transport_for
from outbound.transports.base import Transport
from schemas.reasons import Reason
from schemas.settings import OutgoingServer
from tests.exchange.ews_accounts import account_of as ews_account_of
from tests.exchange.ews_server import EwsServer
from tests.exchange.graph_server import GraphServer, account_of

ANN, BEN, EVE = "ann@firm.example", "ben@firm.example", "eve@firm.example"
FROM = "desk@example.test"


@dataclass
class World:
    """One way to send. `arrived`: recipients and bytes of each mail; `refuse`: who is refused, for good or not.

    `away`: the server answers nothing from now on.
    """

    transport: Transport
    arrived: Callable[[], list[tuple[frozenset[str], bytes]]]
    refuse: Callable[[str, bool], None]
    away: Callable[[], object]
    told: list[str] = field(default_factory=list)


def mail(number: int, to: Sequence[str] = (ANN,)) -> bytes:
    return (
        f"From: <{FROM}>\r\nTo: {', '.join(to)}\r\nSubject: one\r\nMessage-ID: <mailcall.{number}@desk.example>\r\n"
        "Auto-Submitted: auto-generated\r\nX-Mailcall-Loop: 1\r\nMIME-Version: 1.0\r\n"
        "Content-Type: text/plain; charset=utf-8\r\n\r\n.\r\n..two\r\nend\r\n"
    ).encode()


class _Refusing(SmtpSink):
    """Refuses some recipients."""

    def __init__(self) -> None:
        super().__init__()
        self.refused: dict[str, str] = {}

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: list[str]) -> str:  # noqa: N802
        if address in self.refused:
            return self.refused[address]
        return await super().handle_RCPT(server, session, envelope, address, options)


@contextmanager
def _smtp() -> Iterator[World]:
    told: list[str] = []
    with ExitStack() as stack:
        sink = stack.enter_context(_Refusing())
        server = OutgoingServer(id="out", host="127.0.0.1", port=sink.port, security="none", from_address=FROM)
        login: Callable[[OutgoingServer], Credentials] = lambda _: Credentials("", "")  # noqa: E731

        def refuse(address: str, final: bool) -> None:
            sink.refused[address] = "550 5.1.1 no such user" if final else "451 4.7.1 come again"

        yield World(
            transport_for(server, login, lambda step, _: told.append(step)),
            lambda: [(frozenset(one.recipients), one.raw) for one in sink.messages],
            refuse,
            stack.close,
            told,
        )


@contextmanager
def _graph() -> Iterator[World]:
    told: list[str] = []
    with GraphServer([FROM]).running() as graph:
        server = OutgoingServer(
            id="out", protocol="mapi", profile="exchange", mailbox=FROM, host="-", security="none", from_address=FROM
        )
        account: Callable[[OutgoingServer], ExchangeAccount] = lambda _: account_of(graph)  # noqa: E731

        def refuse(address: str, final: bool) -> None:
            graph.refusals[address] = (400, "ErrorInvalidRecipients") if final else (400, "ErrorExceededMessageLimit")

        def away() -> None:
            graph.faults["dropped"] = 1.0

        yield World(
            transport_for(server, account, lambda step, _: told.append(step)),
            lambda: [(frozenset(one.recipients), one.raw) for one in graph.sent],
            refuse,
            away,
            told,
        )


@contextmanager
def _ews() -> Iterator[World]:
    told: list[str] = []
    with EwsServer() as ews:
        ews.account(FROM)
        server = OutgoingServer(
            id="out", protocol="mapi", profile="exchange", mailbox=FROM, host="-", security="none", from_address=FROM
        )
        account: Callable[[OutgoingServer], ExchangeAccount] = lambda _: ews_account_of(ews, FROM)  # noqa: E731

        def refuse(address: str, final: bool) -> None:
            ews.store.refused[address] = "ErrorInvalidRecipients" if final else "ErrorExceededMessageLimit"

        yield World(
            transport_for(server, account, lambda step, _: told.append(step)),
            lambda: [(frozenset(one.recipients), one.raw) for one in ews.store.sent],
            refuse,
            lambda: ews.fail(unheard=True, times=1_000),
            told,
        )


WORLDS = {"smtp": _smtp, "graph": _graph, "ews": _ews}


@pytest.fixture(params=WORLDS)
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    with WORLDS[request.param]() as world:
        yield world
        world.transport.close()


def test_mail_after_mail_arrives_byte_for_byte(world: World) -> None:
    for number in range(3):
        verdict = world.transport.send("", (ANN,), mail(number))[ANN]
        assert (verdict.outcome, verdict.reason) == ("sent", None)
        assert verdict.reply
    assert world.arrived() == [(frozenset({ANN}), mail(number)) for number in range(3)]


def test_everybody_gets_one_mail_and_nobody_reads_of_those_who_stand_in_no_header(world: World) -> None:
    verdicts = world.transport.send("", (ANN, BEN, EVE), mail(1, (ANN, BEN)))
    assert {one: verdict.outcome for one, verdict in verdicts.items()} == dict.fromkeys((ANN, BEN, EVE), "sent")
    assert world.arrived() == [(frozenset({ANN, BEN, EVE}), mail(1, (ANN, BEN)))]


def test_who_is_refused_for_good_is_told_and_the_others_get_it(world: World) -> None:
    world.refuse(BEN, True)
    verdicts = world.transport.send("", (ANN, BEN, EVE), mail(1, (ANN, BEN)))
    assert {one: verdict.outcome for one, verdict in verdicts.items()} == {ANN: "sent", BEN: "failed", EVE: "sent"}
    assert verdicts[BEN].reason is Reason.RECIPIENT_REFUSED
    got = [one for recipients, _ in world.arrived() for one in recipients]
    assert sorted(got) == [ANN, EVE]


def test_what_may_pass_is_deferred_and_the_session_goes_on(world: World) -> None:
    world.refuse(BEN, False)
    assert world.transport.send("", (BEN,), mail(1, (BEN,)))[BEN].outcome == "deferred"
    assert world.transport.send("", (ANN,), mail(2))[ANN].outcome == "sent"
    assert world.arrived() == [(frozenset({ANN}), mail(2))]


def test_a_server_that_is_away_is_in_trouble_and_no_mail_is_refused(world: World) -> None:
    world.transport.open()
    world.away()
    with pytest.raises(MailServerError) as caught:
        world.transport.send("", (ANN,), mail(1))
    assert (caught.value.reason, caught.value.temporary) == (Reason.SERVER_UNREACHABLE, True)
    assert world.arrived() == []


def test_it_can_be_left_and_opened_again(world: World) -> None:
    world.transport.open()
    world.transport.quit()
    world.transport.open()
    world.transport.close()
    assert world.transport.send("", (ANN,), mail(1))[ANN].outcome == "sent"


def test_each_step_of_opening_is_told_by_its_name(world: World) -> None:
    world.transport.open()
    assert (*world.told, "send") == world.transport.steps
