"""What hundreds of watchers with a backlog may hold together."""

import threading
from contextlib import ExitStack

import pytest

from ingest import context as context_module
from ingest.connectors.base import BATCH_BYTES, LEAST_BATCH_BYTES
from ingest.context import TOTAL_BYTES, MemoryBudget


def test_one_watcher_has_all_that_one_may_have() -> None:
    with MemoryBudget().share() as room:
        assert room == BATCH_BYTES


def test_many_share_what_there_is_and_none_goes_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(context_module, "WAIT_SECONDS", 0.0)
    memory = MemoryBudget()
    with ExitStack() as stack:
        rooms = [stack.enter_context(memory.share()) for _ in range(100)]
    assert min(rooms) == rooms[-1] == LEAST_BATCH_BYTES
    assert sum(rooms) <= TOTAL_BYTES + 100 * LEAST_BATCH_BYTES
    with memory.share() as room:
        assert room == BATCH_BYTES  # all of it was given back


def test_where_nothing_is_free_the_next_one_waits_until_something_is() -> None:
    memory = MemoryBudget(total=LEAST_BATCH_BYTES)
    order: list[str] = []
    with memory.share():
        waiting = threading.Thread(target=lambda: _take(memory, order))
        waiting.start()
        order.append("first is done")
    waiting.join(10)
    assert order == ["first is done", "second"]


def _take(memory: MemoryBudget, order: list[str]) -> None:
    with memory.share():
        order.append("second")


def test_a_block_that_fails_gives_its_room_back() -> None:
    memory = MemoryBudget(total=LEAST_BATCH_BYTES)
    with pytest.raises(OSError, match="gone"), memory.share():
        raise OSError("gone")
    with memory.share() as room:
        assert room == LEAST_BATCH_BYTES


def test_room_for_two_that_is_given_back_at_once_lets_two_in() -> None:
    memory = MemoryBudget(total=8 * LEAST_BATCH_BYTES)
    both_in = threading.Barrier(3)
    with ExitStack() as others:
        with memory.share() as room:
            assert room == 2 * LEAST_BATCH_BYTES
            while memory._free >= LEAST_BATCH_BYTES:
                others.enter_context(memory.share())
            waiting = [threading.Thread(target=_take_and_meet, args=(memory, both_in)) for _ in range(2)]
            for thread in waiting:
                thread.start()
        both_in.wait(5)
    for thread in waiting:
        thread.join(10)


def _take_and_meet(memory: MemoryBudget, both_in: threading.Barrier) -> None:
    with memory.share():
        both_in.wait(5)
