"""Records as we read them out of kafka-python's batches: just as the library reads them, and fails where it fails."""

import struct
from collections.abc import Iterator
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest
from kafka import TopicPartition
from kafka.consumer.fetcher import Fetcher, IsolationLevel
from kafka.record import MemoryRecords
from kafka.record.default_records import DefaultRecordBatch, DefaultRecordBatchBuilder
from kafka.record.memory_records import MemoryRecordsBuilder
from kafka.record.util import calc_crc32c

from runtime.kafka.record_reader import count_no_header_sizes, read_records_quickly

NONE, LZ4 = 0, 3
SIZES = (0, 1, 63, 64, 8191, 8192)  # a length takes one byte, two, three
THEIRS = DefaultRecordBatch._maybe_uncompress, DefaultRecordBatch._read_msg
Read = list[tuple[Any, ...]] | str


@pytest.fixture(autouse=True)
def as_it_was(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(DefaultRecordBatch, "_maybe_uncompress", DefaultRecordBatch._maybe_uncompress)
    monkeypatch.setattr(DefaultRecordBatch, "_read_msg", DefaultRecordBatch._read_msg)
    monkeypatch.setattr(Fetcher.PartitionRecords, "_unpack_records", Fetcher.PartitionRecords._unpack_records)
    yield


def batch(*records: tuple[Any, ...], codec: int = LZ4) -> bytearray:
    """Of (milliseconds, key, value, headers)."""
    builder = DefaultRecordBatchBuilder(2, codec, False, -1, -1, -1, 1 << 20)
    for place, record in enumerate(records):
        builder.append(place, *record)
    built: bytearray = builder.build()
    return built


def read(data: bytearray) -> Read:
    """All that a consumer is given of each record; or the kind of the error."""
    records = []
    try:
        for one in MemoryRecords(bytes(data)).next_batch():
            records.append((one.offset, one.timestamp, one.timestamp_type, one.key, one.value, one.headers))
            assert {type(content) for content in (one.key, one.value)} <= {bytes, type(None)}
            assert one.size_in_bytes > 0
    except Exception as error:
        return type(error).__name__
    return records


def both(data: bytearray, monkeypatch: pytest.MonkeyPatch) -> tuple[Read, Read]:
    """By us and by the library."""
    with monkeypatch.context() as patched:
        patched.setattr(DefaultRecordBatch, "_maybe_uncompress", THEIRS[0])
        patched.setattr(DefaultRecordBatch, "_read_msg", THEIRS[1])
        theirs = read(data)
        read_records_quickly.__wrapped__()
        return read(data), theirs


def headers(random: Random) -> list[tuple[str, bytes | None]]:
    names = ["ce_id", "traceparent", "", "é" * 40, "n" * 63, "n" * 64]
    contents = [None, *(b"x" * size for size in SIZES)]
    return [(random.choice(names), random.choice(contents)) for _ in range(random.randrange(10))]


def record(random: Random) -> tuple[Any, ...]:
    key, value = (random.choice([None, *(b"y" * size for size in SIZES)]) for _ in range(2))
    return 1_700_000_000_000 + random.randrange(-100, 100_000), key, value, headers(random)


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize("codec", [NONE, LZ4])
def test_each_record_is_what_the_library_reads(codec: int, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    random = Random(seed)
    data = batch(*(record(random) for _ in range(random.randrange(1, 8))), codec=codec)
    ours, theirs = both(data, monkeypatch)
    assert ours == theirs
    assert isinstance(ours, list)


def test_a_usual_record_is_read_by_us(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(_: Any) -> Any:
        raise AssertionError("the library reads it")

    usual = [(5, b"k", b"v" * size, [("ce_id", b"1"), ("sha256", b"2" * size)]) for size in SIZES]
    monkeypatch.setattr(DefaultRecordBatch, "_read_msg", never)
    read_records_quickly.__wrapped__()
    assert [one[4] for one in read(batch(*usual))] == [b"v" * size for size in SIZES]


def test_times_of_the_broker_are_taken_from_the_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    data = batch((5, b"k", b"1", []), (9, b"k", b"2", []))
    data[DefaultRecordBatch.ATTRIBUTES_OFFSET + 1] |= DefaultRecordBatch.TIMESTAMP_TYPE_MASK
    ours, theirs = both(data, monkeypatch)
    assert ours == theirs == [(0, 9, 1, b"k", b"1", []), (1, 9, 1, b"k", b"2", [])]


def test_a_damaged_batch_is_read_as_far_as_the_library_reads_it_and_fails_as_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    random = Random(1)
    start = DefaultRecordBatch.HEADER_STRUCT.size
    whole = batch(*((5, b"key", b"value", [("a", b"1"), ("b", b"2" * 70)]) for _ in range(3)), codec=NONE)
    outcomes = set()
    for _ in range(3000):
        data = bytearray(whole)
        for _ in range(random.randrange(1, 4)):
            data[random.randrange(start, len(data))] = random.choice([0, 1, 2, 0x7F, 0x80, 0xFF, random.randrange(256)])
        ours, theirs = both(data, monkeypatch)
        assert ours == theirs, bytes(data)
        outcomes.add(ours if isinstance(ours, str) else "read")
    assert outcomes >= {"read", "CorruptRecordError"}


# ---- what consumers are given of the batches of a partition


PLACE = TopicPartition("t", 3)
TRANSACTIONAL, CONTROL = 0x10, 0x20  # attributes of a batch
COMMIT = struct.pack(">hh", 0, 1)  # key of the record that ends a transaction


def stored(offset: int, *values: bytes, attributes: int = 0, producer: int = 7, key: bytes = b"k") -> bytes:
    """A batch as a broker stores it, in its leader's third epoch."""
    builder = DefaultRecordBatchBuilder(2, NONE, False, producer, 0, 0, 1 << 20)
    for place, value in enumerate(values):
        builder.append(place, 1_000, key, value, [("ce_id", value), ("no", None)])
    batch = builder.build()
    struct.pack_into(">q", batch, 0, offset)
    struct.pack_into(">i", batch, 12, 3)
    struct.pack_into(">h", batch, 21, struct.unpack_from(">h", batch, 21)[0] | attributes)
    struct.pack_into(">I", batch, 17, calc_crc32c(memoryview(batch)[21:]))
    return bytes(batch)


def legacy(*values: bytes) -> bytes:
    """Records in the format that brokers stored before 0.11."""
    builder = MemoryRecordsBuilder(1, NONE, 1 << 20)
    for value in values:
        builder.append(1_000, b"k", value)
    builder.close()
    return bytes(builder.buffer())


def compacted(batch: bytes) -> bytes:
    """The batch without the records of its last two offsets, which it still counts."""
    shorter = bytearray(batch)
    struct.pack_into(">i", shorter, 23, struct.unpack_from(">i", shorter, 23)[0] + 2)
    struct.pack_into(">I", shorter, 17, calc_crc32c(memoryview(shorter)[21:]))
    return bytes(shorter)


def given(data: bytes, aborted: list[Any], first: int = 0, checked: bool = True) -> list[Any]:
    """Each record, less the sizes, where the next fetch begins, and how much was read; or the error."""
    part = Fetcher.PartitionRecords(
        first,
        PLACE,
        MemoryRecords(data),
        check_crcs=checked,
        isolation_level=IsolationLevel.READ_COMMITTED,
        aborted_transactions=list(aborted),
    )
    seen: list[Any] = []
    try:
        while part:
            seen += (record[:10] for record in part.take(1))
            seen.append((part.next_fetch_offset, part.leader_epoch, part.bytes_read))
    except Exception as error:
        seen.append((type(error), str(error)))
    return seen


ABORTED = [SimpleNamespace(producer_id=7, first_offset=2)]
PLAIN, MORE = stored(0, b"a", b"b"), stored(2, b"c", b"d", b"e", attributes=TRANSACTIONAL)
END = stored(5, b"", attributes=TRANSACTIONAL | CONTROL, key=COMMIT)


@pytest.mark.parametrize(
    ("data", "aborted", "first"),
    [
        (PLAIN, [], 0),
        (b"", [], 0),
        (PLAIN + MORE + END + stored(6, b"f"), [], 0),
        (PLAIN + MORE + END, [], 0),
        (PLAIN + MORE + END + stored(6, b"f"), ABORTED, 0),
        (PLAIN + MORE, [], 1),
        (compacted(PLAIN), [], 0),
        (compacted(PLAIN) + stored(4, b"e"), [], 3),
        (legacy(b"a", b"b"), [], 0),
        (PLAIN + legacy(b"a", b"b", b"c", b"d"), [], 0),
        (PLAIN[:-1] + b"x", [], 0),
        (PLAIN + MORE[:-1] + b"x", [], 0),
        (PLAIN + MORE[: len(MORE) // 2], [], 0),
        (legacy(b"a", b"b")[:-1] + b"x", [], 0),
    ],
)
@pytest.mark.parametrize("checked", [True, False])
def test_a_partition_gives_the_same_without_sizes(data: bytes, aborted: list[Any], first: int, checked: bool) -> None:
    theirs = given(data, aborted, first, checked)
    count_no_header_sizes.__wrapped__()
    assert given(data, aborted, first, checked) == theirs


def test_no_size_is_counted() -> None:
    count_no_header_sizes.__wrapped__()
    (record,) = Fetcher.PartitionRecords(0, PLACE, MemoryRecords(stored(0, b"a"))).take()
    assert record.serialized_header_size == -1
