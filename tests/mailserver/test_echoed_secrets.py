"""A server repeats the password that it was sent: no log, no status, no result of a test and no error shows it."""

import json
import logging
import re
import socket
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from io import StringIO
from typing import Any, BinaryIO

import pytest

from console.cli import _fail
from ingest.connectors import connector_for
from ingest.connectors.base import Mode, open_mailbox
from ingest.server_test import server_tester as incoming_trials
from ingest.status import StatusTracker, state_after
from mailserver.credentials import CredentialProvider
from mailserver.errors import MailServerError
from mailserver.oauth import StoredTokens, Tokens
from mailserver.sasl import Credentials
from outbound.server_availability import CircuitBreakers
from outbound.server_test import server_tester as outgoing_trials
from outbound.transports.smtp import SmtpTransport
from runtime.processing.dead_letters import dead_letter
from runtime.processing.outcomes import Dead, Ok
from runtime.security.redaction import HIDDEN, remember
from runtime.server_tests import ServerTester, ServerTestHandler
from runtime.telemetry.health import Health
from runtime.telemetry.logs import JsonLine, get_logger
from schemas.reasons import Reason
from schemas.servers import ServerTest, ServerTestResult
from schemas.settings import IncomingServer, OutgoingServer
from schemas.snapshot import SettingsSnapshot
from schemas.topics import SERVER_TESTS
from schemas.wire import Record, encode
from tests.mailserver.echoing import imap, listening, pop3, smtp, token_endpoint
from tests.mailserver.memory_store import Keys, MemoryStore

NOW = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)
PASSWORD = "Echo-4711 \"&\\w\N{LATIN SMALL LETTER O WITH DIAERESIS}rd'"
ASCII_PASSWORD = "Echo-4711 \"&\\word'"
ACCESS_TOKEN = "ya29.Echo_" + "".join(f"{n * 7919:x}" for n in range(40))
MARKS = ("4711", "ya29.Echo", "NDcxM", "Q3MT", "0NzEx", "6cNDw")  # of the secrets in clear and in base64
TALKS: Mapping[str, Callable[[socket.socket, BinaryIO], None]] = {"imap": imap, "pop3": pop3, "smtp": smtp}
METHODS = [
    (protocol, method)
    for protocol in TALKS
    for method in ("standard", "sasl-plain", "sasl-login", "sasl-xoauth2", "sasl-oauthbearer")
    if (protocol, method) != ("smtp", "standard")
]


class KeptStore(MemoryStore):
    """Has a token for every account, as if another process had got it."""

    def load(self, account: str) -> StoredTokens | None:  # noqa: ARG002 - for every account
        return StoredTokens(ACCESS_TOKEN, 0, 1e12)


@pytest.fixture
def accounts(monkeypatch: pytest.MonkeyPatch) -> CredentialProvider:
    monkeypatch.setenv("ECHO_PASSWORD", PASSWORD)
    monkeypatch.setenv("ECHO_ASCII_PASSWORD", ASCII_PASSWORD)
    return CredentialProvider(Keys(), Tokens(Keys(), KeptStore()))


def server_of(protocol: str, port: int, method: str, **more: Any) -> Any:
    values: dict[str, Any] = {
        "id": "echo", "host": "127.0.0.1", "port": port, "security": "none", "username": "desk@desk.example",
        "authentication": method, "timeout_seconds": 10, **more,
    }  # fmt: skip
    if method in ("sasl-xoauth2", "sasl-oauthbearer"):
        endpoint = {"token_url": "http://127.0.0.1:1/", "client_id": "c", "client_secret": {"env": "ECHO_PASSWORD"}}
        values = {"oauth": endpoint, **values}
    else:  # LOGIN takes ASCII alone
        values["password"] = {"env": "ECHO_ASCII_PASSWORD" if method == "standard" else "ECHO_PASSWORD"}
    if protocol == "smtp":
        return OutgoingServer.model_validate({"from_address": "desk@desk.example", **values})
    needed = {"call_template": "it", "default_logging_analyst": "anna"}
    return IncomingServer.model_validate({"protocol": protocol, **needed, **values})


def failure(server: Any, accounts: CredentialProvider) -> MailServerError:
    """What the process learns when it tries to log in."""
    with pytest.raises(MailServerError) as caught:
        account = accounts.credentials(server)
        if isinstance(server, OutgoingServer):
            SmtpTransport(server, lambda _: account).open()
        else:
            open_mailbox(connector_for(server, account))
    return caught.value


def logged(error: Exception) -> str:
    """A log line with the error as text and as itself, and the traceback of all that it came from."""
    line = StringIO()
    handler = logging.StreamHandler(line)
    handler.setFormatter(JsonLine("test"))
    logging.getLogger(__name__).addHandler(handler)
    try:
        get_logger(__name__).error("x", exc_info=error, why=error)
    finally:
        logging.getLogger(__name__).removeHandler(handler)
    return line.getvalue()


def status(server: Any, error: MailServerError) -> str:
    if isinstance(server, OutgoingServer):
        states = CircuitBreakers()
        states.failed(server, error, NOW)
        (told,) = states.take_changes()
        return told.model_dump_json()
    _, told_or_none = StatusTracker(server.id).moved(state_after(error), NOW, error=error)
    assert told_or_none is not None
    return told_or_none.model_dump_json()


def test_result(server: Any, accounts: CredentialProvider) -> str:
    """The record on `server.test-results`, as `mailcall servers test` asks for it."""
    trials: ServerTester[Any]
    if isinstance(server, OutgoingServer):
        trials = outgoing_trials(accounts.credentials, lambda: NOW)
    else:
        look = Mode(read_only=True)
        trials = incoming_trials(lambda server: connector_for(server, accounts.credentials(server), look))
    handler: ServerTestHandler[Any] = ServerTestHandler(trials, lambda: SettingsSnapshot(), lambda: NOW)
    asked = encode(SERVER_TESTS, "t1", ServerTest(test_id="t1", server=server), id="t1", source="/x", time=NOW)
    (outcome,) = handler.handle([Record("t", 0, 0, b"t1", asked.value, asked.headers)])
    handler.close()
    assert isinstance(outcome, Ok)
    (message,) = outcome.outputs
    value = (message.value or b"").decode()
    assert json.loads(value)["ok"] is False
    return value


test_result.__test__ = False  # type: ignore[attr-defined]


def dlq(text: str) -> str:
    dead = Dead(Reason.HANDLER_FAILED, text)
    letter = dead_letter(Record("t", 0, 0, b"k", b"v"), SERVER_TESTS, dead, "stage", "p", NOW)
    return str(dict(letter.headers)["dlq-error-message"])


def assert_hidden(told: str) -> None:
    assert HIDDEN in told
    for mark in MARKS:
        assert mark not in told
    assert not re.search(r"(?i)echo-47|%22%26", told)


@pytest.mark.parametrize(("protocol", "method"), METHODS)
def test_a_password_that_a_server_repeats_is_told_nowhere(
    protocol: str, method: str, accounts: CredentialProvider
) -> None:
    with listening(TALKS[protocol]) as port:
        server = server_of(protocol, port, method)
        error = failure(server, accounts)
        told = [error.text, str(error), logged(error), status(server, error), test_result(server, accounts)]
    assert "no" in error.text
    assert error.reason is Reason.AUTHENTICATION_REFUSED
    for one in told:
        assert_hidden(one)


def test_an_endpoint_that_repeats_the_secrets_of_the_application_tells_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ECHO_PASSWORD", PASSWORD)
    monkeypatch.setenv("ECHO_REFRESH", "1//Echo-4711-" + "x9Y" * 40)
    accounts = CredentialProvider(Keys(), Tokens(Keys(), MemoryStore()))
    with token_endpoint() as url:
        endpoint = {
            "client_id": "c",
            "client_secret": {"env": "ECHO_PASSWORD"},
            "refresh_token": {"env": "ECHO_REFRESH"},
        }
        server = server_of("imap", 1, "sasl-xoauth2", oauth={"token_url": url, **endpoint})
        error = failure(server, accounts)
    assert "invalid_client" in error.text
    for one in (error.text, logged(error), status(server, error)):
        assert_hidden(one)
        assert "x9Yx9Y" not in one


def test_what_a_server_says_later_hides_the_password_too(accounts: CredentialProvider) -> None:
    """Any error, of any step: whoever knows the password may put it into all that it says."""
    said = f"it was {ASCII_PASSWORD}".encode()

    def talk(client: socket.socket, lines: BinaryIO) -> None:
        client.sendall(b"* OK ready\r\n")
        for line in lines:
            tag, command = line.split()[:2]
            first = b"* CAPABILITY IMAP4rev1\r\n" if command == b"CAPABILITY" else b""
            refuses = command in (b"SELECT", b"EXAMINE")
            client.sendall(first + tag + (b" NO " + said if refuses else b" OK done") + b"\r\n")

    with listening(talk) as port:
        server = server_of("imap", port, "standard")
        error = failure(server, accounts)
    assert error.reason is Reason.FOLDER_REFUSED
    for one in (error.text, logged(error), status(server, error), dlq(f"the server said: {said.decode()}")):
        assert_hidden(one)


def test_a_password_offered_as_a_mechanism_is_not_told(accounts: CredentialProvider) -> None:
    def talk(client: socket.socket, lines: BinaryIO) -> None:
        client.sendall(b"* OK ready\r\n")
        for line in lines:
            client.sendall(b"* CAPABILITY IMAP4rev1 AUTH=ECHO-4711-WORD\r\n%s OK done\r\n" % line.split()[0])

    with pytest.MonkeyPatch.context() as patch, listening(talk) as port:
        patch.setenv("ECHO_PASSWORD", "Echo-4711-word")
        error = failure(server_of("imap", port, "sasl-plain"), accounts)
    assert "does not offer PLAIN" in error.text
    assert_hidden(error.text)


def test_a_reply_about_a_recipient_and_a_password_that_is_a_word_are_hidden_in_the_servers_words() -> None:
    remember("Echo-4711-word")
    remember("sesame")

    def talk(client: socket.socket, lines: BinaryIO) -> None:
        client.sendall(b"220 ready\r\n")
        for line in lines:
            refused = b"550 5.1.1 not with Echo-4711-word or sesame" if line[:4] == b"RCPT" else b"250 ok"
            client.sendall(refused + b"\r\n")

    with listening(talk) as port:
        transport = SmtpTransport(server_of("smtp", port, "none", password=None), lambda _: Credentials(""))
        (verdict,) = transport.send("desk@desk.example", ("u@example.org",), b"Subject: x\r\n\r\nx\r\n").values()
        transport.close()
    assert verdict.reply == f"550 5.1.1 not with {HIDDEN} or {HIDDEN}"


def test_each_border_hides_what_came_to_it_in_clear(capsys: pytest.CaptureFixture[str]) -> None:
    remember(PASSWORD)
    said = f"it was {PASSWORD}"
    assert_hidden(MailServerError(Reason.SERVER_UNREACHABLE, said, temporary=True).text)
    health = Health()
    health.ready("broker", False, said)
    assert_hidden(health.not_ready()["broker"])
    with pytest.raises(SystemExit):
        _fail(said, 1)
    assert_hidden(capsys.readouterr().err)
    told = ServerTestResult.model_validate(
        {"test_id": "t1", "ok": False, "steps": [{"step": "log in", "ok": False, "status": said}]}
    )
    trials: ServerTester[Any] = ServerTester(
        "x-tests", IncomingServer, SettingsSnapshot.incoming_server, lambda *_: told
    )
    handler: ServerTestHandler[Any] = ServerTestHandler(trials, lambda: SettingsSnapshot(), lambda: NOW)
    server = server_of("imap", 1, "standard")
    asked = encode(SERVER_TESTS, "t1", ServerTest(test_id="t1", server=server), id="t1", source="/x", time=NOW)
    (outcome,) = handler.handle([Record("t", 0, 0, b"t1", asked.value, asked.headers)])
    handler.close()
    assert isinstance(outcome, Ok)
    assert_hidden((outcome.outputs[0].value or b"").decode())
