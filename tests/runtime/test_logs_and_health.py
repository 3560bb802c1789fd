"""Logs tell no secret; /livez looks at own progress only, /readyz says what is waited for."""

import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.client import RemoteDisconnected
from unittest.mock import Mock

import pytest

from runtime.telemetry.health import STEP_SECONDS, Health, HealthServer, _Handler
from runtime.telemetry.logs import redact
from runtime.telemetry.metrics import PUBLISHED

LOGGING_PROGRAM = """
import logging
from runtime.telemetry.logs import configure, get_logger
configure("ingest", "info")
get_logger("here").info("fetched", mail_id="ab", trace_id="cd", password="hunter2")
get_logger("here").debug("not logged")
logging.getLogger("library").warning("cannot open %s", "postgresql://desk:hunter2@db/x")
try:
    raise ValueError("amqp://u:hunter2@h")
except ValueError:
    get_logger("here").exception("failed")
"""


def test_logs_are_json_lines_without_secrets() -> None:
    done = subprocess.run([sys.executable, "-c", LOGGING_PROGRAM], capture_output=True, text=True, check=True)
    assert done.stdout == ""
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert [line["event"] for line in lines] == ["fetched", "cannot open postgresql://desk:***@db/x", "failed"]
    assert lines[0] | {"mail_id": "ab", "trace_id": "cd", "process": "ingest", "level": "info"} == lines[0]
    assert "ValueError" in lines[2]["exception"]
    assert "hunter2" not in done.stderr


def test_redaction_reaches_every_depth() -> None:
    event = redact({"a": {"api_token": "x", "b": ["smtp://u:p@h", {"Password": "y"}]}, "count": 3})
    assert event == {"a": {"api_token": "***", "b": ["smtp://u:***@h", {"Password": "***"}]}, "count": 3}


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def health(clock: Clock) -> Health:
    return Health(stall_seconds=10, clock=clock)


@pytest.fixture
def server(health: Health) -> Iterator[HealthServer]:
    server = HealthServer(health, "127.0.0.1", 0).start()
    yield server
    server.close()


def get(server: HealthServer, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://{server.host}:{server.port}{path}", timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_readyz_says_what_is_waited_for(server: HealthServer, health: Health) -> None:
    assert get(server, "/readyz")[0] == 503
    health.ready("assignment", True)
    health.ready("database", False, "the database does not answer")
    status, body = get(server, "/readyz")
    assert (status, json.loads(body)["waiting_for"]) == (503, {"database": "the database does not answer"})
    health.ready("database", True)
    assert get(server, "/readyz")[0] == 200


def test_livez_fails_when_nothing_moves_and_only_then(server: HealthServer, health: Health, clock: Clock) -> None:
    health.ready("broker", False, "away")
    clock.now = 9
    assert get(server, "/livez")[0] == 200
    clock.now = 11
    status, body = get(server, "/livez")
    assert (status, json.loads(body)) == (503, {"live": False, "idle_seconds": 11})
    health.progress()
    assert get(server, "/livez")[0] == 200


@pytest.mark.parametrize(("error", "is_logged"), [(BrokenPipeError("left"), False), (ValueError("a fault"), True)])
def test_a_prober_that_left_is_no_fault_and_nothing_is_printed(
    server: HealthServer,
    error: Exception,
    is_logged: bool,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(_Handler, "_livez", Mock(side_effect=error))
    with pytest.raises(RemoteDisconnected):
        get(server, "/livez")
    assert ("a request for health or metrics failed" in caplog.text) == is_logged
    assert capfd.readouterr().err == ""
    assert get(server, "/metrics")[0] == 200


def test_a_step_that_does_not_end_is_neither_ready_nor_alive(
    server: HealthServer, health: Health, clock: Clock
) -> None:
    health.ready("assignment", True)
    with health.step("incoming server it"):
        clock.now = STEP_SECONDS + 1
        health.progress()  # the main loop goes on
        status, body = get(server, "/readyz")
        assert (status, list(json.loads(body)["waiting_for"])) == (503, ["incoming server it"])
        assert get(server, "/livez")[0] == 503
    assert get(server, "/readyz")[0] == get(server, "/livez")[0] == 200


def test_metrics_are_served_with_their_meaning(server: HealthServer) -> None:
    PUBLISHED.labels("mail.fetched.v1").inc()
    status, body = get(server, "/metrics?x=1")
    assert status == 200
    assert 'mailcall_published_records_total{topic="mail.fetched.v1"}' in body
    assert "# HELP mailcall_lag_records " in body


def test_another_path_names_those_there_are(server: HealthServer) -> None:
    status, body = get(server, "/")
    assert (status, json.loads(body)) == (404, {"paths": ["/metrics", "/livez", "/readyz"]})
