"""A test that hangs, in a run of its own: it is ended, and with it what it started, whoever waits for that."""

import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from deploy.local.pipeline import ROOT

pytestmark = pytest.mark.timeout(150)  # much waiting: begun early

# A child that no polite signal ends, and a test that waits for it: in its body, and as it leaves the block.
HANGS = """
import subprocess, sys, time
from pathlib import Path
import pytest

STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(600)"

def start(file):
    child = subprocess.Popen([sys.executable, "-c", STUBBORN], stdout=subprocess.PIPE)
    child.stdout.readline()
    with Path(file).open("a") as pids:
        pids.write(f"{child.pid}\\n")
    return child

@pytest.fixture(scope="module")
def lasting():
    child = start("lasting")
    yield child
    assert child.poll() is None
    child.kill()

def test_waits_in_its_body(lasting):
    with start("hanging") as child:
        child.wait()

@pytest.fixture
def waits_at_its_end():
    with start("hanging") as child:
        yield
        child.terminate()

def test_waits_at_its_end(waits_at_its_end):
    time.sleep(600)

def test_of_another_kind(lasting):
    assert lasting.poll() is None
"""


@pytest.fixture
def hanging(tmp_path: Path) -> subprocess.CompletedProcess[str]:
    (tmp_path / "test_hangs.py").write_text(HANGS)
    options = ["-q", "-p", "tests.deadlines", "-o", "timeout=1", "-c", "/dev/null", "--rootdir", str(tmp_path)]
    return subprocess.run(
        [sys.executable, "-m", "pytest", *options, "test_hangs.py"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_it_is_ended_with_what_it_started_and_nothing_else(
    hanging: subprocess.CompletedProcess[str], tmp_path: Path
) -> None:
    assert "2 failed, 1 passed" in hanging.stdout, hanging.stdout + hanging.stderr
    started = [int(pid) for pid in (tmp_path / "hanging").read_text().split()]
    assert len(started) == 2
    assert not [pid for pid in started if psutil.pid_exists(pid)]
