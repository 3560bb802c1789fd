"""Header names that are not UTF-8: read with those bytes as `?`, and marked, so that the record is a dead letter.

kafka-python 3.0.12 and aiokafka 0.14.0 raise `UnicodeDecodeError` from every poll from there on: one record of a
foreign producer would stop a reader for good. Both are mended where they read a record, before they are used; so they
are for batches that are too large when unpacked (`runtime.unpacking`).
"""

import sys
from collections.abc import Callable
from functools import cache
from typing import Any

from runtime.unpacking import UnpackError, bound_codecs, stand_in_for_unreadable
from schemas.wire import UNREADABLE_NAME

DecodeVarint = Callable[[bytearray, int], tuple[int, int]]


@cache
def mend_kafka_python() -> None:
    """Once a process."""
    from kafka.record import default_records, legacy_records

    bound_codecs(default_records, legacy_records)
    _mend(default_records.DefaultRecordBatch, default_records.decode_varint)


@cache
def mend_aiokafka() -> None:
    """Once a process. Its reader in C cannot be mended: the one in Python takes over for the records of one fetch."""
    from aiokafka.consumer import fetcher
    from aiokafka.record import default_records, legacy_records
    from aiokafka.record.default_records import _DefaultRecordBatchPy, decode_varint
    from aiokafka.record.memory_records import _MemoryRecordsPy

    in_c = (default_records.DefaultRecordBatch, legacy_records.LegacyRecordBatch)
    bound_codecs(default_records, legacy_records, *(sys.modules[batch.__module__] for batch in in_c))
    _mend(_DefaultRecordBatchPy, decode_varint)

    class KeptRecords(fetcher.MemoryRecords):  # type: ignore[misc]  # it has no types
        def __init__(self, raw: bytes) -> None:
            super().__init__(raw)
            self.raw = raw

    class MendedRecords(_MemoryRecordsPy):  # type: ignore[misc]  # it has no types
        def next_batch(self) -> Any:
            batch = self._next_slice
            if batch is None or batch[self.MAGIC_OFFSET] < 2:
                return super().next_batch()
            self._cache_next()
            return _DefaultRecordBatchPy(batch)

    class PartitionRecords(fetcher.PartitionRecords):  # type: ignore[misc]  # it has no types
        def __init__(self, tp: Any, records: Any, aborted_transactions: Any, fetch_offset: int, *rest: Any) -> None:
            super().__init__(tp, records, aborted_transactions, fetch_offset, *rest)
            self._again = (tp, aborted_transactions, rest)

        def __next__(self) -> Any:
            try:
                return super().__next__()
            except (UnicodeDecodeError, UnpackError):
                tp, aborted_transactions, rest = self._again
                mended = MendedRecords(self._records.raw)
                super().__init__(tp, mended, aborted_transactions, self.next_fetch_offset, *rest)
                return super().__next__()

    fetcher.MemoryRecords = KeptRecords
    fetcher.PartitionRecords = PartitionRecords


def _mend(batch_class: Any, decode_varint: DecodeVarint) -> None:
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
    stand_in_for_unreadable(batch_class)


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
