"""Testing an outgoing server that wants a log-in, on Dovecot's submission."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from mailserver.connection import Protocol
from outbound.server_test import run_server_test
from schemas.servers import ServerTest, ServerTestResult
from schemas.settings import Authentication, OutgoingServer, Security
from tests.matrix.conftest import PASSWORD, Way, accounts

MakeWay = Callable[[Protocol, Security, Authentication], Way]


def tried(one: Way) -> ServerTestResult:
    server = one.server()
    assert isinstance(server, OutgoingServer)
    test = ServerTest(test_id="t1", to=("a@example.test",))
    return run_server_test(test, server, accounts().credentials, datetime.now(UTC))


@pytest.mark.parametrize("security", Security)
def test_protection_and_log_in_are_told(way: MakeWay, security: Security) -> None:
    one = way("smtp", security, Authentication.SASL_CRAM_MD5)
    result = tried(one)
    assert result.ok, result
    connect, log_in, sent = result.steps
    assert ("TLS 1." in connect.status) == (security is not Security.NONE)
    assert log_in.status == f"logged in as {one.mailbox} by CRAM-MD5"
    assert "250" in sent.status


def test_a_wrong_password_is_told_and_never_shown(way: MakeWay, monkeypatch: pytest.MonkeyPatch) -> None:
    one = way("smtp", Security.TLS, Authentication.SASL_PLAIN)
    monkeypatch.setenv(PASSWORD, "not-this-one")
    result = tried(one)
    assert [(step.step, step.ok) for step in result.steps] == [("connect", True), ("log in", False)]
    assert "not-this-one" not in result.model_dump_json()
