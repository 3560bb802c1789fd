"""Our batches are kafka-python's, byte for byte, whatever is in them; a release of it that differs fails here."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kafka.record import memory_records
from kafka.record.default_records import DefaultRecordBatchBuilder

from runtime.kafka.record_batches import BatchOfPieces, build_batches_of_pieces

NONE, LZ4, ZSTD = (getattr(DefaultRecordBatchBuilder, f"CODEC_{name}") for name in ("NONE", "LZ4", "ZSTD"))
ROOM = 3_000

pytestmark = pytest.mark.usefixtures("_packs_everything")

contents = st.one_of(
    st.binary(max_size=200),
    st.integers(0, 20_000).map(lambda size: b"a" * size),  # lengths of one to three bytes, and it can be compressed
)


@dataclass(frozen=True)
class Written:
    """A record as producers hand it over."""

    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]]


records = st.builds(
    Written,
    timestamp=st.integers(0, 2**41),
    key=st.none() | contents,
    value=st.none() | contents,
    headers=st.lists(st.tuples(st.text(max_size=20), contents), max_size=5),
)


@given(st.lists(records, max_size=20), st.sampled_from((NONE, LZ4, ZSTD)))
def test_a_batch_has_the_bytes_that_kafka_python_writes(written: list[Written], codec: int) -> None:
    ours, theirs = (kind(2, codec, False, -1, -1, -1, ROOM) for kind in (BatchOfPieces, DefaultRecordBatchBuilder))
    for one in written:
        place = theirs._num_records
        told = [batch.append(place, one.timestamp, one.key, one.value, one.headers) for batch in (ours, theirs)]
        assert len({told and (told.offset, told.timestamp, told.size) for told in told}) == 1
        assert ours.size() == theirs.size()
    for batch in (ours, theirs):
        batch.set_producer_state(7, 1, 42, False)
    assert ours.build() == theirs.build()


def test_a_record_without_a_time_is_of_now() -> None:
    ours, theirs = (kind(2, NONE, False, -1, -1, -1, ROOM) for kind in (BatchOfPieces, DefaultRecordBatchBuilder))
    first, later = (batch.append(0, None, b"k", b"v", []) for batch in (theirs, ours))
    assert first is not None and later is not None
    assert first.timestamp <= later.timestamp <= first.timestamp + 60_000


def test_producers_build_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_records, "DefaultRecordBatchBuilder", DefaultRecordBatchBuilder)
    build_batches_of_pieces.__wrapped__()  # whether this process has a producer already or not
    builder = memory_records.MemoryRecordsBuilder(2, LZ4, ROOM)
    assert isinstance(builder._builder, BatchOfPieces)
