"""Testing an outgoing server of Microsoft Graph: each step with its status, and what becomes of the copy."""

from collections.abc import Iterator
from datetime import UTC, datetime
from email import message_from_bytes

import pytest

from outbound.server_test import run_server_test
from schemas.servers import ServerTest, ServerTestResult
from schemas.settings import OutgoingServer
from tests.exchange.graph_server import GraphServer, account_of
from tests.exchange.test_graph_transport import outgoing

TEST = ServerTest(test_id="t1", to=("to@example.com",), bcc=("blind@example.com",), message="Did it arrive?")
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture
def graph() -> Iterator[GraphServer]:
    with GraphServer().running() as server:
        yield server


def tried(graph: GraphServer, server: OutgoingServer, mailbox: str = "") -> ServerTestResult:
    return run_server_test(TEST, server, lambda _: account_of(graph, mailbox), NOW)


def test_a_mail_is_sent_and_each_step_told(graph: GraphServer) -> None:
    result = tried(graph, outgoing())
    assert [(step.step, step.ok) for step in result.steps] == [
        (name, True)
        for name in ("connect", "log in", "mailbox", "send to to@example.com", "send to blind@example.com", "copy")
    ]
    assert "desk@example.test" in result.steps[2].status and "Sent Items" in result.steps[-1].status
    [sent] = graph.sent
    assert set(sent.recipients) == {"to@example.com", "blind@example.com"}
    assert b"blind" not in sent.raw and message_from_bytes(sent.raw)["To"] == "to@example.com"


def test_the_copy_that_is_not_kept_is_told_of(graph: GraphServer) -> None:
    result = tried(graph, outgoing(save_sent=False))
    assert "Deleted Items" in result.steps[-1].status
    assert len(graph.mailbox.mails("deleteditems")) == 1


def test_a_mailbox_that_is_not_there_is_told_at_its_step(graph: GraphServer) -> None:
    result = tried(graph, outgoing(), mailbox="nobody@example.test")
    assert [(step.step, step.ok) for step in result.steps[2:]] == [("mailbox", False)]
    assert "nobody@example.test" in result.steps[-1].status and "Check mailbox" in result.steps[-1].status


def test_a_missing_right_is_told_with_what_to_do(graph: GraphServer) -> None:
    graph.closed.add("desk@example.test")
    result = tried(graph, outgoing())
    assert [(step.step, step.ok) for step in result.steps[2:]] == [("mailbox", False)]
    assert "Mail.Send" in result.steps[-1].status


def test_a_sender_that_the_mailbox_may_not_use_is_told(graph: GraphServer) -> None:
    graph.refusals["it@example.test"] = 403, "ErrorSendAsDenied"
    result = tried(graph, outgoing(from_address="it@example.test"))
    assert [step.ok for step in result.steps[3:]] == [False, False]
    assert "give the account the right to send as from_address" in result.steps[3].status
