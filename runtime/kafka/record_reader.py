"""Records out of an unpacked batch, for less CPU than kafka-python 3.0.12 takes.

That one calls a function for each number, of which a header has two, decodes each name, and copies each content twice.
What is unusual is left to it: nulls, times of the broker, control records, whatever is damaged.
"""

from collections.abc import Iterator
from functools import cache, lru_cache
from typing import Any

from kafka.consumer.fetcher import ConsumerRecord, Fetcher
from kafka.errors import CorruptRecordError
from kafka.record.default_records import DefaultRecord, DefaultRecordBatch
from kafka.record.util import decode_varint

_UNUSUAL = DefaultRecordBatch.CONTROL_MASK | DefaultRecordBatch.TIMESTAMP_TYPE_MASK
_LATEST = 2  # of message formats
_NONE = (None, None)  # no deserializer of keys, none of values
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


@cache
def count_no_header_sizes() -> None:
    """Once a process: what consumers are given of a record holds no sizes, for which each header is encoded again."""
    parts = Fetcher.PartitionRecords
    with_sizes = parts._unpack_records

    def without_sizes(part: Any, place: Any, batches: Any, *deserializers: Any) -> Iterator[ConsumerRecord]:
        if part.aborted_transactions or deserializers != _NONE:
            yield from with_sizes(part, place, batches, *deserializers)
        else:
            yield from _without_sizes(part, place, batches)

    parts._unpack_records = without_sizes


def _without_sizes(part: Any, place: Any, batches: Any) -> Iterator[ConsumerRecord]:
    """As the library has it where no transaction was aborted: control batches, which end transactions, are left out."""
    topic, partition = place
    batch = None
    for batch in iter(batches.next_batch, None):
        if part.check_crcs and not batch.validate_crc():
            offset = batch.base_offset
            raise CorruptRecordError(f"Record batch for partition {place} at offset {offset} failed crc check")
        if batch.magic == _LATEST:
            part.leader_epoch = batch.leader_epoch
            if batch.is_control_batch:
                part.next_fetch_offset = batch.next_offset
                continue
        for record in batch:
            offset = record.offset
            if part.check_crcs and not record.validate_crc():
                raise CorruptRecordError(f"Record for partition {place} at offset {offset} failed crc check")
            part.next_fetch_offset = offset + 1
            part.bytes_read += record.size_in_bytes  # the turn of a partition is over once something has been read
            yield ConsumerRecord(
                topic, partition, part.leader_epoch, offset, record.timestamp, record.timestamp_type,
                record.key, record.value, record.headers, record.checksum, -1, -1, -1,
            )  # fmt: skip
    if batch is not None and batch.magic == _LATEST:
        part.next_fetch_offset = batch.next_offset  # compaction may have taken its last records
    part.drain()


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
