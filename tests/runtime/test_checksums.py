"""A batch whose bytes are not those that were written is never read, whichever reader of aiokafka has it."""

import struct
from typing import Any

import pytest
from aiokafka.consumer import fetcher
from aiokafka.errors import CorruptRecordException
from aiokafka.structs import TopicPartition
from kafka.record import MemoryRecordsBuilder
from kafka.record.default_records import DefaultRecordBase
from kafka.record.util import calc_crc32c

from runtime.kafka.unreadable_records import fix_aiokafka_records
from schemas.wire import UNREADABLE_NAME

LEGACY, OLD, NOW = 0, 1, 2  # Kafka's message formats


def _batch(magic: int, offset: int, value: bytes) -> bytes:
    builder = MemoryRecordsBuilder(magic=magic, compression_type=0, batch_size=1 << 20)
    headers = [("name", b"content")] if magic == NOW else []
    builder.append(timestamp=1_700_000_000_000, key=b"k", value=value, headers=headers)
    builder.close()
    return struct.pack(">q", offset) + bytes(builder.buffer())[8:]  # no checksum is about it


def _reader(data: bytes, start: int = 0) -> Any:
    fix_aiokafka_records()
    return fetcher.PartitionRecords(TopicPartition("t", 0), fetcher.MemoryRecords(data), [], start, None, None, True, 1)


@pytest.mark.parametrize("magic", [LEGACY, OLD, NOW])
def test_whole_batches_are_read(magic: int) -> None:
    records = list(_reader(_batch(magic, 7, b"a") + _batch(magic, 8, b"b" * 3000) + _batch(magic, 9, b"")))
    assert [(record.offset, record.value) for record in records] == [(7, b"a"), (8, b"b" * 3000), (9, b"")]


@pytest.mark.parametrize("magic", [LEGACY, OLD, NOW])
def test_each_bit_that_changed_is_found_and_what_stands_before_is_read(magic: int) -> None:
    before, behind = _batch(magic, 0, b"before"), _batch(magic, 2, b"behind")
    batch = _batch(magic, 1, b"a value")
    first = DefaultRecordBase.ATTRIBUTES_OFFSET if magic == NOW else batch.index(b"a value")
    for bit in range(first * 8, len(batch) * 8):
        damaged = bytearray(batch)
        damaged[bit // 8] ^= 1 << bit % 8
        reader = _reader(before + bytes(damaged) + behind)
        assert next(reader).value == b"before"
        with pytest.raises(CorruptRecordException):
            next(reader)


def test_a_checksum_that_changed_is_found() -> None:
    damaged = bytearray(_batch(NOW, 0, b"a"))
    damaged[DefaultRecordBase.CRC_OFFSET] ^= 1
    with pytest.raises(CorruptRecordException, match="offset 0"):
        next(_reader(bytes(damaged)))


def test_the_reader_that_takes_over_checks_as_well() -> None:
    unreadable = bytearray(_batch(NOW, 0, b"a").replace(b"name", b"n\xffme"))
    unreadable[17:21] = struct.pack(">I", calc_crc32c(bytes(unreadable[21:])))
    damaged = bytearray(_batch(NOW, 1, b"b"))
    damaged[-1] ^= 1
    reader = _reader(bytes(unreadable + damaged))
    assert UNREADABLE_NAME in dict(next(reader).headers)
    with pytest.raises(CorruptRecordException):
        next(reader)
