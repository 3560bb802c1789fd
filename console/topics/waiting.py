"""Waiting for the broker: a slow one, and saying so; new topics, until it shows them; the response to a command."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from runtime.config import ProcessConfig
from runtime.kafka.clients import broker_errors, make_consumer
from runtime.kafka.connection_check import is_listening
from runtime.kafka.topic_reader import assign_whole, to_record
from runtime.kafka.topic_setup import TopicReport, create_topics, missing_topics
from runtime.outages import OutageError
from schemas.reasons import Reason
from schemas.wire import Record

if TYPE_CHECKING:
    from kafka import KafkaConsumer


R = TypeVar("R")

_SILENT_SECONDS = 3.0
_PAUSE_SECONDS = 1.0


class BrokerWait:
    """`seconds` are for all attempts of one command together. `tell` gets a line for the user whenever it waits."""

    def __init__(self, config: ProcessConfig, seconds: float, tell: Callable[[str], None]) -> None:
        self._servers = config.kafka_bootstrap_servers
        self._deadline = time.monotonic() + seconds
        self._tell = tell

    def run(self, what: str, attempt: Callable[[], R]) -> R:
        """What `attempt` returns; tried again while the broker is slow. `what` is being done, for the user.

        Raises its `OutageError` where nobody takes connections at the broker's address, or when the time is over.
        """
        while True:
            try:
                with self._telling(what):
                    return attempt()
            except OutageError as error:
                if time.monotonic() + _PAUSE_SECONDS > self._deadline or not is_listening(self._servers):
                    raise
                self._tell(f"the broker is slow ({error}): {what} is tried again for {self._left():.0f} s more")
                time.sleep(_PAUSE_SECONDS)

    @contextmanager
    def _telling(self, what: str) -> Iterator[None]:
        """Says so once where an attempt takes long."""
        timer = threading.Timer(_SILENT_SECONDS, self._tell_slow, (what,))
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _tell_slow(self, what: str) -> None:
        if is_listening(self._servers):
            self._tell(f"the broker is slow: {what} takes longer than {_SILENT_SECONDS:g} s; waiting, Ctrl-C cancels")

    def _left(self) -> float:
        return max(0.0, self._deadline - time.monotonic())


_POLL_SECONDS = 1.0


@contextmanager
def tail(config: ProcessConfig, client: str, topics: Sequence[str]) -> "Iterator[KafkaConsumer]":
    """Stands at the end of the topics (full names) before the question is asked: no answer can be too quick for us.

    Raises `OutageError`, `TopicMissingError`.
    """
    consumer = make_consumer(config, client, fetch_max_wait_ms=100)
    try:
        with broker_errors():
            for partition, end in assign_whole(consumer, topics).items():
                consumer.seek(partition, end)
        yield consumer
    finally:
        consumer.close(autocommit=False)


def new_records(consumer: "KafkaConsumer", seconds: float) -> Iterator[Record]:
    """Records that arrive within `seconds`. Raises `OutageError`."""
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        with broker_errors():
            batches = consumer.poll(int(min(left, _POLL_SECONDS) * 1000))
        yield from (to_record(raw) for batch in batches.values() for raw in batch)


WAIT_SECONDS = 30.0
_LOOK_EVERY_SECONDS = 0.1


def create(config: ProcessConfig) -> TopicReport:
    """Create what is missing; returns once the broker shows all of it, so that the next command finds it.

    Raises `OutageError`.
    """
    report = create_topics(config)
    deadline = time.monotonic() + WAIT_SECONDS
    while missing := missing_topics(config):
        if time.monotonic() > deadline:
            raise OutageError(Reason.BROKER_AWAY, f"the broker took the new topics, but does not show {missing[0]}")
        time.sleep(_LOOK_EVERY_SECONDS)
    return report
