"""CPU time of this process's threads, for the metric `mailcall_thread_cpu_seconds_total`: read when it is asked for."""

import threading
from collections.abc import Iterable
from pathlib import Path

from runtime.telemetry.metrics import THREAD_CPU_SECONDS

# What a thread's name begins or ends with -> what it does. A name itself can hold a server's id.
WORK = (
    ("", "MainThread", "main"),
    ("watch ", "", "watch"),
    ("connection-", "", "connection"),
    ("", "-network-thread", "producer"),
    ("kafka-io-", "", "kafka"),
    ("settings", "", "settings"),
    ("health", "", "health"),
    ("", "_0", "worker"),
)
_TASKS = Path("/proc/self/task")
_NANOSECONDS = 1e-9


class ThreadTimes:
    """Adds to the metric what each thread has used since the last time. Where this is not Linux, nothing is added.

    Not told: what a thread used between the last time and its end.
    """

    def __init__(self, tasks: Path = _TASKS) -> None:
        self._tasks = tasks
        self._counted: dict[threading.Thread, float] = {}
        self._lock = threading.Lock()  # two may ask at the same time

    def count(self) -> None:
        with self._lock:
            self._counted = dict(self._count(threading.enumerate()))

    def _count(self, threads: Iterable[threading.Thread]) -> Iterable[tuple[threading.Thread, float]]:
        for thread in threads:
            try:
                used = float((self._tasks / str(thread.native_id) / "schedstat").read_text().split()[0]) * _NANOSECONDS
            except (OSError, IndexError, ValueError):
                continue  # it has ended meanwhile, or this is not Linux
            THREAD_CPU_SECONDS.labels(work_of(thread.name)).inc(max(0.0, used - self._counted.get(thread, 0.0)))
            yield thread, used


def work_of(name: str) -> str:
    """What the thread of that name does, one of a fixed list; `other` where nothing is known of it."""
    return next((work for start, end, work in WORK if name.startswith(start) and name.endswith(end)), "other")
