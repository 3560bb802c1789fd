"""aiokafka's responses come in pieces of any size; each is handed on whole, and what ends the connection is told."""

import asyncio
import random
import struct
from collections.abc import Sequence

import pytest

from runtime.kafka.response_reader import ResponseReader

RESPONSES = (b"a" * 300_000, b"", b"b", bytes(range(256)) * 40, b"c" * 5)


def framed(responses: Sequence[bytes]) -> bytes:
    return b"".join(struct.pack(">i", len(one)) + one for one in responses)


def cut(stream: bytes, chosen: random.Random) -> list[bytes]:
    ends = sorted(chosen.sample(range(1, len(stream)), 40))
    return [stream[begin:end] for begin, end in zip([0, *ends], [*ends, len(stream)], strict=True)]


async def read_responses(reader: ResponseReader, found: list[bytes], count: int) -> None:
    for _ in range(count):
        (size,) = struct.unpack(">i", await reader.readexactly(4))
        found.append(await reader.readexactly(size))


async def fed(pieces: Sequence[bytes], *, patiently: bool) -> list[bytes]:
    """What is read; `patiently`: the reader waits before each piece comes, else all pieces are there before."""
    reader = ResponseReader(asyncio.get_running_loop())
    found: list[bytes] = []
    reading = asyncio.create_task(read_responses(reader, found, len(RESPONSES)))
    for piece in pieces:
        if patiently:
            await asyncio.sleep(0)
        reader.feed_data(piece)
    await reading
    return found


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("patiently", [True, False])
def test_responses_are_the_same_however_the_stream_is_cut(seed: int, patiently: bool) -> None:
    pieces = cut(framed(RESPONSES), random.Random(seed))
    found = asyncio.run(fed(pieces, patiently=patiently))
    assert tuple(found) == RESPONSES
    assert all(type(one) is bytes for one in found)  # aiokafka decodes nothing else


def test_a_reader_is_woken_once_for_a_response() -> None:
    async def wakes() -> int:
        reader = ResponseReader(asyncio.get_running_loop())
        reading = asyncio.ensure_future(reader.readexactly(1000))
        await asyncio.sleep(0)
        waiter = reader._waiter
        count = 0
        for _ in range(10):
            assert not reading.done()
            reader.feed_data(b"x" * 100)
            await asyncio.sleep(0)
            count += waiter is not reader._waiter
        assert await reading == b"x" * 1000
        return count

    assert asyncio.run(wakes()) == 1


@pytest.mark.parametrize("already", [b"", b"abc"])
def test_the_end_of_the_connection_ends_a_read(already: bytes) -> None:
    async def read() -> bytes:
        reader = ResponseReader(asyncio.get_running_loop())
        reading = asyncio.ensure_future(reader.readexactly(4))
        await asyncio.sleep(0)
        if already:
            reader.feed_data(already)
        reader.feed_eof()
        return await reading

    with pytest.raises(asyncio.IncompleteReadError):
        asyncio.run(read())


def test_what_ended_the_connection_ends_a_read() -> None:
    async def read(waits: bool) -> bytes:
        reader = ResponseReader(asyncio.get_running_loop())
        reading = asyncio.ensure_future(reader.readexactly(4))
        if waits:
            await asyncio.sleep(0)
        reader.set_exception(ConnectionResetError("reset"))
        return await reading

    for waits in (True, False):
        with pytest.raises(ConnectionResetError):
            asyncio.run(read(waits))


def test_a_size_below_0_is_refused_as_by_asyncios_own_reader() -> None:
    async def read() -> bytes:
        return await ResponseReader(asyncio.get_running_loop()).readexactly(-5)

    with pytest.raises(ValueError):
        asyncio.run(read())
