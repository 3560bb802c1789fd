"""Batches of records as kafka-python builds them, byte for byte, for less CPU: a record is kept in pieces until then.

kafka-python 3.0.12 writes a record into a buffer of its own, byte by byte where it is no content, then into that of the
batch, which moves as it grows, and copies that twice to compress it: each byte of a large record is copied six times.
"""

import time
from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Any

from kafka.codec import lz4_encode
from kafka.record import memory_records
from kafka.record.default_records import DefaultRecordBatchBuilder, DefaultRecordMetadata
from kafka.record.util import encode_varint


@cache
def build_batches_of_pieces() -> None:
    """Once a process: every producer of kafka-python builds its batches so from here on."""
    memory_records.DefaultRecordBatchBuilder = BatchOfPieces


class BatchOfPieces(DefaultRecordBatchBuilder):  # type: ignore[misc]  # it has no types
    """A batch (record batch of message format 2), put together when it is built.

    With LZ4, as our producers compress, or with nothing; otherwise the library compresses what has been put together.
    """

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self._pieces: list[bytes] = []
        self._size = len(self._buffer)

    def size(self) -> int:
        return self._size

    def append(
        self,
        offset: int,
        timestamp: int | None,
        key: bytes | None,
        value: bytes | None,
        headers: Sequence[tuple[str, bytes]],
    ) -> DefaultRecordMetadata | None:
        """`timestamp`: milliseconds, None for now. None if the batch has no room, which the first record always has."""
        moment = int(time.time() * 1000) if timestamp is None else timestamp
        if is_first := self._num_records == 0:
            self._first_timestamp = self._max_timestamp = moment
        delta = moment - self._first_timestamp
        before = b"".join((b"\0", _varint(delta), _varint(offset), _length(key), key or b"", _length(value)))
        behind = [_varint(len(headers))]
        for name, content in headers:
            size = len(content)
            behind += (_header_name(name), _SMALL[size] if size < _FIRST_LARGE else _written(size), content)
        after, body = b"".join(behind), value or b""
        length = len(before) + len(body) + len(after)
        prefix = _varint(length)
        size = len(prefix) + length
        if not is_first and self._size + size > self._batch_size:
            return None
        self._max_timestamp = max(self._max_timestamp, moment)
        self._num_records += 1
        self._last_offset = offset
        self._pieces += (prefix, before, body, after)
        self._size += size
        return DefaultRecordMetadata(offset, size, moment)

    def build(self) -> bytearray:
        records = b"".join(self._pieces)
        self._pieces.clear()
        buffer: bytearray = self._buffer
        if self._compression_type == self.CODEC_LZ4:
            packed = lz4_encode(records)
            is_smaller = len(packed) < len(records)
            buffer += packed if is_smaller else records
        else:
            buffer += records
            is_smaller = self._maybe_compress()
        self.write_header(use_compression_type=is_smaller)
        return buffer


def _length(content: bytes | None) -> bytes:
    return _varint(-1 if content is None else len(content))


@lru_cache(1000)
def _header_name(name: str) -> bytes:
    encoded = name.encode()
    return _length(encoded) + encoded


def _varint(number: int) -> bytes:
    return _SMALL[number] if 0 <= number < _FIRST_LARGE else _written(number)


def _written(number: int) -> bytes:
    written = bytearray()
    encode_varint(number, written.append)
    return bytes(written)


_FIRST_LARGE = 1_000
_SMALL = tuple(_written(number) for number in range(_FIRST_LARGE))
