"""Testing servers that are reached by Exchange Web Services, as administrators do: mailboxes are only looked at."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from ingest import server_test as incoming_trial
from ingest.connectors.base import Mode
from ingest.connectors.ews import EwsConnector
from outbound import server_test as outgoing_trial
from schemas.servers import ServerTest, ServerTestResult
from schemas.settings import IncomingServer, OutgoingServer
from tests.exchange.ews_accounts import ADDRESS, account_of
from tests.exchange.ews_server import EwsServer

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
INCOMING = IncomingServer.model_validate(
    {
        "id": "it", "protocol": "mapi", "profile": "exchange", "mailbox": ADDRESS, "after_fetch": "delete",
        "call_template": "it", "default_logging_analyst": "anna",
    }
)  # fmt: skip


@pytest.fixture
def ews() -> Iterator[EwsServer]:
    with EwsServer() as server:
        server.account(ADDRESS)
        yield server


def received(ews: EwsServer, marker: str = "") -> ServerTestResult:
    test = ServerTest(test_id="t1", marker=marker)
    return incoming_trial.run_server_test(
        test, INCOMING, lambda server: EwsConnector(server, account_of(ews), Mode(read_only=True))
    )


def sent(ews: EwsServer, *, save_sent: bool = True, from_address: str = ADDRESS) -> ServerTestResult:
    server = OutgoingServer(
        id="out", protocol="mapi", profile="exchange", mailbox=ADDRESS, host="-", security="none",
        from_address=from_address, save_sent=save_sent,
    )  # fmt: skip
    test = ServerTest(test_id="t1", to=("to@example.com",), bcc=("blind@example.com",), message="Did it arrive?")
    return outgoing_trial.run_server_test(test, server, lambda _: account_of(ews), NOW)


def test_the_newest_mail_is_shown_and_left_as_it_is(ews: EwsServer) -> None:
    box = ews.store.mailbox(ADDRESS)
    item = box.deliver(b"From: ann@example.com\r\nSubject: Printer\r\n\r\nIt burns.\r\n")
    result = received(ews)
    assert [(one.step, one.ok) for one in result.steps] == [
        (name, True) for name in ("connect", "log in", "open mailbox", "newest mail")
    ]
    assert "1 message is there" in result.steps[2].status
    assert (result.sender, result.subject, result.message) == ("ann@example.com", "Printer", "It burns.")
    assert (list(box.by_name["inbox"].items.values()), item.is_read) == ([item], False)
    assert not {"UpdateItem", "MoveItem", "DeleteItem"} & set(ews.requests)


def test_a_step_that_fails_is_told_with_what_to_do(ews: EwsServer) -> None:
    ews.fail("FindItem", code="ErrorServerBusy")
    result = received(ews)
    assert [one.ok for one in result.steps] == [True, True, True, False]
    assert "left alone" in result.steps[-1].status
    ews.users.clear()
    result = received(ews)
    assert [(one.step, one.ok) for one in result.steps] == [("connect", True), ("log in", False)]
    assert "Check username" in result.steps[-1].status


@pytest.mark.parametrize(
    ("save_sent", "words"), [(True, "Sent Items of desk@example.test"), (False, "no copy is kept")]
)
def test_a_mail_is_sent_and_each_step_told(save_sent: bool, words: str, ews: EwsServer) -> None:
    result = sent(ews, save_sent=save_sent)
    assert [(one.step, one.ok) for one in result.steps] == [
        (name, True)
        for name in ("connect", "log in", "mailbox", "send to to@example.com", "send to blind@example.com", "copy")
    ]
    assert words in result.steps[-1].status
    (mail,) = ews.store.sent
    assert set(mail.recipients) == {"to@example.com", "blind@example.com"}
    assert b"blind" not in mail.raw


def test_a_sender_that_the_mailbox_may_not_use_is_told(ews: EwsServer) -> None:
    result = sent(ews, from_address="it@example.test")
    assert [one.ok for one in result.steps[3:]] == [False, False]
    assert "give the account the right to send as from_address" in result.steps[3].status
