"""Records out of an unpacked batch, for less CPU than kafka-python 3.0.12 takes.

That one calls a function for each number, of which a header has two, decodes each name, and copies each content twice.
What is unusual is left to it: nulls, times of the broker, control records, whatever is damaged.
"""

from functools import cache, lru_cache
from typing import Any

from kafka.record.default_records import DefaultRecord, DefaultRecordBatch
from kafka.record.util import decode_varint

_UNUSUAL = DefaultRecordBatch.CONTROL_MASK | DefaultRecordBatch.TIMESTAMP_TYPE_MASK
_LONG_OR_NULL = 0x81  # bits of a number's first byte, in zigzag encoding: more bytes follow; it is below 0


@cache
def read_records_quickly() -> None:
    """Once a process, after what is fixed of the library's reader."""
    unpack, read = DefaultRecordBatch._maybe_uncompress, DefaultRecordBatch._read_msg

    def unpack_once(batch: Any) -> None:
        unpack(batch)
        batch._buffer = bytes(batch._buffer)  # of which a slice is what a record holds

    def read_quickly(batch: Any) -> Any:
        if type(batch._buffer) is bytes:
            record = _usual(batch)
            if record is not None:
                return record
            batch._buffer = bytearray(batch._buffer)  # as the library has it, for the rest of the batch
        return read(batch)

    DefaultRecordBatch._maybe_uncompress, DefaultRecordBatch._read_msg = unpack_once, read_quickly


def _usual(batch: Any) -> DefaultRecord | None:
    """The batch's next record (Kafka's message format 2); None where it is unusual: then nothing has been read."""
    if batch.attributes & _UNUSUAL:
        return None
    data = batch._buffer
    try:
        length, start = decode_varint(data, batch._pos)
        _, pos = decode_varint(data, start)  # attributes: a record has none yet
        milliseconds, pos = decode_varint(data, pos)
        place, pos = decode_varint(data, pos)
        key_size, pos = decode_varint(data, pos)
        key = data[pos : pos + key_size]
        value_size, pos = decode_varint(data, pos + key_size)
        value = data[pos : pos + value_size]
        count, pos = decode_varint(data, pos + value_size)
        if key_size < 0 or value_size < 0 or count < 0:
            return None
        headers = []
        for _ in range(count):
            size, begin = data[pos], pos + 1
            if size & _LONG_OR_NULL:
                return None
            pos = begin + (size >> 1)
            name = _name(data[begin:pos])
            size, begin = data[pos], pos + 1
            if size & _LONG_OR_NULL:
                size, begin = decode_varint(data, pos)
                if size < 0:
                    return None
            else:
                size >>= 1
            pos = begin + size
            headers.append((name, data[begin:pos]))
    except (ValueError, IndexError):  # a name that is not UTF-8, and the end of the batch where none should be
        return None
    if pos - start != length:
        return None
    batch._pos = pos
    offset, time = batch.base_offset + place, batch.first_timestamp + milliseconds
    return DefaultRecord(length, offset, time, DefaultRecordBatch.CREATE_TIME, key, value, headers)


@lru_cache(1000)
def _name(name: bytes) -> str:
    return name.decode()
