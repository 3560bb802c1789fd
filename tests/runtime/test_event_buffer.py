"""What is one batch under Faust: all that one poll has given, as an agent brings it, and as much as fits."""

import asyncio
from collections.abc import Sequence
from types import SimpleNamespace

import pytest

from runtime.processing.faust_app import EventBuffer


async def bring(buffer: EventBuffer, values: Sequence[bytes]) -> None:
    """As Faust's stream does: one event a turn of the loop."""
    for value in values:
        await asyncio.sleep(0)
        await buffer.put(SimpleNamespace(value=value))


async def batches(values: Sequence[bytes], *, max_records: int, max_bytes: int = 1000) -> list[list[bytes]]:
    buffer = EventBuffer(max_records, max_bytes)
    agent = asyncio.create_task(bring(buffer, values))
    taken: list[list[bytes]] = []
    while sum(map(len, taken)) < len(values):
        taken.append([event.value for event in await buffer.take()])
    await agent
    return taken


POLL = [bytes([number]) for number in range(50)]


def test_what_one_poll_has_given_is_one_batch() -> None:
    assert asyncio.run(batches(POLL, max_records=200)) == [POLL]


@pytest.mark.parametrize("max_records", [1, 7])
def test_no_batch_has_more_records_than_may_wait(max_records: int) -> None:
    taken = asyncio.run(batches(POLL, max_records=max_records))
    assert [value for batch in taken for value in batch] == POLL
    assert max(map(len, taken)) == max_records


def test_a_batch_has_no_more_bytes_than_fit_but_always_one_record() -> None:
    values = [b"a" * 4, b"b" * 4, b"c" * 20, b"d"]
    assert asyncio.run(batches(values, max_records=200, max_bytes=10)) == [values[:2], [values[2]], [values[3]]]
