"""The CPU time of a process's threads on /metrics."""

import threading
from pathlib import Path

import pytest

from runtime.telemetry.metrics import THREAD_CPU_SECONDS
from runtime.telemetry.thread_times import ThreadTimes, work_of


def counted(work: str) -> float:
    return float(THREAD_CPU_SECONDS.labels(work)._value.get())


@pytest.mark.parametrize(
    ("name", "work"),
    [
        ("MainThread", "main"),
        ("watch sales-desk_0", "watch"),
        ("connection-sink-1_0", "connection"),
        ("mailcall-publisher-network-thread", "producer"),
        ("kafka-io-mailcall-logger", "kafka"),
        ("settings", "settings"),
        ("health", "health"),
        ("logger_0", "worker"),
        ("Thread-9 (body)", "other"),
    ],
)
def test_a_thread_is_told_by_what_it_does(name: str, work: str) -> None:
    assert work_of(name) == work


def test_what_a_thread_used_is_added_once(tmp_path: Path) -> None:
    schedstat = tmp_path / str(threading.get_native_id()) / "schedstat"
    schedstat.parent.mkdir()
    times, before = ThreadTimes(tmp_path), counted("main")
    for used in ("2000000000 5 1", "2000000000 5 1", "5000000000 9 2"):
        schedstat.write_text(f"{used}\n")
        times.count()
    assert counted("main") - before == pytest.approx(5.0)


def test_where_the_system_does_not_tell_nothing_is_added(tmp_path: Path) -> None:
    before = counted("main")
    ThreadTimes(tmp_path / "missing").count()
    assert counted("main") == before
