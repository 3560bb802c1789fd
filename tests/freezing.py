"""A process that stands still, with all of its connections open: how a server looks that neither works nor fails."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from deploy.local.ports import wait_until

_SECONDS = 10.0
_STANDING = frozenset("TZ")  # stopped; or ended, where a parent that is stopped cannot take note of it


@contextmanager
def frozen(pid: int | None) -> Iterator[None]:
    """The process and its children, while the block runs; not before every thread of them stands still.

    A signal is only on its way when sending it returns: a thread on another core may answer a client until then.
    """
    assert pid is not None
    process = psutil.Process(pid)
    process.suspend()
    try:
        assert wait_until(lambda: _stands_still(process), _SECONDS)
        children = process.children(recursive=True)  # those that end from here on stay, until it takes note of it
        for child in children:
            child.suspend()
        try:
            assert wait_until(lambda: all(map(_stands_still, children)), _SECONDS)
            yield
        finally:
            for child in children:
                child.resume()
    finally:
        process.resume()


def _stands_still(process: psutil.Process) -> bool:
    states = [state for thread in Path(f"/proc/{process.pid}/task").iterdir() if (state := _state(thread))]
    return states != [] and _STANDING.issuperset(states)


def _state(thread: Path) -> str:
    """As proc(5) tells it, after the name in parentheses; nothing of a thread that has just ended."""
    try:
        return (thread / "stat").read_text().rpartition(") ")[2][:1]
    except OSError:
        return ""
