"""Mails handed over to Microsoft Graph: what arrives is what was written, once, at those it is for."""

import re
from collections.abc import Callable, Iterator, Sequence
from email import message_from_bytes
from threading import Timer
from typing import Any

import pytest

from mailserver.errors import MailServerError
from mailserver.exchange.account import ExchangeAccount
from outbound.transports import graph_drafts
from outbound.transports.graph import MAX_MESSAGE_BYTES, GraphTransport
from outbound.transports.graph_drafts import PROPERTY
from schemas.reasons import Reason
from schemas.settings import OutgoingServer
from tests.exchange.graph_server import EVERY_ANSWER, Answer, Asked, GraphServer, Tokens, account_of

ANN, BEN, EVE = "ann@firm.example", "ben@firm.example", "eve@firm.example"
MAILS = 50
OWN_ID = "<mailcall.0123456789abcdef0123456789abcdef@desk.example>"


def mail(to: Sequence[str] = (ANN,), cc: Sequence[str] = (), sender: str = "desk@example.test") -> bytes:
    copied = f"Cc: {', '.join(cc)}\r\n" if cc else ""
    return (
        f"From: Desk <{sender}>\r\nTo: {', '.join(to)}\r\n{copied}Subject: =?utf-8?b?RHJ1Y2tlciDwn5So?=\r\n"
        f"Message-ID: {OWN_ID}\r\nReferences: <C-000123.item@desk.example>\r\nX-Mailcall-Loop: 1\r\n"
        "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"
        "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 7bit\r\n\r\n.\r\n..two\r\nend\r\n"
    ).encode()


@pytest.fixture
def graph() -> Iterator[GraphServer]:
    with GraphServer().running() as server:
        yield server


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graph_drafts, "COPY_AFTER", (0.0, 0.0))


def outgoing(**changes: Any) -> OutgoingServer:
    values: dict[str, Any] = {
        "id": "exchange-out", "protocol": "mapi", "profile": "exchange", "mailbox": "desk@example.test",
        "host": "-", "security": "none", "from_address": "desk@example.test",
    }  # fmt: skip
    return OutgoingServer.model_validate(values | changes)


def of(graph: GraphServer, tokens: Tokens | None = None, **changes: Any) -> GraphTransport:
    tokens = tokens or Tokens()
    account: Callable[[OutgoingServer], ExchangeAccount] = lambda _: account_of(graph, tokens=tokens)  # noqa: E731
    return GraphTransport(outgoing(**changes), account)


def asked(graph: GraphServer) -> list[str]:
    """The requests without ids and queries."""
    return [re.sub(r"/users/[^/]+|/AAMk[^/?]+|\?.*", "", one) for one in graph.requests]


def test_a_mail_arrives_as_it_was_written(graph: GraphServer) -> None:
    transport = of(graph)
    verdicts = transport.send("", (ANN, BEN), mail(cc=(BEN,)))
    assert {one: (v.outcome, v.reason, v.message_id) for one, v in verdicts.items()} == dict.fromkeys(
        (ANN, BEN), ("sent", None, "")
    )
    [sent] = graph.sent
    assert sent.raw == mail(cc=(BEN,))
    assert sent.recipients == (ANN, BEN)
    [copy] = graph.mailbox.mails("sentitems")
    assert copy.properties == {PROPERTY: OWN_ID.strip("<>")}
    assert graph.mailbox.mails("drafts") == []


def test_who_stands_in_no_header_gets_the_mail_and_is_named_nowhere(graph: GraphServer) -> None:
    verdicts = of(graph).send("", (ANN, EVE), mail())
    assert {one.outcome for one in verdicts.values()} == {"sent"}
    [sent] = graph.sent
    assert set(sent.recipients) == {ANN, EVE}
    assert EVE.encode() not in sent.raw


def test_a_part_of_a_mail_goes_to_its_recipients_alone(graph: GraphServer) -> None:
    """The service sends to whoever stands in a header: those of the other parts are taken out."""
    content = mail(cc=(BEN, EVE))
    transport = of(graph)
    transport.send("", (ANN, BEN), content)
    transport.send("", (EVE,), content.replace(b"@desk.example>\r\nRef", b".p0000000@desk.example>\r\nRef"))
    assert [set(one.recipients) for one in graph.sent] == [{ANN, BEN}, {EVE}]
    assert [message_from_bytes(one.raw)["Cc"].strip("<>") for one in graph.sent] == [BEN, EVE]


def test_a_mail_that_was_handed_over_before_is_not_sent_again(graph: GraphServer) -> None:
    of(graph).send("", (ANN,), mail())
    assert of(graph).send("", (ANN,), mail())[ANN].outcome == "sent"
    assert len(graph.sent) == 1


@pytest.mark.parametrize("lost", ["POST /messages", "PATCH", "send"])
def test_where_an_answer_is_lost_one_mail_is_sent(
    lost: str, graph: GraphServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The service did what it was asked for, and the connection broke before it could say so."""
    transport = of(graph)
    transport.open()
    answer = graph.answer

    def losing(request: Asked) -> Answer | None:
        given = answer(request)
        if lost in f"{request.method} {request.path}".replace("/v1.0/users/desk@example.test", ""):
            monkeypatch.setattr(graph, "answer", answer)
            return None
        return given

    monkeypatch.setattr(graph, "answer", losing)
    try:
        transport.send("", (ANN,), mail())
    except MailServerError as error:
        assert error.temporary
    assert transport.send("", (ANN,), mail())[ANN].outcome == "sent"
    assert len(graph.sent) == 1
    assert graph.mailbox.mails("drafts") == []


def test_the_id_that_the_service_gave_is_told_also_when_it_is_looked_up_later(graph: GraphServer) -> None:
    graph.faults = {"replace Message-ID": 1.0}
    first = of(graph).send("", (ANN,), mail())[ANN]
    [sent] = graph.sent
    assert first.message_id == message_from_bytes(sent.raw)["Message-ID"] != OWN_ID
    assert of(graph).send("", (ANN,), mail())[ANN].message_id == first.message_id
    assert len(graph.sent) == 1


def test_an_id_that_is_none_is_not_taken(graph: GraphServer) -> None:
    transport = of(graph)
    transport.send("", (ANN,), mail())
    [copy] = graph.mailbox.mails("sentitems")
    copy.raw = copy.raw.replace(OWN_ID.encode(), b"<" + b"x" * 1000 + b"@long.example>")
    assert transport.send("", (ANN,), mail())[ANN].message_id == ""


def test_without_save_sent_the_copy_goes_and_the_mail_is_known_all_the_same(graph: GraphServer) -> None:
    transport = of(graph, save_sent=False)
    transport.send("", (ANN,), mail())
    assert graph.mailbox.mails("sentitems") == []
    assert len(graph.mailbox.mails("deleteditems")) == 1
    transport.send("", (ANN,), mail())
    assert len(graph.sent) == 1


def test_another_from_is_the_mails(graph: GraphServer) -> None:
    """Send As and Send on Behalf: Exchange says whether the mailbox may."""
    of(graph, from_address="it@example.test").send("", (ANN,), mail(sender="it@example.test"))
    assert message_from_bytes(graph.sent[0].raw)["From"] == "Desk <it@example.test>"


REFUSALS = {
    ("desk@example.test", 403, "ErrorSendAsDenied"): ("deferred", Reason.ACCOUNT_LIMITED),
    (ANN, 400, "ErrorExceededMessageLimit"): ("deferred", Reason.ACCOUNT_LIMITED),
    (ANN, 507, "ErrorQuotaExceeded"): ("deferred", Reason.ACCOUNT_LIMITED),
    (ANN, 400, "ErrorInvalidRecipients"): ("failed", Reason.RECIPIENT_REFUSED),
    (ANN, 413, "ErrorMessageSizeExceeded"): ("failed", Reason.MESSAGE_REFUSED),
    (ANN, 400, "ErrorMimeContentInvalid"): ("failed", Reason.MESSAGE_REFUSED),
    (ANN, 409, "ErrorIrresolvableConflict"): ("deferred", Reason.SERVER_DEFERRED),
    (ANN, 400, "ErrorNobodyKnows"): ("deferred", Reason.SERVER_DEFERRED),
}


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda one: one[2])
def test_what_a_refusal_says_of_the_mail(refusal: tuple[str, int, str], graph: GraphServer) -> None:
    address, status, code = refusal
    graph.refusals[address] = status, code
    verdict = of(graph).send("", (ANN,), mail())[ANN]
    assert (verdict.outcome, verdict.reason) == REFUSALS[refusal]
    assert verdict.reply.startswith(f"{status} {code}: ")
    assert graph.sent == []


def test_a_refused_recipient_harms_no_other(graph: GraphServer) -> None:
    """The service refuses the mail as a whole, and says of nobody that it means them."""
    graph.refusals[BEN] = 400, "ErrorInvalidRecipients"
    transport = of(graph)
    verdicts = transport.send("", (ANN, BEN, EVE), mail(cc=(BEN,)))
    assert {one: verdict.outcome for one, verdict in verdicts.items()} == {ANN: "sent", BEN: "failed", EVE: "sent"}
    transport.send("", (ANN, BEN, EVE), mail(cc=(BEN,)))
    assert [one.recipients for one in graph.sent] == [(ANN,), (EVE,)]


TROUBLES = {
    "429": (Reason.ACCOUNT_LIMITED, 17.0),
    "503": (Reason.ACCOUNT_LIMITED, 17.0),
    "429 without Retry-After": (Reason.ACCOUNT_LIMITED, 10.0),
    "500": (Reason.SERVER_UNREACHABLE, 0.0),
    "no JSON": (Reason.SERVER_UNREACHABLE, 0.0),
}


@pytest.mark.parametrize("fault", TROUBLES)
def test_trouble_of_the_service_is_no_refusal_of_the_mail(fault: str, graph: GraphServer) -> None:
    transport = of(graph)
    transport.open()
    graph.faults, graph.retry_after = {fault: 1.0}, "17"
    with pytest.raises(MailServerError) as caught:
        transport.send("", (ANN,), mail())
    assert (caught.value.reason, caught.value.after) == TROUBLES[fault]
    graph.faults = {}
    assert transport.send("", (ANN,), mail())[ANN].outcome == "sent"
    assert len(graph.sent) == 1


def test_a_right_that_is_taken_back_fails_no_mail(graph: GraphServer) -> None:
    transport = of(graph)
    transport.open()
    graph.closed.add("desk@example.test")
    with pytest.raises(MailServerError, match=r"Mail\.Send") as caught:
        transport.send("", (ANN,), mail())
    assert caught.value.reason is Reason.ACCOUNT_LIMITED


def test_only_202_counts(graph: GraphServer, monkeypatch: pytest.MonkeyPatch) -> None:
    transport = of(graph)
    transport.open()
    answer = graph.answer

    def saying_200(request: Asked) -> Answer | None:
        given = answer(request)
        if given and request.path.endswith("/send"):
            given.status = 200
        return given

    monkeypatch.setattr(graph, "answer", saying_200)
    with pytest.raises(MailServerError, match="status 200, not 202"):
        transport.send("", (ANN,), mail())


def test_a_token_that_ends_is_renewed(graph: GraphServer) -> None:
    transport = of(graph)
    transport.open()
    graph.refused_tokens.add("token-1")
    assert transport.send("", (ANN,), mail())[ANN].outcome == "sent"


def test_a_mail_that_no_request_holds_is_refused_in_words(graph: GraphServer) -> None:
    fits = mail() + b"x" * (MAX_MESSAGE_BYTES - len(mail()) - 2) + b"\r\n"
    assert of(graph).send("", (ANN,), fits)[ANN].outcome == "sent"
    verdict = of(graph).send("", (ANN,), fits + b"x\r\n")[ANN]
    assert (verdict.outcome, verdict.reason) == ("failed", Reason.MESSAGE_REFUSED)
    assert "3000003 bytes" in verdict.reply
    assert len(graph.sent) == 1


def test_a_mail_costs_six_requests(graph: GraphServer) -> None:
    transport = of(graph)
    transport.open()
    graph.requests.clear()
    transport.send("", (ANN,), mail())
    assert asked(graph) == [
        "GET /messages",
        "GET /messages",
        "POST /messages",
        "PATCH /messages",
        "POST /messages/send",
        "GET /messages",
    ]


def test_another_thread_ends_what_waits_for_a_silent_service(graph: GraphServer) -> None:
    transport = of(graph)
    transport.open()
    graph.faults, graph.slow_seconds = {"slow": 1.0}, 30.0
    abort = Timer(0.2, transport.abort)
    abort.start()
    with pytest.raises(MailServerError) as caught:
        transport.send("", (ANN,), mail())
    abort.join()
    assert caught.value.reason is Reason.SERVER_UNREACHABLE and "interrupted" in caught.value.text


def test_among_all_faults_at_once_every_mail_is_sent_once(graph: GraphServer) -> None:
    """Each answer may be lost, cut off, refused, or none of the service's; the sender begins anew now and then."""
    graph.faults = dict.fromkeys(EVERY_ANSWER, 0.03) | {"replace Message-ID": 1.0, "drop headers": 1.0}
    graph.slow_seconds = 0.0
    tokens = Tokens()
    transport, troubles = of(graph, tokens), 0
    real: dict[int, str] = {}
    for number in range(MAILS):
        content = mail().replace(OWN_ID.encode(), f"<mailcall.{number:032x}@desk.example>".encode())
        recipients = (f"ann-{number}@firm.example", f"eve-{number}@firm.example")
        content = content.replace(ANN.encode(), recipients[0].encode())
        for _ in range(100):
            try:
                verdict = transport.send("", recipients, content)[recipients[1]]
            except MailServerError as error:
                assert error.temporary
                troubles += 1
                transport = of(graph, tokens) if troubles % 5 == 0 else transport
            else:
                assert verdict.outcome == "sent", verdict
                real[number] = verdict.message_id
                break
    assert [one.recipients for one in graph.sent] == [
        (f"ann-{number}@firm.example", f"eve-{number}@firm.example") for number in range(MAILS)
    ]
    assert troubles > MAILS / 2
    assert graph.mailbox.mails("drafts") == []
    sent = [str(message_from_bytes(one.raw)["Message-ID"]) for one in graph.sent]
    assert all(real[number] in ("", id_) for number, id_ in enumerate(sent))
    assert sum(real[number] == id_ for number, id_ in enumerate(sent)) > MAILS / 2
