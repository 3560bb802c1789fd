"""Compressed batches under a lowered limit, by both clients' own readers: harmless ones, written by kafka-python."""

import struct
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from aiokafka.consumer import fetcher
from aiokafka.structs import TopicPartition
from kafka import codec as codecs
from kafka.consumer.fetcher import Fetcher
from kafka.record import MemoryRecords, MemoryRecordsBuilder
from kafka.record.default_records import DefaultRecordBase
from kafka.record.util import calc_crc32c

from runtime.kafka import decompression as unpacking
from runtime.kafka.unreadable_records import fix_aiokafka_records, fix_kafka_python_records
from schemas.reasons import Reason
from schemas.topics import MAIL_FETCHED
from schemas.wire import MAX_RECORD_BYTES, NOT_UNPACKED, Record, UndecodableError, open_envelope

CODECS = {"gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}
LIMIT = 100_000
HEADER_BYTES = DefaultRecordBase.HEADER_STRUCT.size


pytestmark = pytest.mark.usefixtures("_packs_everything")


@pytest.fixture(params=CODECS)
def codec(request: pytest.FixtureRequest) -> int:
    return CODECS[request.param]


@pytest.fixture(params=["kafka-python", "aiokafka"])
def client(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def low_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacking, "MAX_UNPACKED_BYTES", LIMIT)


def _batch(codec: int, base_offset: int, *values: bytes) -> bytes:
    builder = MemoryRecordsBuilder(magic=2, compression_type=codec, batch_size=1 << 30)
    for value in values:
        builder.append(timestamp=1_700_000_000_000, key=b"k", value=value, headers=[])
    builder.close()
    return struct.pack(">q", base_offset) + bytes(builder.buffer())[8:]  # the checksum leaves it out


def _read(client: str, data: bytes, start: int = 0) -> list[Any]:
    if client == "kafka-python":
        fix_kafka_python_records()
        records = Fetcher.PartitionRecords(start, TopicPartition("t", 0), MemoryRecords(data))
        return list(records.take())
    fix_aiokafka_records()
    kept = fetcher.MemoryRecords(data)
    return list(fetcher.PartitionRecords(TopicPartition("t", 0), kept, [], start, None, None, True, 0))


def test_a_batch_within_the_limit_is_read_as_it_is(client: str, codec: int, low_limit: None) -> None:
    read = _read(client, _batch(codec, 7, b"a" * 40_000, b"b" * 50_000))
    assert [(record.offset, record.value) for record in read] == [(7, b"a" * 40_000), (8, b"b" * 50_000)]


def test_a_larger_batch_is_one_marked_record_between_its_neighbours(client: str, codec: int, low_limit: None) -> None:
    data = _batch(codec, 0, b"before") + _batch(codec, 1, *[b"a" * 40_000] * 3) + _batch(codec, 4, b"after")
    before, marked, after = _read(client, data)
    assert [before.value, after.value] == [b"before", b"after"]
    assert (marked.offset, marked.key, marked.value) == (3, None, b"")
    assert [before.offset, after.offset] == [0, 4]
    record = Record("t", 0, marked.offset, marked.key, marked.value, list(marked.headers))
    with pytest.raises(UndecodableError, match="3 records, offsets 1 to 3: unpacked it has more than") as raised:
        open_envelope(MAIL_FETCHED, record)
    assert raised.value.reason is Reason.NOT_UNPACKED


def test_a_reader_that_begins_within_a_larger_batch_gets_past_it(client: str, codec: int, low_limit: None) -> None:
    data = _batch(codec, 1, *[b"a" * 40_000] * 3) + _batch(codec, 4, b"after")
    assert [record.offset for record in _read(client, data, start=2)] == [3, 4]


def test_a_batch_that_cannot_be_unpacked_is_one_marked_record(client: str, codec: int) -> None:
    header = _batch(codec, 0, b"a" * 1000)[:HEADER_BYTES]
    damaged = bytearray(header + b"\xff" * 40)
    damaged[8:12] = struct.pack(">i", len(damaged) - 12)
    damaged[17:21] = struct.pack(">I", calc_crc32c(bytes(damaged[21:])))
    (marked,) = _read(client, bytes(damaged))
    assert dict(marked.headers)[NOT_UNPACKED].startswith(b"1 records, offsets 0 to 0: it is no ")


def test_no_codec_makes_more_than_a_step_beyond_the_limit(codec: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred times the limit is packed: whoever unpacked it whole would be seen in the steps."""
    monkeypatch.setattr(unpacking, "MAX_UNPACKED_BYTES", LIMIT)
    packed = dict(_packed(b"a" * (100 * LIMIT)))[codec]
    sizes: list[int] = []
    check = unpacking._check

    def noting(size: int) -> None:
        sizes.append(size)
        check(size)

    monkeypatch.setattr(unpacking, "_check", noting)
    with pytest.raises(unpacking.UnpackError):
        _UNPACK[codec](packed)
    announced = codec == CODECS["snappy"]
    assert announced or sizes[-1] <= LIMIT + unpacking._LEAST_STEP + unpacking._RATIO * len(packed)
    assert all(before < after for before, after in pairwise(sizes))


_UNPACK = {1: unpacking.gunzip, 2: unpacking.unpack_snappy, 3: unpacking.unpack_lz4, 4: unpacking.unpack_zstd}


def _packed(data: bytes) -> Iterator[tuple[int, bytes]]:
    yield 1, codecs.gzip_encode(data)
    yield 2, codecs.snappy_encode(data)
    yield 3, codecs.lz4_encode(data)
    yield 4, codecs.zstd_encode(data)


def test_the_largest_record_of_ours_fits_with_room() -> None:
    assert unpacking.MAX_UNPACKED_BYTES >= 2 * MAX_RECORD_BYTES
