"""An instance among others reads larger batches; one that is alone, or has read one record, waits for nothing."""

import random
from collections.abc import Iterator
from contextlib import ExitStack, closing

import pytest
from kafka import KafkaConsumer, TopicPartition
from kafka.admin import NewTopic

from deploy.local.ports import wait_until
from runtime.config import ProcessConfig
from runtime.kafka import patient_fetches
from runtime.kafka.clients import make_admin, make_consumer
from runtime.kafka.patient_fetches import ENOUGH_BYTES, PatientFetches
from runtime.kafka.producer import ProducerRecord, Publisher
from schemas.topics import MAIL_FETCHED, MAIL_RESOLVED
from tests.contract.loops import ObedientHandler, Running, make_topics

pytestmark = [pytest.mark.timeout(90), pytest.mark.broker]

FOR_EVER = 400_000  # milliseconds: as far as this test is concerned
SECONDS = 30.0


@pytest.fixture
def config(kafka_bootstrap: str, topic_prefix: str) -> ProcessConfig:
    return ProcessConfig(kafka_bootstrap_servers=kafka_bootstrap, topic_prefix=topic_prefix)


@pytest.fixture
def topic(config: ProcessConfig) -> str:
    name = f"{config.topic_prefix}.patient"
    with closing(make_admin(config)) as admin:
        admin.create_topics([NewTopic(name, 1, 1)])
    return name


@pytest.fixture
def consumer(config: ProcessConfig, topic: str) -> Iterator[KafkaConsumer]:
    waits = {"fetch_max_wait_ms": FOR_EVER, "request_timeout_ms": 500_000, "connections_max_idle_ms": 600_000}
    with closing(make_consumer(config, "test", **waits)) as consumer:
        consumer.assign([TopicPartition(topic, 0)])
        consumer.seek_to_beginning()
        yield consumer


def test_a_fetch_waits_until_there_is_enough_and_the_next_one_ends_with_any_record(
    consumer: KafkaConsumer, topic: str, publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    def polled() -> list[int]:
        return [len(one.value) for records in consumer.poll(200).values() for one in records]

    def publish(size: int) -> None:
        publisher.publish([ProducerRecord(topic, b"", random.Random(1).randbytes(size))])

    monkeypatch.setattr(patient_fetches, "LONGEST_SECONDS", FOR_EVER / 1000)
    fetches = PatientFetches(consumer)
    fetches.wait(FOR_EVER / 1000)
    assert wait_until(lambda: polled() == [] and bool(consumer._fetcher._nodes_with_pending_fetch_requests), SECONDS)
    publish(1)
    assert polled() == []
    publish(ENOUGH_BYTES)
    came: list[int] = []
    while len(came) < 2:
        came += polled()
    assert came == [1, ENOUGH_BYTES]
    assert polled() == []
    publish(2)
    assert wait_until(lambda: polled() == [2], SECONDS)


@pytest.mark.parametrize(("instances", "records", "waits"), [(1, 40, False), (2, 40, True), (2, 1, False)])
def test_only_one_among_others_lets_it_wait_and_only_while_several_records_come(
    config: ProcessConfig,
    publisher: Publisher,
    monkeypatch: pytest.MonkeyPatch,
    instances: int,
    records: int,
    waits: bool,
) -> None:
    wait, waited = PatientFetches.wait, list[float]()

    def noted(fetches: PatientFetches, seconds: float) -> None:
        waited.append(seconds)
        wait(fetches, seconds)

    monkeypatch.setattr(PatientFetches, "wait", noted)
    topic = MAIL_FETCHED.name(config.topic_prefix)
    make_topics(config, [topic, MAIL_RESOLVED.name(config.topic_prefix)])
    handlers = [ObedientHandler() for _ in range(instances)]

    def handled() -> int:
        return sum(len(one.handled) for one in handlers)

    with ExitStack() as stack:
        running = [stack.enter_context(Running("kafka-python", config, handler)) for handler in handlers]
        assert wait_until(lambda: not any(one.health.not_ready() for one in running), SECONDS)
        for number in range(records):
            publisher.publish([ProducerRecord(topic, b"%d" % number, b"x")] * records)
        assert wait_until(lambda: handled() == records * records, SECONDS)
    assert waited and any(waited) == waits
