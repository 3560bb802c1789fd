"""How the tests run, in runs of their own: markers that are missing are told, and who is to be alone is."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.local.pipeline import ROOT

pytestmark = pytest.mark.timeout(150)  # much waiting: begun early


def run(directory: Path, plugin: str, *options: str) -> "subprocess.CompletedProcess[str]":
    """A run of the directory's tests, with one of our plugins."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", plugin, "-c", "/dev/null", "--rootdir", str(directory)]
    own = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    return subprocess.run(
        [*command, *options, str(directory)],
        cwd=directory,
        env=own | {"PYTHONPATH": str(ROOT), "TMPDIR": str(directory)},  # a lock of its own, too
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def run_pytest(directory: Path, plugin: str, *options: str) -> str:
    """What such a run prints."""
    done = run(directory, plugin, *options)
    return done.stdout + done.stderr


def test_whoever_starts_a_server_without_its_marker_is_told_which(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text("""
import pytest
from deploy.local.servers.server import Server

class Broker(Server):
    name = "broker"
    def _prepare(self): raise LookupError("it would start")
    def _ready(self): return True

def test_without(tmp_path):
    Broker(tmp_path).start()

@pytest.mark.broker
def test_with(tmp_path):
    with pytest.raises(LookupError):
        Broker(tmp_path).start()
""")
    shown = run_pytest(tmp_path, "tests.needs", "-W", "ignore")
    assert "starts a broker and does not say so: add pytest.mark.broker" in shown
    assert "1 failed, 1 passed" in shown


def test_nothing_runs_beside_a_test_that_is_to_be_alone(tmp_path: Path) -> None:
    """Three workers begin at once, and each test takes a while: whoever sees a file of another was not alone."""
    (tmp_path / "test_it.py").write_text("""
import time
from pathlib import Path
import pytest

def run(name, others):
    for _ in range(25):
        Path(name).touch()
        assert not any(Path(other).exists() for other in others)
        time.sleep(0.02)
    Path(name).unlink()

@pytest.mark.alone
def test_alone():
    run("alone", ["one", "two"])

def test_one():
    run("one", ["alone"])

def test_two():
    run("two", ["alone"])
""")
    shown = run_pytest(tmp_path, "tests.alone", "-W", "ignore", "-n", "3", "--dist=load")
    assert "3 passed" in shown, shown
