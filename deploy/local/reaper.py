"""Ends the child processes of a parent that was itself killed: run as a script by `child.py`, standard library only.

The parent writes `+ PID SIGNAL` when it has started a process and `- PID` when that process has been stopped. When the
pipe closes, or the parent is gone although a forked copy of it still holds the pipe, everything still listed is told to
stop with its own signal, and killed with its whole process group five seconds later.

A process of its own, not PR_SET_PDEATHSIG: that is Linux only, fires already when the *thread* that started the child
ends, and does not reach grandchildren.
"""

import os
import select
import signal
import sys
import time
from collections.abc import Callable

GRACE_SECONDS = 5.0


def watch(parent: int) -> dict[int, int]:
    """Follow the parent until it ends. What it left behind: process id -> signal to stop it with."""
    alive: dict[int, int] = {}
    rest = b""
    while True:
        readable, _, _ = select.select([0], [], [], 1.0)
        if not readable:
            if os.getppid() != parent:
                return alive
            continue
        data = os.read(0, 65536)
        if not data:
            return alive
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            sign, pid, *stop_signal = line.split()
            if sign == b"+":
                alive[int(pid)] = int(stop_signal[0])
            else:
                alive.pop(int(pid), None)


def end(left: dict[int, int]) -> None:
    for pid, stop_signal in reversed(left.items()):
        _try(os.kill, pid, stop_signal)
    deadline = time.monotonic() + GRACE_SECONDS
    while time.monotonic() < deadline and any(_try(os.kill, pid, 0) for pid in left):
        time.sleep(0.05)
    for pid in left:
        _try(os.killpg, pid, signal.SIGKILL)


def _try(kill: Callable[[int, int], None], pid: int, number: int) -> bool:
    try:
        kill(pid, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


if __name__ == "__main__":
    end(watch(int(sys.argv[1])))
