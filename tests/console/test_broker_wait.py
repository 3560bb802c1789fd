"""`mailcall apply` at a broker that is slow: it waits, and says so; at a wrong address it does not wait."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from console.settings.state import read_state
from console.topics.waiting import BrokerWait
from deploy.local.servers.broker import KafkaProcess
from runtime.config import ProcessConfig
from runtime.outages import OutageError
from schemas.reasons import Reason
from tests.freezing import frozen

Mailcall = Callable[..., Any]
DESK = "persons: [{id: ida, is_analyst: true}]\n"


@pytest.fixture
def own_broker() -> Iterator[KafkaProcess]:
    with KafkaProcess() as broker:
        yield broker


@pytest.mark.broker
@pytest.mark.timeout(240)
def test_apply_waits_for_a_broker_that_is_frozen_and_says_so(
    mailcall: Mailcall, own_broker: KafkaProcess, tmp_path: Path
) -> None:
    where = ("--bootstrap-servers", own_broker.bootstrap_servers)
    assert mailcall(*where, "topics", "create").code == 0
    file = tmp_path / "desk.yaml"
    file.write_text(DESK)
    with frozen(own_broker.pid):
        process = subprocess.Popen(
            [sys.executable, "-m", "console.cli", *where, "apply", file],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stderr is not None
        said = [process.stderr.readline()]
        while "tried again" not in said[-1]:  # after a try has failed
            said.append(process.stderr.readline())
            assert said[-1], said
    out, rest = process.communicate(timeout=120)

    assert said[0] == (
        "mailcall: the broker is slow: reading what is set up takes longer than 3 s; waiting, Ctrl-C cancels\n"
    )
    assert "reading what is set up is tried again for" in said[-1]
    assert (process.returncode, "1 published" in out) == (0, True), rest
    config = ProcessConfig(kafka_bootstrap_servers=own_broker.bootstrap_servers)
    assert list(read_state(config).persons) == ["ida"]


def test_a_wrong_address_is_told_at_once(mailcall: Mailcall, tmp_path: Path) -> None:
    file = tmp_path / "desk.yaml"
    file.write_text(DESK)

    ran = mailcall("--bootstrap-servers", "127.0.0.1:1", "apply", file)

    assert ran.code == 1
    assert "slow" not in ran.err


def test_a_file_that_is_no_yaml_is_told_before_any_broker_is_asked(mailcall: Mailcall, tmp_path: Path) -> None:
    file = tmp_path / "desk.yaml"
    file.write_text("persons: [")

    ran = mailcall("--bootstrap-servers", "127.0.0.1:1", "apply", file)

    assert (ran.code, f"{file}:" in ran.err, "broker" in ran.err) == (2, True, False)


def test_an_outage_is_told_when_the_time_is_over(kafka_bootstrap: str) -> None:
    told: list[str] = []
    broker_wait = BrokerWait(ProcessConfig(kafka_bootstrap_servers=kafka_bootstrap), 0, told.append)

    def fail() -> None:
        raise OutageError(Reason.BROKER_AWAY, "no answer")

    with pytest.raises(OutageError, match="no answer"):
        broker_wait.run("publishing", fail)
    assert told == []
