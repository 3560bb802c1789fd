"""A record into the batch that its partition's next request is made of, for less CPU than kafka-python 3.0.12 takes."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from kafka.errors import IllegalStateError
from kafka.producer.producer_batch import ProducerBatch
from kafka.record.memory_records import MemoryRecordsBuilder

from schemas.wire import Header

if TYPE_CHECKING:
    from kafka import TopicPartition
    from kafka.producer.record_accumulator import RecordAccumulator


class Appended(Protocol):
    """A record that is in a batch."""

    @property
    def exception(self) -> BaseException | None:
        """Why it is not on its topic; None where it is, or is on its way."""


class _InBatch:
    """Stands in a batch for kafka-python's future of a record.

    That one takes two locks, a callback and the size of each header, for what nobody here asks: place and time.
    """

    __slots__ = ("_batch", "_index")

    def __init__(self, batch: Any, index: int) -> None:
        """`batch`: kafka-python's future of the whole batch."""
        self._batch = batch
        self._index = index

    def rebind(self, batch: Any, index: int) -> None:
        """kafka-python has split the batch, which the broker found too large: the record is in another one now."""
        left, self._batch, self._index = self._batch, batch, index
        left._latch.set()  # ends the wait for a batch that is never sent

    @property
    def exception(self) -> BaseException | None:
        if not self._batch.is_done:
            return None
        error_of = self._batch.value[2]
        if error_of is None:
            return None
        error: BaseException | type[BaseException] = error_of(self._index)
        return error() if isinstance(error, type) else error


def append(
    accumulator: "RecordAccumulator",
    place: "TopicPartition",
    key: bytes,
    value: bytes | None,
    headers: tuple[Header, ...],
) -> Appended:
    """As `accumulator.append`, under the same lock: into the last batch that waits, or a new one."""
    with accumulator._tp_lock(place):
        waiting = accumulator._batches[place]
        if waiting:
            batch = waiting[-1]
            written = batch.records.append(None, key, value, headers)
            if written is not None:  # else the batch is full, or has been closed
                return _noted(batch, written.offset)
        with _in_progress(accumulator):
            batch = _new_batch(accumulator, place)
            written = batch.records.append(None, key, value, headers)
            waiting.append(batch)
            accumulator._incomplete.add(batch)
        return _noted(batch, written.offset)


def _noted(batch: Any, index: int) -> Appended:
    appended = _InBatch(batch.produce_future, index)
    batch._record_futures.append(appended)
    return appended


def _new_batch(accumulator: "RecordAccumulator", place: "TopicPartition") -> Any:
    config = accumulator.config
    records = MemoryRecordsBuilder(config["message_version"], config["compression_attrs"], config["batch_size"])
    return ProducerBatch(place, records)


@contextmanager
def _in_progress(accumulator: "RecordAccumulator") -> Iterator[None]:
    """A producer that is closed by force waits for the end of the block, then gives up what was begun in it."""
    accumulator._appends_in_progress.increment()
    try:
        if accumulator._closed:
            raise IllegalStateError("RecordAccumulator is closed")
        yield
    finally:
        accumulator._appends_in_progress.decrement()
