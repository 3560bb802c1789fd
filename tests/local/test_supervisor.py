"""Processes are kept running, told of, stopped in order, and never left behind."""

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from deploy.local import StartError
from deploy.local.child import Child
from deploy.local.ports import free_port, wait_until
from deploy.local.supervisor import Program, Supervisor

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.timeout(150)  # much waiting: begun early

# A process as those of the pipeline: /readyz on the port given, a child of its own, SIGTERM ends it in order.
SERVICE = """
    import http.server, signal, subprocess, sys
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(int(sys.argv[2]))
            self.end_headers()
        def log_message(self, *_):
            pass
    def end(*_):
        print("ended in order", flush=True)
        raise SystemExit(0)
    signal.signal(signal.SIGTERM, end)
    grandchild = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    print("grandchild", grandchild.pid, flush=True)
    http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


def service(name: str, status: int = 200, code: str = SERVICE) -> Program:
    port = free_port()
    command = [sys.executable, "-c", textwrap.dedent(code), str(port), str(status)]
    return Program(name=name, command=command, environment=dict(os.environ), health_port=port)


def grandchild_of(log: Path) -> int:
    return int(log.read_text().split()[1])


def gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def supervisor(tmp_path: Path, said: list[str]) -> Iterator[Supervisor]:
    with Supervisor([service("first"), service("second")], tmp_path, said.append) as supervisor:
        supervisor.wait_ready(20)
        yield supervisor


def test_who_was_ready_is_not_asked_once_more(tmp_path: Path) -> None:
    once = SERVICE.replace("int(sys.argv[2])", "int(sys.argv.pop(2)) if sys.argv[2:] else 503")
    with Supervisor([service("once", code=once)], tmp_path) as supervisor:
        supervisor.wait_ready(20)
        assert not supervisor.ready("once")


def test_a_killed_process_is_restarted_and_the_other_left_alone(supervisor: Supervisor, said: list[str]) -> None:
    killed, other = supervisor.pid("first"), supervisor.pid("second")
    assert killed and other
    os.kill(killed, signal.SIGKILL)
    assert wait_until(lambda: supervisor.restarts("first") == 1 and supervisor.ready("first"), 10)
    assert supervisor.pid("first") != killed
    assert (supervisor.pid("second"), supervisor.restarts("second")) == (other, 0)
    assert said == ["first ended (SIGKILL); restarted in 0.2 s"]


def test_what_a_killed_process_leaves_behind_is_ended_before_the_restart(supervisor: Supervisor) -> None:
    killed = supervisor.pid("first")
    assert killed
    left_behind = grandchild_of(supervisor.log("first"))
    os.kill(killed, signal.SIGKILL)
    assert wait_until(lambda: supervisor.restarts("first") == 1, 10)
    assert gone(left_behind)


def test_all_are_stopped_in_order_with_all_they_started(supervisor: Supervisor) -> None:
    grandchildren = [grandchild_of(supervisor.log(name)) for name in ("first", "second")]
    supervisor.stop()
    assert [supervisor.pid(name) for name in ("first", "second")] == [None, None]
    assert all(wait_until(lambda pid=pid: gone(pid), 30) for pid in grandchildren)  # type: ignore[misc]
    ends = [supervisor.log(name).stat().st_mtime_ns for name in ("first", "second")]
    assert all("ended in order" in supervisor.log(name).read_text() for name in ("first", "second"))
    assert ends == sorted(ends)


def test_a_process_that_does_not_become_ready_is_named_with_its_log(tmp_path: Path) -> None:
    with (
        Supervisor([service("good"), service("never", status=503)], tmp_path) as supervisor,
        pytest.raises(StartError, match=r"(?s): never \(503\).*never\.log.*grandchild"),
    ):
        supervisor.wait_ready(3)


def test_a_refused_configuration_is_told_at_once_and_not_tried_again(tmp_path: Path, said: list[str]) -> None:
    refuses = Program(
        name="refuses",
        command=[sys.executable, "-c", "print('no such topic prefix'); raise SystemExit(2)"],
        environment=dict(os.environ),
        health_port=free_port(),
    )
    with Supervisor([refuses], tmp_path, said.append) as supervisor:
        with pytest.raises(StartError, match="no such topic prefix"):
            supervisor.wait_ready(60)
        assert supervisor.restarts("refuses") == 0
    assert said == [f"refuses refuses its configuration and is not restarted; see {tmp_path / 'refuses.log'}"]


def test_a_process_that_dies_again_and_again_waits_longer_each_time(tmp_path: Path, said: list[str]) -> None:
    dies = Program(
        name="dies",
        command=[sys.executable, "-c", "raise SystemExit(1)"],
        environment=dict(os.environ),
        health_port=free_port(),
    )
    with Supervisor([dies], tmp_path, said.append) as supervisor:
        assert wait_until(lambda: supervisor.restarts("dies") == 3, 10)
    assert said[:3] == [f"dies ended (exit code 1); restarted in {pause} s" for pause in (0.2, 0.4, 0.8)]


PARENT = """
    import sys, time
    from pathlib import Path
    from deploy.local.child import Child
    child = Child("child", [sys.executable, "-c", sys.argv[1], sys.argv[2], "200"], log=Path(sys.argv[3]))
    child.start()
    print(child.pid, flush=True)
    time.sleep(600)
"""


@pytest.mark.parametrize("death", [signal.SIGKILL, signal.SIGTERM])
def test_nothing_outlives_a_parent_that_is_killed(tmp_path: Path, death: signal.Signals) -> None:
    log = tmp_path / "child.log"
    arguments = [textwrap.dedent(SERVICE), str(free_port()), str(log)]
    parent = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(PARENT), *arguments], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert parent.stdout
    child = int(parent.stdout.readline())
    assert wait_until(lambda: log.exists() and "grandchild" in log.read_text(), 10)
    parent.send_signal(death)
    parent.communicate(timeout=10)
    assert wait_until(lambda: gone(child) and gone(grandchild_of(log)), 10)
    assert "ended in order" in log.read_text()


def test_a_child_that_does_not_stop_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deploy.local.child.STOP_SECONDS", 0.5)
    stubborn = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
    )
    child = Child("stubborn", [sys.executable, "-c", stubborn], log=tmp_path / "log")
    child.start()
    assert wait_until(lambda: child.log.read_text() == "up\n", 10)
    child.stop()
    assert (child.pid, child.exit_code) == (None, -signal.SIGKILL)
