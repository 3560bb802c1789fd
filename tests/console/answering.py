"""Stands in for ingest's side of a test: reads `server.tests` from the broker, publishes a result as ingest would."""

import threading
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from runtime.config import ProcessConfig
from runtime.kafka.clients import make_consumer
from runtime.kafka.producer import Publisher
from runtime.kafka.topic_reader import assign_whole, to_record
from schemas.servers import ServerTest, ServerTestResult
from schemas.topics import SERVER_TEST_RESULTS, SERVER_TESTS
from schemas.wire import decode, encode

Answer = Callable[[ServerTest], ServerTestResult]


class Answering:
    """Answers every request made while it is entered; `requests` are those it has seen."""

    def __init__(self, config: ProcessConfig, answer: Answer) -> None:
        self._config = config
        self._answer = answer
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="answering")
        self.requests: list[ServerTest] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        consumer = make_consumer(self._config, "answering", fetch_max_wait_ms=100)
        with closing(Publisher(self._config)) as publisher:
            assign_whole(consumer, [SERVER_TESTS.name(self._config.topic_prefix)])
            while not self._stop.is_set():
                for records in consumer.poll(100).values():
                    for record in records:
                        self._handle(decode(SERVER_TESTS, to_record(record))[1], publisher)
        consumer.close(autocommit=False)

    def _handle(self, request: ServerTest, publisher: Publisher) -> None:
        """Somebody else's result goes before it: what is waited for is the answer to one request."""
        self.requests.append(request)
        other = ServerTestResult(test_id="another", ok=False, steps=(), subject="not for you")
        publisher.publish(
            [
                encode(SERVER_TEST_RESULTS, one.test_id, one, id=one.test_id, source="/test", time=datetime.now(UTC))
                for one in (other, self._answer(request))
            ]
        )
