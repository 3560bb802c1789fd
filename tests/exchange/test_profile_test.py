"""Testing a MAPI profile's log-in alone, with a mailbox to open and without one; mailboxes are left as they are."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ingest import server_test as incoming_trial
from ingest.profile_test import run_profile_test
from mailserver.exchange.account import ExchangeAccount
from mailserver.logins import Logins
from outbound import server_test as outgoing_trial
from runtime.processing.outcomes import Ok
from runtime.server_tests import RESPONSE_SECONDS, ServerTester, ServerTestHandler
from schemas.servers import ServerTest, ServerTestResult
from schemas.settings import MapiProfile
from schemas.snapshot import SettingsSnapshot
from schemas.topics import SERVER_TESTS
from schemas.wire import Record, decode, encode
from tests.exchange import ews_accounts, graph_server
from tests.exchange.authority import SECRET, Authority, running
from tests.exchange.ews_server import EwsServer
from tests.exchange.graph_server import GraphServer
from tests.mailserver.memory_store import Keys, MemoryStore

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
DESK = "desk@example.test"


@pytest.fixture
def graph() -> Iterator[GraphServer]:
    with GraphServer([DESK]).running() as server:
        yield server


@pytest.fixture
def ews() -> Iterator[EwsServer]:
    with EwsServer() as server:
        server.account(DESK)
        yield server


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Authority]:
    monkeypatch.setenv("APPLICATION_SECRET", SECRET)
    with running(tmp_path) as found:
        yield found


def tried(account: ExchangeAccount) -> ServerTestResult:
    """The account's profile, and its mailbox."""
    test = ServerTest(test_id="t1", profile=account.profile, mailbox=account.mailbox)
    return run_profile_test(test, account.profile, lambda _profile, _mailbox: account)


def steps(result: ServerTestResult) -> list[tuple[str, bool]]:
    return [(one.step, one.ok) for one in result.steps]


def test_by_graph_a_mailbox_is_opened_and_left_as_it_is(graph: GraphServer) -> None:
    result = tried(graph_server.account_of(graph))
    assert (result.ok, steps(result)) == (True, [("connect", True), ("log in", True), ("open mailbox", True)])
    assert DESK in result.steps[-1].status
    assert graph.requests and all(request.startswith("GET ") for request in graph.requests)


def test_a_mailbox_that_the_application_may_not_open_is_told_at_its_step(graph: GraphServer) -> None:
    graph.closed.add(DESK)
    result = tried(graph_server.account_of(graph))
    assert (result.ok, steps(result)[-1]) == (False, ("open mailbox", False))
    assert "Mail.ReadWrite" in result.steps[-1].status


def test_by_ews_a_mailbox_is_opened_and_a_wrong_password_told(ews: EwsServer) -> None:
    result = tried(ews_accounts.account_of(ews))
    assert (result.ok, steps(result)) == (True, [("connect", True), ("log in", True), ("open mailbox", True)])
    assert set(ews.requests) == {"GetFolder"}
    wrong = tried(ews_accounts.account_of(ews, password="wrong"))
    assert steps(wrong) == [("connect", True), ("log in", False)]
    assert "Check username" in wrong.steps[-1].status


def test_ews_without_a_mailbox_is_told_what_is_missing(ews: EwsServer) -> None:
    result = tried(replace(ews_accounts.account_of(ews), mailbox=""))
    assert steps(result) == [("account", False)]
    assert "give the address of one" in result.steps[0].status
    assert not ews.requests


def test_a_secret_is_proved_without_a_mailbox_and_nothing_is_kept_of_it(
    authority: Authority, graph: GraphServer
) -> None:
    logins = Logins(Keys(), MemoryStore(), SettingsSnapshot)
    fields = authority.profile(client_secret={"env": "APPLICATION_SECRET"}, graph_url=graph.url)
    profile = MapiProfile.model_validate(fields)
    for asked in (1, 2):  # each with a token of its own
        result = run_profile_test(ServerTest(test_id="t1"), profile, logins.account_for_test)
        assert (result.ok, len(authority.asked)) == (True, asked), result.steps
    assert steps(result) == [("connect", True), ("log in", True), ("open mailbox", True)]
    assert "a token" in result.steps[1].status and "none was given" in result.steps[2].status
    authority.secret = "another"
    refused = run_profile_test(ServerTest(test_id="t1"), profile, logins.account_for_test)
    assert steps(refused) == [("connect", True), ("log in", False)]
    assert "the secret is wrong" in refused.steps[-1].status and SECRET not in str(refused)


# ---- who answers ----


def handled(trials: ServerTester[Any], test: ServerTest) -> list[ServerTestResult]:
    handler = ServerTestHandler(trials, SettingsSnapshot, lambda: NOW)
    message = encode(SERVER_TESTS, test.test_id, test, id=test.test_id, source="/test", time=NOW)
    try:
        (outcome,) = handler.handle([Record("t", 0, 0, b"", message.value, message.headers)])
    finally:
        handler.close()
    assert isinstance(outcome, Ok)
    return [decode(one.topic, Record("t", 0, 0, b"", one.value, one.headers))[1] for one in outcome.outputs]


def test_ingest_answers_and_outbound_does_not(graph: GraphServer) -> None:
    account = graph_server.account_of(graph)
    test = ServerTest(test_id="t1", profile=account.profile.model_copy(update={"timeout_seconds": 600}), mailbox=DESK)
    seen: list[MapiProfile] = []

    def by(profile: MapiProfile, _mailbox: str) -> ExchangeAccount:
        seen.append(profile)
        return account

    def ours(test: ServerTest, profile: MapiProfile) -> ServerTestResult:
        return run_profile_test(test, profile, by)

    (result,) = handled(incoming_trial.server_tester(_never, ours), test)
    assert (result.test_id, result.ok) == ("t1", True)
    assert seen[0].timeout_seconds == RESPONSE_SECONDS
    assert handled(outgoing_trial.server_tester(_never, lambda: NOW), test) == []


def _never(_server: Any) -> Any:
    pytest.fail("no server is asked about")
