"""A process from start to exit: signals, exit codes, health on the way."""

import json
import os
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.error import HTTPError

import pytest

from deploy.local.ports import wait_until
from runtime.lifecycle import StopProcess, beside
from runtime.version import VERSION

PROGRAM = """
import sys, threading
from runtime.config import ProcessConfig
from deploy.local.ports import wait_until
from runtime.lifecycle import StopProcess, run

def main(config, stop, health):
    health.ready("broker", True)
    assert health.not_ready() == {{"assignment": "no partitions yet"}}
    health.ready("assignment", True)
    {body}

sys.exit(run("test", ProcessConfig, main))
"""


def status(address: str) -> int:
    """What a probe is answered."""
    try:
        with urllib.request.urlopen(address, timeout=30) as answer:
            return int(answer.status)
    except HTTPError as error:
        return error.code


@contextmanager
def process(body: str, **settings: str) -> "Iterator[subprocess.Popen[str]]":
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAILCALL_")}
    environment |= {f"MAILCALL_{name.upper()}": value for name, value in settings.items()}
    command = [sys.executable, "-c", PROGRAM.format(body=body)]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as started:
        try:
            yield started
        finally:
            started.kill()


def log_lines(started: "subprocess.Popen[str]") -> Iterator[dict[str, str]]:
    assert started.stderr
    return (json.loads(line) for line in started.stderr)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_process_in_order(number: signal.Signals) -> None:
    with process("stop.wait()") as started:
        lines = log_lines(started)
        address = next(line["address"] for line in lines if "address" in line)
        next(line for line in lines if line["event"] == "started")
        assert wait_until(lambda: status(f"{address}/readyz") == 200, 10)  # `main` says so after "started" is logged
        started.send_signal(number)
        assert [line["event"] for line in lines] == ["done"]
        assert started.wait(10) == 0


def test_metrics_say_which_release_it_is() -> None:
    with process("stop.wait()") as started:
        address = next(line["address"] for line in log_lines(started) if "address" in line)
        with urllib.request.urlopen(f"{address}/metrics", timeout=30) as answer:
            metrics = answer.read().decode().splitlines()
    assert f'mailcall_build_info{{process="test",version="{VERSION}"}} 1.0' in metrics


@pytest.mark.parametrize(
    ("body", "code", "event"),
    [
        ("return", 0, "done"),
        ("raise ValueError('x')", 1, "failed"),
        ("raise StopProcess(3, 'too many dead letters')", 3, "stopped"),
    ],
)
def test_the_exit_code_tells_how_it_ended(body: str, code: int, event: str) -> None:
    with process(body, metrics_port="off") as started:
        assert [line["event"] for line in log_lines(started)] == ["started", event]
        assert started.wait(10) == code


def test_a_wrong_setting_ends_it_before_anything_starts() -> None:
    with process("return", topic_prefix="Not A Prefix") as started:
        _, error = started.communicate(timeout=10)
    assert started.returncode == 2
    assert error.startswith("test: wrong configuration: MAILCALL_TOPIC_PREFIX: ")


def test_a_second_loop_ends_with_the_process_and_what_it_raises_ends_it() -> None:
    stop, began = threading.Event(), threading.Event()

    def loop() -> None:
        began.set()
        stop.wait()

    with beside(loop, stop):
        assert began.wait(10)
    assert stop.is_set()

    def failing() -> None:
        raise StopProcess(3, "too many dead letters")

    stop = threading.Event()
    with pytest.raises(StopProcess), beside(failing, stop):
        assert stop.wait(10)
