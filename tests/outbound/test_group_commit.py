"""What several connections have done is written at once, and each knows what became of its own."""

import math
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest

from deploy.local.ports import wait_until
from desk.deliveries import DeliveryResult
from outbound.recording import GroupCommit
from outbound.results import Results
from runtime.outages import OutageError
from schemas.reasons import Reason


class _Disk:
    """Writes when it is told to. A name that begins with `bad` cannot be written, nor what is written with it."""

    def __init__(self) -> None:
        self.groups: list[list[str]] = []
        self.goes = threading.Event()
        self.is_away = False

    def write(self, *results: DeliveryResult) -> None:
        names = [result.notification_id for result in results]
        self.groups.append(names)
        assert self.goes.wait(10)
        if self.is_away:
            raise OutageError(Reason.DATABASE_AWAY, "away")
        if any(name.startswith("bad") for name in names):
            raise ValueError("cannot be written")


def _results(name: str) -> Results:
    return (DeliveryResult(notification_id=name, outcome="sent", recipient="a@b.c", at=datetime.now(UTC)),)


def _record(disk: _Disk, *rounds: tuple[str, ...]) -> list[Exception | None]:
    """Why each could not be recorded, if so. The first round is being written while the others come."""
    group = GroupCommit(disk.write)
    messages = [[_results(name) for name in names] for names in rounds]
    with ThreadPoolExecutor(len(rounds)) as connections:
        first = connections.submit(group.record, messages[0])
        assert wait_until(lambda: len(disk.groups) == 1, 10)
        others = [connections.submit(group.record, one) for one in messages[1:]]
        assert wait_until(lambda: len(group._waiting) == sum(map(len, messages[1:])), 10)
        disk.goes.set()
        return [error for one in (first, *others) for error in one.result()]


def test_those_that_come_during_a_write_are_written_together_by_the_next() -> None:
    disk = _Disk()
    assert _record(disk, ("a",), ("b",), ("c", "d"), ("e",)) == [None] * 5
    assert [sorted(group) for group in disk.groups] == [["a"], ["b", "c", "d", "e"]]


class _Group:
    """A group whose clock stands still until it is set, and two of its connections: one is done, the other sends."""

    def __init__(self) -> None:
        self.now = 0.0
        self.disk = _Disk()
        self.disk.goes.set()
        self.commit = GroupCommit(self.disk.write, lambda: self.now)
        self.goes = threading.Event()

    @contextmanager
    def other(self, seconds: float, name: str | None) -> Iterator["Future[None]"]:
        """One that is sending, and should for so long. When it `goes` it records that name, or nothing."""
        with ThreadPoolExecutor(1) as connection:
            sending = connection.submit(self._send, seconds, name)
            assert wait_until(lambda: len(self.commit._sending) == 1, 10)
            yield sending
            self.goes.set()
            sending.result(10)

    def _send(self, seconds: float, name: str | None) -> None:
        self.commit.begin(seconds)
        assert self.goes.wait(10)
        if name:
            self.commit.record([_results(name)])
        self.commit.end()

    def record(self) -> None:
        """What sending took a hundredth of a second for."""
        self.commit.begin(0.01)
        self.commit.record([_results("a")])
        self.commit.end()

    @contextmanager
    def waiting(self) -> Iterator[None]:
        with ThreadPoolExecutor(1) as connection:
            first = connection.submit(self.record)
            assert wait_until(lambda: len(self.commit._waiting) == 1, 10)
            assert self.disk.groups == []
            yield
            first.result(10)


def test_one_that_is_done_waits_for_one_that_is_about_done() -> None:
    group = _Group()
    with group.other(0.01, "b"), group.waiting():
        group.goes.set()
    assert group.disk.groups == [["a", "b"]]


def test_nobody_waits_for_one_that_gives_up() -> None:
    group = _Group()
    with group.other(0.01, None), group.waiting():
        group.goes.set()
    assert group.disk.groups == [["a"]]


def test_nobody_waits_longer_than_a_message_takes() -> None:
    group = _Group()
    with group.other(0.01, "b"):
        with group.waiting():
            group.now = 1.0
        assert group.disk.groups == [["a"]]


@pytest.mark.parametrize(("seconds", "since"), [(10.0, 0.0), (math.inf, 0.0), (0.01, 1.0)])
def test_nobody_waits_for_one_that_is_not_about_done(seconds: float, since: float) -> None:
    group = _Group()
    with group.other(seconds, "b"):
        group.now = since
        group.record()
        assert group.disk.groups == [["a"]]


def test_what_cannot_be_written_harms_no_other() -> None:
    errors = _record(disk := _Disk(), ("a",), ("b", "bad", "c"), ("d",))
    assert [type(error) for error in errors] == [type(None), type(None), ValueError, type(None), type(None)]
    assert {name for names in disk.groups[2:] for name in names} == {"b", "bad", "c", "d"}


def test_an_outage_is_told_to_all_of_a_group() -> None:
    disk = _Disk()
    disk.is_away = True
    errors = _record(disk, ("a",), ("b", "c"), ("d",))
    assert [type(error) for error in errors] == [OutageError] * 4
    assert len(disk.groups) == 2
