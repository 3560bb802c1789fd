"""Answers to a mail that Exchange sent with a Message-ID of its own, and without our marks: they find their call."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from desk.deliveries import DeliveryResult
from outbound.choose import Chosen
from outbound.compose import Composed, compose
from outbound.render import Templates, render
from outbound.results import DeliveryJob, result_record
from outbound.transports.graph import GraphTransport
from runtime.blobs import BlobStore
from schemas import ids
from schemas.events import NotificationRequested
from schemas.settings import Format, OutgoingServer
from schemas.topics import MAIL_REJECTED, NOTIFICATION_REQUESTED
from tests.exchange.graph_server import GraphServer, account_of
from tests.mail.stored import NOW, SETTINGS, TOKEN_KEYS, FixedDesk
from tests.mail.walk import Walk, values
from tests.replies.clients import CLIENTS, Original, answer, read
from tests.replies.test_replies import FIRST, SERVER, URSULA, WORDS, arrived

STRANGER = "Ulf Unbekannt <ulf@elsewhere.example>"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FixedDesk]:
    desk = FixedDesk(tmp_path_factory.mktemp("desk"))
    yield desk
    desk.close()


@pytest.fixture
def walk(desk: FixedDesk, tmp_path: Path) -> Walk:
    return Walk(desk.fresh(), BlobStore((tmp_path / "blobs").as_uri()))


@pytest.fixture(scope="module")
def graph() -> Iterator[GraphServer]:
    with GraphServer(["it@desk.example"]).running() as server:
        server.faults = {"replace Message-ID": 1.0, "drop headers": 1.0}
        yield server


def told(walk: Walk, graph: GraphServer) -> tuple[str, bytes, DeliveryResult]:
    """Ursula writes, and is told of her call: its reference, the mail as she has it, and what is known of sending."""
    [request] = [one for one in values(walk.arrive(FIRST, SERVER), NOTIFICATION_REQUESTED) if one.recipient in URSULA]
    composed = _composed(request)
    verdict = _transport(graph).send(composed.sender, (request.recipient,), composed.content)[request.recipient]
    result = DeliveryJob(request.notification_id, request, "", 1, "", 0, 0).result(
        request.recipient, verdict.outcome, verdict.reason, NOW,
        message_id=composed.message_id, sent_message_id=verdict.message_id,
    )  # fmt: skip
    return request.data["reference"], graph.sent[-1].raw, result


def _composed(request: NotificationRequested) -> Composed:
    server = SETTINGS.outgoing_server_for("it")
    assert server is not None
    return compose(request, render(request, Templates(SETTINGS), Format.HTML), Chosen(server, server), NOW, TOKEN_KEYS)


def _transport(graph: GraphServer) -> GraphTransport:
    server = OutgoingServer(
        id="exchange", protocol="mapi", profile="exchange", mailbox="it@desk.example", host="-", security="none",
        from_address="it@desk.example",
    )  # fmt: skip
    return GraphTransport(server, lambda _: account_of(graph))


def _original(raw: bytes) -> Original:
    assert (
        b"Auto-Submitted" not in raw and b"X-Mailcall" not in raw and b"<mailcall." not in raw.partition(b"\r\n\r\n")[0]
    )
    return read(raw)


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("author", [URSULA, STRANGER])
def test_the_id_that_exchange_gave_is_enough(client: str, author: str, walk: Walk, graph: GraphServer) -> None:
    """As where somebody writes a subject of their own."""
    reference, raw, result = told(walk, graph)
    for _ in range(2):  # the record may come again
        walk.hear(result_record(result, ""))
    mail = answer(CLIENTS[client], WORDS, _original(raw), "both", author, NOW + timedelta(minutes=5))
    del mail["References"], mail["Subject"]
    mail["Subject"] = "Nachfrage"
    assert arrived(walk, mail)[:2] == ("item-updated", reference)


@pytest.mark.parametrize("client", CLIENTS)
def test_where_that_id_is_not_known_yet_the_subject_is_enough(client: str, walk: Walk, graph: GraphServer) -> None:
    reference, raw, _ = told(walk, graph)
    mail = answer(CLIENTS[client], WORDS, _original(raw), "both", STRANGER, NOW + timedelta(minutes=5))
    assert arrived(walk, mail)[:2] == ("item-updated", reference)


def test_an_id_that_another_mail_has_stays_with_it(walk: Walk, graph: GraphServer) -> None:
    """No server makes a conversation its own by the id that it gives."""
    reference, raw, result = told(walk, graph)
    walk.hear(result_record(result._replace(sent_message_id="<first-1@firm.example>"), ""))
    mail = answer(CLIENTS["gmail"], WORDS, _original(raw), "both", URSULA, NOW + timedelta(minutes=5))
    del mail["In-Reply-To"], mail["References"], mail["Subject"]
    mail["In-Reply-To"], mail["Subject"] = "<first-1@firm.example>", "Nachfrage"
    assert arrived(walk, mail)[:2] == ("item-updated", reference)


def test_our_own_mail_that_comes_back_is_known(walk: Walk, graph: GraphServer) -> None:
    _, raw, _ = told(walk, graph)
    [rejected] = values(walk.arrive(b"Received: from prod.example\r\n" + raw, SERVER), MAIL_REJECTED)
    assert (rejected.reason, rejected.evidence) == ("loop", "the first line of the text: -- write above this line --")
    assert walk.ledger(ids.mail_id(SERVER, raw)) is None
