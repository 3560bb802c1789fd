"""How many bytes one poll may return: the clients count compressed bytes and records, which do not bound their memory.

What is left over stays compressed, and comes with the next poll. A record that is larger than all of it comes alone.
"""

from collections.abc import Iterator
from functools import cache
from itertools import islice
from typing import Any

MAX_POLLED_BYTES = 32 * 1024 * 1024


@cache
def limit_kafka_python_polls() -> None:
    """Once a process."""
    from kafka.consumer.fetcher import Fetcher

    append = Fetcher._append

    def take_some(part: Any, n: int | None = None) -> list[Any]:
        """As kafka-python's own, which knows no other bound than `n`.

        What cannot be read on is given up, and fetched anew: kafka-python 3.0.12 raises the error once, and then asks
        the same part again and again, without end, for the records that it never gives.
        """
        taken: list[Any] = []
        try:
            part._maybe_raise_next_inline_exception()
            taken.extend(islice(_until_full(part.record_iterator), n))
        except Exception as error:
            if not taken:
                part.drain()
                raise
            part._next_inline_exception = error  # raised by the next call
        return taken

    def append_some(fetcher: Any, drained: Any, part: Any, max_records: int, update_offsets: bool) -> int:
        if sum(map(_size, drained.values())) >= MAX_POLLED_BYTES:
            return max_records  # so that the poll ends; the part stays for the next one
        taken: int = append(fetcher, drained, part, max_records, update_offsets)
        return taken

    Fetcher.PartitionRecords.take, Fetcher._append = take_some, append_some


@cache
def limit_aiokafka_polls() -> None:
    """Once a process."""
    from aiokafka.consumer.fetcher import Fetcher, FetchResult

    fetched = Fetcher.fetched_records
    left = [MAX_POLLED_BYTES]  # of the poll that goes on: they never overlap, each consumer having one thread

    def get_some(result: Any, max_records: int | None = None) -> list[Any]:
        """As aiokafka's own, which knows no other bound than `max_records`.

        The position moves once, at the end: of what is taken before a record that cannot be read nothing counts as
        consumed.
        """
        if left[0] <= 0 or not result.check_assignment(result._topic_partition) or not result.has_more():
            return []
        taken: list[Any] = []
        for record in result._partition_records:
            taken.append(record)
            left[0] -= len(record.value or b"")
            if len(taken) == max_records or left[0] <= 0:
                result._update_position()
                break
        else:
            result._update_position()
            result._partition_records = None
        return taken

    async def fetched_some(fetcher: Any, *arguments: Any, **settings: Any) -> Any:
        left[0] = MAX_POLLED_BYTES
        return await fetched(fetcher, *arguments, **settings)

    FetchResult.getall, Fetcher.fetched_records = get_some, fetched_some


def _until_full(records: Iterator[Any]) -> Iterator[Any]:
    size = 0
    for record in records:
        yield record
        size += len(record.value or b"")
        if size >= MAX_POLLED_BYTES:
            return


def _size(records: list[Any]) -> int:
    return sum(len(record.value or b"") for record in records)
