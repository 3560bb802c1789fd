"""The processes of the pipeline are scheduled as batch work, and start where that is forbidden."""

import os
import subprocess
import sys
import threading

import pytest

from runtime.scheduling import work_in_batches

POLICY = "import os; print(os.sched_getscheduler(0) == os.SCHED_BATCH)"
OF_ALL = f"""
import subprocess, sys, threading
from runtime.scheduling import work_in_batches
work_in_batches()
exec({POLICY!r}, {{}})
thread = threading.Thread(target=exec, args=({POLICY!r}, {{}}))
thread.start()
thread.join()
subprocess.run([sys.executable, "-c", {POLICY!r}], check=True)
"""


def test_a_process_its_threads_and_its_children_are_batch_work() -> None:
    done = subprocess.run([sys.executable, "-uc", OF_ALL], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "True", "True"]


def test_where_it_is_forbidden_the_process_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: object) -> None:
        raise PermissionError

    before = os.sched_getscheduler(threading.get_native_id())
    monkeypatch.setattr(os, "sched_setscheduler", forbidden)
    work_in_batches()
    assert os.sched_getscheduler(threading.get_native_id()) == before
