"""Testing an incoming server, on real mailboxes: each step's status in words, the mail shown, the mailbox unchanged."""

import socket
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from console.settings.apply import Change, event_id
from ingest.connectors import connector_for
from ingest.connectors.base import Mode
from ingest.server_test import run_server_test, server_tester
from mailserver.sasl import Credentials
from runtime import server_tests as server_trials
from runtime.processing.outcomes import Dead, FinalOutcome, Ok
from runtime.server_tests import STALE, ServerTestHandler, server_of
from schemas.servers import ServerTest, ServerTestResult
from schemas.settings import IncomingServer, OutgoingServer
from schemas.snapshot import SettingsSnapshot
from schemas.topics import SERVER_TESTS
from schemas.wire import Record, decode, encode
from tests.ingest.conftest import Script
from tests.ports import CLOSED_PORT

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
Try = Callable[..., ServerTestResult]


@pytest.fixture(params=["imap", "pop3"])
def protocol(request: pytest.FixtureRequest) -> str:
    protocol: str = request.param
    return protocol


@pytest.fixture
def trial(inbox: Any, incoming_server: Any, protocol: str) -> Try:
    """Tests the inbox by the protocol."""

    def run(marker: str = "", password: str | None = None, **settings: Any) -> ServerTestResult:
        port = getattr(inbox.dovecot, f"{protocol}_port")
        server = incoming_server(**{"protocol": protocol, "port": port, "username": inbox.address, **settings})
        account = Credentials(inbox.address, password or inbox.password)
        test = ServerTest(test_id="t1", marker=marker)
        return run_server_test(test, server, lambda server: connector_for(server, account, Mode(read_only=True)))

    return run


def failed_step(result: ServerTestResult) -> tuple[str, str]:
    assert not result.ok
    (failed,) = [step for step in result.steps if not step.ok]
    assert failed == result.steps[-1]
    return failed.step, failed.status


def everything(inbox: Any) -> list[tuple[str, bytes, list[str]]]:
    """Every mail as it lies there: its name, bytes and flags. Dovecot itself moves what is new from `new` to `cur`."""
    store = inbox.dovecot.directory / "mail" / inbox.address
    files = sorted(path for kind in ("new", "cur") for path in (store / kind).iterdir())
    flags = sorted(str(sorted(one)) for one in inbox.flags())
    return [(path.name.removesuffix(":2,"), path.read_bytes(), flags) for path in files]


def test_each_step_is_told_and_the_newest_mail_shown(inbox: Any, trial: Try, protocol: str) -> None:
    inbox.deliver("old")
    inbox.deliver("Drucker", sender="ursula@example.test", body="Er raucht.")
    result = trial()
    assert [(step.step, step.ok) for step in result.steps] == [
        ("connect", True), ("log in", True), ("open mailbox", True), ("newest mail", True),
    ]  # fmt: skip
    told = " ".join(step.status for step in result.steps)
    for part in ("127.0.0.1", "not encrypted", inbox.address, "standard", "2 messages are there", "received"):
        assert part in told
    assert (result.sender, result.subject) == ("ursula@example.test", "Drucker")
    assert result.message == "Er raucht."
    assert inbox.password not in result.model_dump_json()


def test_the_mailbox_is_not_changed(inbox: Any, trial: Try) -> None:
    for subject in ("1", "2", "3"):
        inbox.deliver(subject)
    before = everything(inbox)
    assert len(before) == 3
    for after_fetch in ("seen", "delete"):
        assert trial(after_fetch=after_fetch).ok
        assert trial("2", after_fetch=after_fetch).subject == "2"
    assert everything(inbox) == before


def test_a_mail_with_the_marker_is_found_behind_newer_ones(inbox: Any, trial: Try) -> None:
    for subject in ("Test 4711", "newer", "newest"):
        inbox.deliver(subject)
    assert trial("test 4711").subject == "Test 4711"


def test_a_mail_with_the_marker_that_does_not_come_is_told(inbox: Any, trial: Try) -> None:
    inbox.deliver("another")
    step, status = failed_step(trial("4711"))
    assert (step, "'4711'" in status) == ("newest mail", True)


def test_an_empty_mailbox_is_told(trial: Try) -> None:
    result = trial()
    assert result.ok
    assert "empty" in result.steps[-1].status


def test_how_the_connection_is_protected_is_told(inbox: Any, trial: Try, protocol: str) -> None:
    port = getattr(inbox.dovecot, f"{protocol}s_port")
    authority = str(inbox.dovecot.authority)
    result = trial(security="tls", host="localhost", port=port, ca_file=authority)
    assert "TLS 1.3" in result.steps[0].status


def test_what_fails_is_the_last_step_and_says_why(trial: Try) -> None:
    assert failed_step(trial(port=CLOSED_PORT))[0] == "connect"
    step, status = failed_step(trial(password="not-this-one"))
    assert (step, "Authentication failed" in status, "not-this-one" in status) == ("log in", True, False)


def test_a_folder_that_is_not_there_is_told(inbox: Any, trial: Try, protocol: str) -> None:
    if protocol == "imap":
        assert failed_step(trial(folder="Absent"))[0] == "open mailbox"
        assert failed_step(trial(after_fetch="move", move_to="Absent"))[0] == "open mailbox"


def test_a_server_that_says_nothing_is_given_up(
    serve: Callable[[Script], int], incoming_server: Any, protocol: str
) -> None:
    silent = threading.Event()

    def say_nothing(_client: socket.socket) -> None:
        silent.wait(20)

    port = serve(say_nothing)
    account = Credentials("desk", "pw")
    server = incoming_server(protocol=protocol, port=port, timeout_seconds=0.3)
    result = run_server_test(ServerTest(test_id="t1"), server, lambda server: connector_for(server, account))
    silent.set()
    assert failed_step(result)[0] == "connect"
    assert "0.3 seconds" in failed_step(result)[1]


def test_a_folder_of_files_is_tested_as_well(tmp_path: Path, incoming_server: Any) -> None:
    (tmp_path / "one.eml").write_bytes(b"From: a@x.test\r\nSubject: one\r\n\r\nhello\r\n")
    server = IncomingServer(
        id="f", protocol="folder", path=str(tmp_path), call_template="it", default_logging_analyst="anna"
    )
    result = run_server_test(
        ServerTest(test_id="t1"), server, lambda server: connector_for(server, Credentials(""), Mode(read_only=True))
    )
    assert (result.ok, result.subject, len(list(tmp_path.iterdir()))) == (True, "one", 1)


# ---- the handler ----


def handled(tests: list[ServerTest], *settings: Any, asked: datetime = NOW) -> list[FinalOutcome]:
    changes = [(f"{one.kind}/{one.id}", one, number) for number, one in enumerate(settings)]
    snapshot = SettingsSnapshot().with_changes(changes)
    account = Credentials("desk", "pw")
    handler = ServerTestHandler(server_tester(partial(_connect, account)), lambda: snapshot, lambda: NOW)
    messages = [encode(SERVER_TESTS, one.test_id, one, id=one.test_id, source="/test", time=asked) for one in tests]
    try:
        return list(handler.handle([Record("t", 0, n, b"", m.value, m.headers) for n, m in enumerate(messages)]))
    finally:
        handler.close()


def _connect(account: Credentials, server: IncomingServer) -> Any:
    return connector_for(server, account, Mode(read_only=True))


def _never(_server: IncomingServer) -> Any:
    pytest.fail("nothing to try")


def _test(server: IncomingServer, server_id: str | None = None) -> ServerTest:
    return ServerTest(test_id="t", server_id=server_id, server=server)


def results(outcomes: list[FinalOutcome]) -> list[ServerTestResult]:
    messages = [message for outcome in outcomes if isinstance(outcome, Ok) for message in outcome.outputs]
    return [decode(m.topic, Record("t", 0, 0, b"", m.value, m.headers))[1] for m in messages]


def test_each_test_is_answered_under_its_id(incoming_server: Any) -> None:
    tests = [ServerTest(test_id=f"t{n}", server=incoming_server(port=CLOSED_PORT)) for n in range(10)]
    answered = results(handled(tests))
    assert [result.test_id for result in answered] == [test.test_id for test in tests]
    assert {result.steps[0].step for result in answered} == {"connect"}


def test_a_server_that_is_not_known_is_told() -> None:
    (result,) = results(handled([ServerTest(test_id="t1", server_id="gone")]))
    assert not result.ok
    assert "'gone'" in result.steps[0].status


@pytest.mark.parametrize("by_id", [True, False])
def test_outgoing_servers_are_left_to_outbound(by_id: bool) -> None:
    server = OutgoingServer(id="out", from_address="a@x.test")
    test = ServerTest(test_id="t1", server_id="out") if by_id else ServerTest(test_id="t1", server=server)
    assert handled([test], server) == [Ok()]


def test_a_test_that_nobody_waits_for_any_more_is_passed_over(incoming_server: Any) -> None:
    test = ServerTest(test_id="t1", server=incoming_server())
    assert handled([test], asked=NOW - STALE - timedelta(seconds=1)) == [Ok()]


def test_a_record_that_is_no_test_is_a_dead_letter() -> None:
    handler = ServerTestHandler(server_tester(_never), SettingsSnapshot, lambda: NOW)
    (outcome,) = handler.handle([Record("t", 0, 0, b"", b"{}", [])])
    assert isinstance(outcome, Dead)
    handler.close()


def test_an_unsaved_server_takes_the_stored_secrets_where_it_has_none(incoming_server: Any) -> None:
    stored = incoming_server(id="it", password={"env": "STORED"})
    snapshot = SettingsSnapshot().with_changes([("incoming-server/it", stored, 1)])
    bare = incoming_server(id="it", poll_seconds=7, password=None)
    own = incoming_server(id="it", host="other.test", password={"env": "OWN"})
    taken = [server_of(_test(one, "it"), server_tester(_never), snapshot) for one in (bare, own)]
    assert [(one.poll_seconds, one.password.env) for one in taken if one and one.password] == [
        (7, "STORED"), (60, "OWN"),
    ]  # fmt: skip
    assert server_of(_test(bare), server_tester(_never), snapshot) == bare


@pytest.mark.parametrize(
    "elsewhere",
    [
        {"host": "evil.test"},
        {"port": 1},
        {"security": "none"},
        {"username": "other@x.test"},
        {"ca_file": "/tmp/own.pem"},
        {"allow_password_in_clear": True},
    ],
    ids=lambda elsewhere: next(iter(elsewhere)),
)
def test_a_stored_secret_is_not_lent_to_another_server(incoming_server: Any, elsewhere: dict[str, Any]) -> None:
    stored = incoming_server(id="it", password={"env": "STORED"}, security="tls")
    snapshot = SettingsSnapshot().with_changes([("incoming-server/it", stored, 1)])
    bare = stored.model_copy(update={"password": None})
    tried = bare.model_validate({**bare.model_dump(), **elsewhere})

    taken = server_of(_test(tried, "it"), server_tester(_never), snapshot)

    assert taken is not None and taken.password is None
    assert taken == tried
    assert server_of(_test(bare, "it"), server_tester(_never), snapshot) == stored


def test_what_was_tested_is_told_by_the_id_that_its_record_has_once_saved(incoming_server: Any) -> None:
    server = incoming_server(port=CLOSED_PORT)
    key = f"incoming-server/{server.id}"
    (result,) = results(handled([ServerTest(test_id="t1", server=server)]))
    saved = Change(key, "new", None, server)
    assert (result.server, result.tested) == (key, event_id(saved))


def test_a_test_that_takes_too_long_says_that_we_broke_it_off(
    incoming_server: Any, protocol: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server takes the connection, and says nothing: nobody is told that it broke anything off."""
    monkeypatch.setattr(server_trials, "TEST_SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        server = incoming_server(protocol=protocol, port=silent.getsockname()[1], username="a")
        account = Credentials("a", "b")
        look = Mode(read_only=True)
        result = run_server_test(ServerTest(test_id="t1"), server, lambda server: connector_for(server, account, look))
    assert "broken off by us" in failed_step(result)[1]
