"""Records that the clients cannot read: marked, so that they become dead letters, and the partition moves on.

- A header name that is not UTF-8 is read with those bytes as `?`. kafka-python 3.0.12 and aiokafka 0.14.0 raise
  `UnicodeDecodeError` from every poll from there on: one record of a foreign producer would stop a consumer for good.
- A batch that is too large when decompressed, or cannot be decompressed (`runtime/kafka/decompression.py`), is read as
  one record without key and content, at the batch's last offset.

Both clients are fixed where they read a record, before they are used.
"""

import struct
import sys
from collections.abc import Callable
from functools import cache
from typing import Any

from runtime.kafka.decompression import UnpackError, bound_codecs
from schemas.wire import NOT_UNPACKED, UNREADABLE_NAME

_HEAD = struct.Struct(">qi")  # of every batch: the offset of its first record, and how many bytes follow
_CHECKED_FROM = 21  # bytes of a batch of Kafka's message format 2 that stand before what its checksum is about

DecodeVarint = Callable[[bytearray, int], tuple[int, int]]


@cache
def fix_kafka_python_records() -> None:
    """Once a process."""
    from kafka.record import default_records, legacy_records

    bound_codecs(default_records, legacy_records)
    _fix(default_records.DefaultRecordBatch, default_records.decode_varint)


@cache
def fix_aiokafka_records() -> None:
    """Once a process. Its reader in C cannot be fixed: the one in Python takes over for the records of one fetch."""
    from aiokafka.consumer import fetcher
    from aiokafka.errors import CorruptRecordException
    from aiokafka.record import default_records, legacy_records
    from aiokafka.record.default_records import _DefaultRecordBatchPy, decode_varint
    from aiokafka.record.memory_records import _MemoryRecordsPy
    from kafka.record.util import calc_crc32c

    in_c = (default_records.DefaultRecordBatch, legacy_records.LegacyRecordBatch)
    bound_codecs(default_records, legacy_records, *(sys.modules[batch.__module__] for batch in in_c))
    _fix(_DefaultRecordBatchPy, decode_varint)

    class KeptRecords(fetcher.MemoryRecords):  # type: ignore[misc]  # it has no types
        def __init__(self, raw: bytes) -> None:
            super().__init__(raw)
            self.raw = raw
            self._end = 0

        def next_batch(self) -> Any:
            """With its checksum compared, by the library that kafka-python does it with: aiokafka's takes ten times."""
            batch, start = super().next_batch(), self._end
            offset, length = _HEAD.unpack_from(self.raw, start)
            self._end = start + _HEAD.size + length
            if isinstance(batch, legacy_records.LegacyRecordBatch):
                is_whole = batch.validate_crc()
            else:
                is_whole = batch.crc == calc_crc32c(memoryview(self.raw)[start + _CHECKED_FROM : self._end])
            if not is_whole:
                raise CorruptRecordException(f"wrong checksum of the batch at offset {offset}")
            return batch

    class FixedRecords(_MemoryRecordsPy):  # type: ignore[misc]  # it has no types
        def next_batch(self) -> Any:
            batch = self._next_slice
            if batch is None or batch[self.MAGIC_OFFSET] < 2:
                return super().next_batch()
            self._cache_next()
            return _DefaultRecordBatchPy(batch)

    class PartitionRecords(fetcher.PartitionRecords):  # type: ignore[misc]  # it has no types
        def __init__(self, tp: Any, records: Any, aborted_transactions: Any, fetch_offset: int, *rest: Any) -> None:
            *deserializers, _, isolation = rest  # between them: whether to compare checksums, which `KeptRecords` does
            super().__init__(tp, records, aborted_transactions, fetch_offset, *deserializers, False, isolation)
            self._again = (tp, aborted_transactions, rest)

        def __next__(self) -> Any:
            try:
                return super().__next__()
            except (UnicodeDecodeError, UnpackError):
                tp, aborted_transactions, rest = self._again
                fixed = FixedRecords(self._records.raw)
                super().__init__(tp, fixed, aborted_transactions, self.next_fetch_offset, *rest)
                return super().__next__()

    fetcher.MemoryRecords = KeptRecords
    fetcher.PartitionRecords = PartitionRecords


def _fix(batch_class: Any, decode_varint: DecodeVarint) -> None:
    read = batch_class._read_msg

    def read_any(batch: Any) -> Any:
        start = batch._pos
        try:
            return read(batch)
        except UnicodeDecodeError as error:
            _make_names_readable(batch._buffer, start, decode_varint)
            record = read(batch)
            record.headers.append((UNREADABLE_NAME, error.object))
            return record

    batch_class._read_msg = read_any
    _stand_in_for_undecompressed(batch_class)


def _make_names_readable(buffer: bytearray, pos: int, decode_varint: DecodeVarint) -> None:
    """In place: of the record at `pos`, each byte beyond ASCII of a name that is not UTF-8 becomes `?`.

    Record (Kafka's message format 2): length, attributes, two deltas, key, value, number of headers; name, value ...
    """
    for _ in range(4):
        _, pos = decode_varint(buffer, pos)
    for _ in range(2):
        pos = _behind(buffer, pos, decode_varint)
    count, pos = decode_varint(buffer, pos)
    for _ in range(count):
        length, start = decode_varint(buffer, pos)
        pos = start + length
        name = buffer[start:pos]
        if name.decode("utf-8", "replace").encode() != name:
            buffer[start:pos] = name.decode("ascii", "replace").replace("\ufffd", "?").encode()
        pos = _behind(buffer, pos, decode_varint)


def _behind(buffer: bytearray, pos: int, decode_varint: DecodeVarint) -> int:
    """Where the bytes with their length before them end; a length below 0 is null."""
    length, pos = decode_varint(buffer, pos)
    return pos + max(0, length)


def _stand_in_for_undecompressed(batch_class: Any) -> None:
    """Has batches (Kafka's message format 2) that raise `UnpackError` hold one marked record instead of theirs."""
    unpack = batch_class._maybe_uncompress

    def unpack_any(batch: Any) -> None:
        try:
            unpack(batch)
        except UnpackError as error:
            last = batch.base_offset + batch.last_offset_delta
            text = f"{batch._num_records} records, offsets {batch.base_offset} to {last}: {error}"
            batch._buffer = _marked_record(batch.last_offset_delta, text.encode())
            batch._pos = 0
            batch._num_records = 1
            batch._decompressed = True

    batch_class._maybe_uncompress = unpack_any


def _marked_record(offset_delta: int, text: bytes) -> bytearray:
    """At the last offset of its batch: also a reader that begins within the batch is given it."""
    name = NOT_UNPACKED.encode()
    fields = (0, 0, offset_delta, -1, 0, 1)  # attributes, delta of time, of offset, no key, an empty value, one header
    record = b"".join(map(_varint, fields)) + _varint(len(name)) + name + _varint(len(text)) + text
    return bytearray(_varint(len(record)) + record)


def _varint(value: int) -> bytes:
    """Zigzag encoding, as Protocol Buffers have it."""
    rest = (value << 1) ^ (value >> 63)
    out = bytearray()
    while rest > 0x7F:
        out.append(rest & 0x7F | 0x80)
        rest >>= 7
    out.append(rest)
    return bytes(out)
