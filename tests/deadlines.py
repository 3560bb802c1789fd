"""A test that hangs is ended together with every process that it started.

pytest-timeout alone raises in the test, once: whatever then waits for a child process (a `with` block, the end of a
fixture) waits as long as that child likes. Here the processes of the test are killed first, and again while it does not
end.
"""

import signal
from collections.abc import Generator, Iterable
from types import FrameType
from typing import Any

import psutil
import pytest
from pytest_timeout import timeout_sigalrm

from deploy.local.child import reaper_pid

AGAIN_SECONDS = 30.0  # how long the fixtures of a test that was ended may take to end

_lasting: set[psutil.Process] = set()  # started by fixtures that outlive the test


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef: pytest.FixtureDef[Any]) -> Generator[None, object, object]:
    if fixturedef.scope == "function":
        return (yield)
    before = _descendants([psutil.Process()])
    try:
        return (yield)
    finally:
        _lasting.update(_descendants([psutil.Process()]) - before)


@pytest.hookimpl(tryfirst=True)
def pytest_timeout_set_timer(item: pytest.Item, settings: Any) -> bool | None:
    """Where pytest-timeout would raise in the test by a signal, this timer takes the place of its own."""
    if settings.method != "signal":
        return None

    def expired(_number: int, _frame: FrameType | None) -> None:
        __tracebackhide__ = True
        _kill_what_the_test_started()
        timeout_sigalrm(item, settings)

    def cancel() -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)

    item.cancel_timeout = cancel  # type: ignore[attr-defined]  # pytest-timeout calls it
    signal.signal(signal.SIGALRM, expired)
    signal.setitimer(signal.ITIMER_REAL, settings.timeout, AGAIN_SECONDS)
    return True


def _kill_what_the_test_started() -> None:
    for process in _descendants([psutil.Process()]) - _lasting - _descendants(_lasting):
        if process.pid != reaper_pid():
            try:
                process.kill()
            except psutil.NoSuchProcess:
                pass  # it has ended meanwhile


def _descendants(processes: Iterable[psutil.Process]) -> set[psutil.Process]:
    found: set[psutil.Process] = set()
    for process in processes:
        try:
            found.update(process.children(recursive=True))
        except psutil.NoSuchProcess:
            pass  # it has ended meanwhile
    return found
