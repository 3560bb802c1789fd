"""Where a partition is read on after a rebalance: what was fetched and not committed is read again."""

import asyncio
from contextlib import closing
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from kafka.admin import NewTopic

from runtime.config import ProcessConfig
from runtime.kafka.clients import make_admin
from runtime.kafka.producer import ProducerRecord, Publisher
from runtime.processing.faust_consumer import ReadCommittedThread

pytestmark = [pytest.mark.timeout(60), pytest.mark.broker]

RECORDS = 4


@pytest.fixture
def config(kafka_bootstrap: str, topic_prefix: str) -> ProcessConfig:
    return ProcessConfig(kafka_bootstrap_servers=kafka_bootstrap, topic_prefix=topic_prefix)


@pytest.mark.parametrize(("committed", "first"), [(None, 0), (0, 0), (3, 3)])
def test_it_is_read_again_from_what_is_committed_or_else_from_the_beginning(
    config: ProcessConfig, publisher: Publisher, committed: int | None, first: int
) -> None:
    topic = f"{config.topic_prefix}.sought"
    place = TopicPartition(topic, 0)
    with closing(make_admin(config)) as admin:
        admin.create_topics([NewTopic(topic, 1, 1)])
    publisher.publish([ProducerRecord(topic, b"", b"x")] * RECORDS)

    async def take(consumer: AIOKafkaConsumer, until: int) -> list[int]:
        offsets: list[int] = []
        while not offsets or offsets[-1] < until:
            for records in (await consumer.getmany(timeout_ms=1000)).values():
                offsets += [record.offset for record in records]
        return offsets

    async def take_twice() -> list[int]:
        consumer = AIOKafkaConsumer(
            topic,
            bootstrap_servers=config.kafka_bootstrap_servers,
            group_id=f"{config.topic_prefix}.seeking",
            auto_offset_reset="earliest",
            enable_auto_commit=False,
        )
        await consumer.start()
        try:
            assert await take(consumer, RECORDS - 1) == list(range(RECORDS))
            if committed is not None:
                await consumer.commit({place: committed})
            thread = cast(Any, SimpleNamespace(_ensure_consumer=lambda: consumer))
            await ReadCommittedThread._seek_to_committed(thread)
            return await take(consumer, RECORDS - 1)
        finally:
            await consumer.stop()

    assert asyncio.run(take_twice()) == list(range(first, RECORDS))
