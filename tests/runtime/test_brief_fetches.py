"""Many records in one partition, and none in the other: they come without a wait for a fetch that the broker holds."""

import asyncio
import random
from contextlib import closing

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka import TopicPartition as Partition
from kafka import TopicPartition
from kafka.admin import NewTopic

from runtime.config import ProcessConfig
from runtime.kafka.brief_fetches import hold_aiokafka_fetches_briefly
from runtime.kafka.clients import make_admin, make_consumer
from runtime.kafka.producer import ProducerRecord, Publisher

pytestmark = [pytest.mark.timeout(60), pytest.mark.broker]

RECORDS = 40  # of 100 kB, four times as much as one fetch takes of a partition
AT_ONCE = 5
FOR_EVER = {"fetch_max_wait_ms": 400_000, "request_timeout_ms": 500_000}  # as far as this test is concerned


@pytest.fixture
def topic(kafka_bootstrap: str, topic_prefix: str) -> str:
    config = _config(kafka_bootstrap)
    topic = f"{topic_prefix}.one-sender"
    with closing(make_admin(config)) as admin, closing(Publisher(config)) as publisher:
        admin.create_topics([NewTopic(topic, 2, 1)])
        value = random.Random(1).randbytes(100_000)
        publisher.publish([ProducerRecord(topic, b"one sender", value) for _ in range(RECORDS)])
    return topic


def test_by_kafka_python(kafka_bootstrap: str, topic: str) -> None:
    with closing(make_consumer(_config(kafka_bootstrap), "test", **FOR_EVER)) as consumer:
        both = [TopicPartition(topic, number) for number in range(2)]
        consumer.assign(both)
        consumer.seek_to_beginning(*both)
        came = 0
        while came < RECORDS:
            came += sum(map(len, consumer.poll(1000, max_records=AT_ONCE).values()))


def test_by_aiokafka(kafka_bootstrap: str, topic: str) -> None:
    async def take_all() -> None:
        consumer = AIOKafkaConsumer(bootstrap_servers=kafka_bootstrap, **FOR_EVER)
        await consumer.start()
        consumer._fetcher._prefetch_backoff = 0  # so that each fetch leaves out what waits here
        both = [Partition(topic, number) for number in range(2)]
        consumer.assign(both)
        await consumer.seek_to_beginning(*both)
        came = 0
        while came < RECORDS:
            came += sum(map(len, (await consumer.getmany(timeout_ms=1000, max_records=AT_ONCE)).values()))
        await consumer.stop()

    hold_aiokafka_fetches_briefly()
    asyncio.run(take_all())


def _config(kafka_bootstrap: str) -> ProcessConfig:
    return ProcessConfig(kafka_bootstrap_servers=kafka_bootstrap, topic_prefix="t")
