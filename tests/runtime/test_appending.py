"""Records that we write into kafka-python's batches ourselves: each is told its own end, as by the library's future."""

import threading
import time
from typing import Any

import pytest
from kafka import TopicPartition
from kafka.errors import IllegalStateError, InvalidRecordError, KafkaError, KafkaTimeoutError, MessageSizeTooLargeError
from kafka.producer.producer_batch import ProducerBatch
from kafka.producer.record_accumulator import RecordAccumulator
from kafka.record import MemoryRecords

from runtime.kafka import appending
from runtime.kafka.appending import Appended, append

PLACE = TopicPartition("t", 0)
ROOM = 3_000
HEADERS = (("ce_id", b"1"),)


@pytest.fixture
def accumulator() -> RecordAccumulator:
    return RecordAccumulator(batch_size=ROOM, message_version=2)


def append_all(accumulator: RecordAccumulator, *values: bytes) -> list[Appended]:
    return [append(accumulator, PLACE, b"k", value, HEADERS) for value in values]


def taken(accumulator: RecordAccumulator) -> list[ProducerBatch]:
    """All batches, closed, as the thread that sends takes them."""
    batches = list(accumulator._batches[PLACE])
    accumulator._batches[PLACE].clear()
    for batch in batches:
        batch.records.close()
    return batches


def values_of(batch: ProducerBatch) -> list[bytes]:
    return [record.value for one in MemoryRecords(batch.records.buffer()) for record in one]


def test_a_batch_holds_the_records_in_their_order_until_it_is_full(accumulator: RecordAccumulator) -> None:
    values = [bytes([n]) * 800 for n in range(7)]
    append_all(accumulator, *values)
    assert [values_of(batch) for batch in taken(accumulator)] == [values[:3], values[3:6], values[6:]]


def test_nothing_is_written_into_a_batch_that_is_on_its_way(accumulator: RecordAccumulator) -> None:
    append_all(accumulator, b"1", b"2")
    accumulator._batches[PLACE][0].records.close()
    append_all(accumulator, b"3", b"4")
    assert [values_of(batch) for batch in taken(accumulator)] == [[b"1", b"2"], [b"3", b"4"]]


def test_a_record_has_no_error_before_its_batch_has_ended_and_none_where_that_is_on_its_topic(
    accumulator: RecordAccumulator,
) -> None:
    appended = append_all(accumulator, b"1", b"2", b"3")
    assert [one.exception for one in appended] == [None] * 3
    taken(accumulator)[0].complete(7, -1)
    assert [one.exception for one in appended] == [None] * 3


def test_of_a_batch_that_is_refused_each_record_has_its_own_error(accumulator: RecordAccumulator) -> None:
    appended = append_all(accumulator, b"1", b"2", b"3")
    of_records = {1: InvalidRecordError("this one")}
    taken(accumulator)[0].complete_exceptionally(KafkaError(), lambda index: of_records.get(index, KafkaError))
    assert [type(one.exception) for one in appended] == [KafkaError, InvalidRecordError, KafkaError]


def test_of_a_batch_that_is_given_up_each_record_has_the_error(accumulator: RecordAccumulator) -> None:
    appended = append_all(accumulator, b"1", b"2")
    error = KafkaError("closed by force")
    taken(accumulator)[0].abort(error)
    assert [one.exception for one in appended] == [error, error]


def test_a_record_of_a_batch_that_is_split_has_the_error_of_its_new_one(accumulator: RecordAccumulator) -> None:
    appended = append_all(accumulator, b"1", b"2", b"3", b"4")
    (whole,) = taken(accumulator)
    accumulator.split_and_reenqueue(whole)
    assert whole.produce_future.wait(0)  # nobody waits for what is never sent
    first, second = taken(accumulator)
    assert (values_of(first), values_of(second)) == ([b"1", b"2"], [b"3", b"4"])
    first.complete(7, -1)
    second.complete_exceptionally(MessageSizeTooLargeError(), lambda _: MessageSizeTooLargeError())
    assert [type(one.exception) for one in appended] == [
        *(type(None), type(None)),
        *(MessageSizeTooLargeError, MessageSizeTooLargeError),
    ]


def test_a_flush_waits_for_a_batch_that_was_begun_here(accumulator: RecordAccumulator) -> None:
    append_all(accumulator, b"1", b"2")
    accumulator.begin_flush()
    with pytest.raises(KafkaTimeoutError):
        accumulator.await_flush_completion(0)
    (batch,) = taken(accumulator)
    batch.complete(7, -1)
    accumulator.deallocate(batch)
    accumulator.begin_flush()
    accumulator.await_flush_completion(0)


def test_a_batch_is_begun_as_the_library_begins_it(accumulator: RecordAccumulator) -> None:
    append_all(accumulator, b"1")
    accumulator.append(TopicPartition("t", 1), None, b"k", b"1", HEADERS)
    (ours,), (theirs,) = (accumulator._batches[TopicPartition("t", number)] for number in (0, 1))
    known = [vars(batch).keys() - {"topic_partition"} for batch in (ours, theirs)]
    assert known[0] == known[1]
    for settings in ("_magic", "_batch_size", "_next_offset", "_closed"):
        assert getattr(ours.records, settings) == getattr(theirs.records, settings)
    for settings in ("_compression_type", "_is_transactional", "_batch_size"):
        assert getattr(ours.records._builder, settings) == getattr(theirs.records._builder, settings)


def test_nothing_is_begun_once_the_producer_is_closed(accumulator: RecordAccumulator) -> None:
    accumulator.close()
    with pytest.raises(IllegalStateError):
        append_all(accumulator, b"1")
    assert not accumulator.has_incomplete


def test_a_batch_that_is_begun_while_the_producer_is_closed_by_force_is_given_up(
    accumulator: RecordAccumulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    def close_by_force() -> None:
        accumulator.close()
        accumulator.abort_incomplete_batches()

    closing = threading.Thread(target=close_by_force)

    def begun_too_late(*arguments: Any) -> ProducerBatch:
        closing.start()
        time.sleep(0.1)
        return ProducerBatch(*arguments)

    monkeypatch.setattr(appending, "ProducerBatch", begun_too_late)
    (appended,) = append_all(accumulator, b"1")
    closing.join()
    assert type(appended.exception) is IllegalStateError
