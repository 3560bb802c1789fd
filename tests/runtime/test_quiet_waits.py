"""A consumer with nothing to do: what ends its wait, and what does not let it wait."""

import threading
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from kafka.admin import NewTopic

from deploy.local.ports import wait_until
from runtime.config import ProcessConfig
from runtime.kafka.clients import make_admin, make_consumer
from runtime.kafka.producer import ProducerRecord, Publisher
from runtime.kafka.quiet_waits import QuietWaits

pytestmark = [pytest.mark.timeout(120), pytest.mark.broker]

LONG = 30.0  # seconds that nothing here waits for
SOON = 10.0  # on a busy machine


@pytest.fixture
def config(kafka_bootstrap: str, topic_prefix: str) -> ProcessConfig:
    config = ProcessConfig(kafka_bootstrap_servers=kafka_bootstrap, topic_prefix=topic_prefix)
    with closing(make_admin(config)) as admin:
        admin.create_topics([NewTopic(_topic(config), 1, 1)])
    return config


@pytest.fixture
def consumer(config: ProcessConfig) -> Iterator[Any]:
    topic = _topic(config)
    with closing(make_consumer(config, "test", group_id=topic)) as consumer:
        consumer.subscribe([topic])
        assert wait_until(lambda: _assigned_after_poll(consumer) == 1, LONG)
        consumer.poll(1000)  # a fetch is on its way from here on
        yield consumer


def test_a_stop_ends_the_wait_also_where_it_came_before(consumer: Any) -> None:
    stop = threading.Event()
    waits = QuietWaits(consumer, stop)
    _pause(consumer)
    threading.Timer(0.2, stop.set).start()
    assert _ended(waits, stop)
    waits.wake()
    assert _seconds(waits, LONG) < SOON


def test_a_record_ends_the_wait(config: ProcessConfig, consumer: Any) -> None:
    waits = QuietWaits(consumer, threading.Event())
    polled: list[Any] = []
    with closing(Publisher(config)) as publisher:
        publish = threading.Thread(target=publisher.publish, args=([ProducerRecord(_topic(config), b"k", b"v")],))
        publish.start()
        while not polled:
            assert _seconds(waits, LONG) < SOON
            polled = list(consumer.poll(1000).values())
        publish.join()
    assert [record.value for records in polled for record in records] == [b"v"]


def test_a_rebalance_ends_the_wait_and_lets_none_begin(consumer: Any) -> None:
    waits = QuietWaits(consumer, threading.Event())
    _pause(consumer)
    threading.Timer(0.2, consumer._coordinator.request_rejoin).start()
    assert _seconds(waits, LONG) < SOON
    assert not waits.nothing_to_do
    assert _seconds(waits, LONG) < SOON


def _pause(consumer: Any) -> None:
    """From here on no fetch is on its way, whose end would end a wait."""
    consumer.pause(*consumer.assignment())
    assert wait_until(lambda: not consumer._fetcher.in_flight_fetches(), LONG)
    consumer.poll(0)  # the last one is forgotten


def _seconds(waits: QuietWaits, longest: float) -> float:
    since = time.monotonic()
    waits.wait(longest)
    return time.monotonic() - since


def _ended(waits: QuietWaits, stop: threading.Event) -> bool:
    """Whether it returns soon after `stop`, as a loop waits again and again."""
    since = time.monotonic()
    while not stop.is_set():
        waits.wait(LONG)
    return time.monotonic() - since < SOON


def _assigned_after_poll(consumer: Any) -> int:
    consumer.poll(timeout_ms=1000)
    return len(consumer.assignment())


def _topic(config: ProcessConfig) -> str:
    return f"{config.topic_prefix}.quiet"
