"""What several connections have done is written at once, and each knows what became of its own."""

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from deploy.local.ports import wait_until
from outbound.recording import GroupCommit
from outbound.results import Results
from runtime.outages import OutageError
from schemas.events import NotificationResult
from schemas.reasons import Reason


class _Disk:
    """Writes when it is told to. A name that begins with `bad` cannot be written, nor what is written with it."""

    def __init__(self) -> None:
        self.groups: list[list[str]] = []
        self.goes = threading.Event()
        self.is_away = False

    def write(self, *results: NotificationResult) -> None:
        names = [result.notification_id for result in results]
        self.groups.append(names)
        assert self.goes.wait(10)
        if self.is_away:
            raise OutageError(Reason.DATABASE_AWAY, "away")
        if any(name.startswith("bad") for name in names):
            raise ValueError("cannot be written")


def _results(name: str) -> Results:
    return (NotificationResult(notification_id=name, outcome="sent", recipient="a@b.c", at=datetime.now(UTC)),)


def _record(disk: _Disk, names: tuple[str, ...]) -> list["Future[None]"]:
    """The first is being written while the others come."""
    group = GroupCommit(disk.write)
    with ThreadPoolExecutor(len(names)) as connections:
        first = connections.submit(group.record, _results(names[0]))
        assert wait_until(lambda: len(disk.groups) == 1, 10)
        others = [connections.submit(group.record, _results(name)) for name in names[1:]]
        assert wait_until(lambda: len(group._waiting) == len(others), 10)
        disk.goes.set()
        return [first, *others]


def test_those_that_come_during_a_write_are_written_together_by_the_next() -> None:
    disk = _Disk()
    done = _record(disk, ("a", "b", "c", "d"))
    assert [one.result() for one in done] == [None] * 4
    assert [sorted(group) for group in disk.groups] == [["a"], ["b", "c", "d"]]


def test_the_first_waits_for_those_that_are_still_sending() -> None:
    disk = _Disk()
    disk.goes.set()
    group = GroupCommit(disk.write)
    group._seconds = 10  # as long as the last write took
    with ThreadPoolExecutor(1) as connection, group.member(), group.member():
        first = connection.submit(group.record, _results("a"))
        assert wait_until(lambda: len(group._waiting) == 1, 10)
        assert disk.groups == []
        group.record(_results("b"))
        first.result(10)
    assert disk.groups == [["a", "b"]]


def test_nobody_waits_for_one_that_is_not_sending() -> None:
    disk = _Disk()
    disk.goes.set()
    group = GroupCommit(disk.write)
    group._seconds = 1e9
    with group.member():
        group.record(_results("a"))
    group.record(_results("b"))
    assert disk.groups == [["a"], ["b"]]


def test_what_cannot_be_written_harms_no_other() -> None:
    disk = _Disk()
    done = _record(disk, ("a", "b", "bad", "c"))
    errors = [type(one.exception()) for one in done]
    assert errors == [type(None), type(None), ValueError, type(None)]


def test_an_outage_is_told_to_all_of_a_group() -> None:
    disk = _Disk()
    disk.is_away = True
    done = _record(disk, ("a", "b", "c"))
    for one in done:
        with pytest.raises(OutageError):
            one.result()
    assert len(disk.groups) == 2
