"""`make demo`, as a person starts it."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import psutil
import pytest

from deploy.local.demo.mails import DEMO_MAILS
from deploy.local.pipeline import ROOT

pytestmark = pytest.mark.timeout(150)

COMMAND = [sys.executable, "-m", "deploy.local.demo"]
STAYS_UP = "stays up until Ctrl-C"


def test_once_exits_0_with_every_mail_as_expected_in_its_report(kafka_bootstrap: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [*COMMAND, "--once"],
        cwd=tmp_path,
        env=_environment(kafka_bootstrap),
        capture_output=True,
        text=True,
        timeout=140,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads((tmp_path / "build" / "demo.json").read_text())
    assert report["ok"]
    assert [mail["name"] for mail in report["mails"] if mail["ok"]] == [mail.name for mail in DEMO_MAILS]
    assert report["seconds_to_first_call"] > 0
    assert f"[{len(DEMO_MAILS)}/{len(DEMO_MAILS)}]" in done.stdout


def test_it_stays_up_until_ctrl_c_and_leaves_no_process_behind(kafka_bootstrap: str, tmp_path: Path) -> None:
    with subprocess.Popen(
        COMMAND,
        cwd=tmp_path,
        env=_environment(kafka_bootstrap),
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=_ignore_ctrl_c,
    ) as demo:
        assert demo.stdout is not None
        shown = []
        for line in demo.stdout:
            shown.append(line)
            if STAYS_UP in line:
                break
        processes = psutil.Process(demo.pid).children(recursive=True)
        assert {"ingest", "resolver", "logger", "outbound"} <= {process.cmdline()[-1] for process in processes}
        demo.send_signal(signal.SIGINT)
        shown += demo.stdout.readlines()
        assert demo.wait(60) == 0, "".join(shown)
    _, alive = psutil.wait_procs(processes, timeout=10)
    assert not alive
    assert any("mailcall calls list" in line for line in shown)


def _ignore_ctrl_c() -> None:
    """As a shell script does for what it puts into the background."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _environment(kafka_bootstrap: str) -> Mapping[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "KAFKA_BOOTSTRAP_SERVERS": kafka_bootstrap, "PYTHONUNBUFFERED": "1"}
