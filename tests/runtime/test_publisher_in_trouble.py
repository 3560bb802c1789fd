"""A publisher whose broker is frozen for longer than a producer tries: nobody waits for ever, and it goes on."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from kafka.record.memory_records import MemoryRecordsBuilder

from deploy.local.servers.broker import KafkaProcess
from runtime.config import ProcessConfig
from runtime.kafka.clients import DELIVERY_SECONDS
from runtime.kafka.producer import Publisher
from runtime.kafka.topic_reader import read_to_end
from runtime.kafka.topic_setup import create_topics
from runtime.outages import Outage, OutageError, retry_until_available
from runtime.telemetry.health import Health
from schemas.reasons import Reason
from schemas.topics import CALL_EVENTS
from schemas.wire import OutputRecord
from tests.freezing import frozen

pytestmark = [pytest.mark.timeout(150), pytest.mark.broker]

THREADS = 3


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[KafkaProcess]:
    with KafkaProcess(tmp_path / "broker") as broker:
        yield broker


def test_every_thread_is_told_of_the_outage_and_the_next_producer_goes_on(broker: KafkaProcess) -> None:
    config = ProcessConfig(kafka_bootstrap_servers=broker.bootstrap_servers, topic_prefix="t")
    create_topics(config)
    with closing(Publisher(config)) as publisher, ThreadPoolExecutor(THREADS) as pool:
        publisher.publish([_message("before")])
        with frozen(broker.pid):
            frozen_at = time.monotonic()
            waiting = [pool.submit(publisher.publish, [_message(str(n))]) for n in range(THREADS)]
            for one in waiting:
                assert isinstance(one.exception(timeout=60), OutageError)
            assert time.monotonic() - frozen_at > DELIVERY_SECONDS  # as long as the producer itself may try
        again = [pool.submit(publisher.publish, [_message(str(n))]) for n in range(THREADS)]
        for one in again:
            assert one.result(timeout=60) is None
    # A broker that was frozen names itself only once it is registered again.
    records = retry_until_available(
        lambda: list(read_to_end(config, [CALL_EVENTS.name("t")])), Outage("test", Health()), threading.Event().wait
    )
    keys = {record.key for record in records}
    assert keys == {b"before", *(b"%d" % n for n in range(THREADS))}


def test_a_clock_that_is_ahead_is_told_as_what_the_broker_says(
    broker: KafkaProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = ProcessConfig(kafka_bootstrap_servers=broker.bootstrap_servers, topic_prefix="t")
    create_topics(config)
    append = MemoryRecordsBuilder.append
    ahead_ms = int(time.time() + 2 * 3600) * 1000  # brokers take an hour
    with closing(Publisher(config)) as publisher:
        with monkeypatch.context() as patched:
            patched.setattr(MemoryRecordsBuilder, "append", lambda it, _, *record: append(it, ahead_ms, *record))
            with pytest.raises(OutageError, match="refuses the time of a record: is it 20") as raised:
                publisher.publish([_message("1")])
        assert raised.value.reason is Reason.BROKER_REFUSES
        publisher.publish([_message("1")])
    assert [record.key for record in read_to_end(config, [CALL_EVENTS.name("t")])] == [b"1"]


def _message(key: str) -> OutputRecord:
    return OutputRecord(CALL_EVENTS, key, b"{}", ())
