"""A broker on a bad day: every record of some topics comes a second time."""

import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from types import TracebackType
from typing import Any, Self

from runtime.config import ProcessConfig
from runtime.kafka.clients import make_consumer
from runtime.kafka.producer import ProducerRecord, Publisher
from runtime.kafka.topic_reader import assign_whole, to_record
from schemas.topics import Topic

_MARK = ("x-second-delivery", b"1")


class SecondDelivery:
    """Publishes each record once more behind those that are there, from the beginning to the end of its block."""

    def __init__(self, config: ProcessConfig, topics: Sequence[Topic]) -> None:
        self._config = config
        self._topics = [topic.name(config.topic_prefix) for topic in topics]
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="second delivery")
        self.copies = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        with closing(Publisher(self._config)) as publisher, closing(make_consumer(self._config, "again")) as consumer:
            assign_whole(consumer, self._topics)
            while not self._stop.is_set():
                copies = list(_copies(consumer.poll(200).values()))
                publisher.publish(copies)
                self.copies += len(copies)


def _copies(polled: Iterable[Sequence[Any]]) -> Iterator[ProducerRecord]:
    for raw in (raw for records in polled for raw in records):
        record = to_record(raw)
        if _MARK not in record.headers:
            yield ProducerRecord(record.topic, record.key, record.value, (*record.headers, _MARK))
