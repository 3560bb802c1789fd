"""`pytest.mark.alone`: a test that compares times runs while no other test does, in any worker of any run.

Every test holds a lock that many may share; one that is to be alone takes it for itself. Whoever waits for the lock
holds the gate before it, so that nobody else passes by.
"""

import fcntl
import os
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import gettempdir

import pytest


@pytest.hookimpl(wrapper=True, tryfirst=True)  # outermost: the wait is no part of the test's time
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    if not hasattr(item.config, "workerinput"):  # no worker of pytest-xdist: nothing runs beside it
        return (yield)
    kind = fcntl.LOCK_EX if item.get_closest_marker("alone") else fcntl.LOCK_SH
    with _file("tests") as lock:
        with _file("gate") as gate:
            fcntl.flock(gate, fcntl.LOCK_EX)
            fcntl.flock(lock, kind)
        return (yield)


@contextmanager
def _file(name: str) -> Iterator[int]:
    """Open, for a lock that ends when it is closed."""
    descriptor = os.open(Path(gettempdir(), f"mailcall-{os.getuid()}.{name}"), os.O_CREAT | os.O_RDWR, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
