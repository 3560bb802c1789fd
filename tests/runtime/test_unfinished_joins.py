"""A rejoin that takes longer than one poll: kafka-python's own consumer forgets it (3.0.12), ours does not."""

from contextlib import closing
from typing import Any

import pytest
from kafka.admin import NewPartitions, NewTopic

from deploy.local.ports import wait_until
from runtime.config import ProcessConfig
from runtime.kafka.clients import make_admin, make_consumer, partition_counts

pytestmark = [pytest.mark.timeout(120), pytest.mark.broker]


def test_a_leader_that_sees_new_partitions_gets_them_however_short_its_polls(
    kafka_bootstrap: str, topic_prefix: str
) -> None:
    config = ProcessConfig(kafka_bootstrap_servers=kafka_bootstrap, topic_prefix=topic_prefix)
    topic = f"{topic_prefix}.joined"
    with closing(make_admin(config)) as admin, closing(make_consumer(config, "test", group_id=topic)) as consumer:
        admin.create_topics([NewTopic(topic, 1, 1)])
        consumer.subscribe([topic])
        assert wait_until(lambda: _assigned_after_poll(consumer, 1000) == 1, 30)
        admin.create_partitions({topic: NewPartitions(3)})
        assert wait_until(lambda: partition_counts(consumer, [topic]) == {topic: 3}, 30)
        assert any(_assigned_after_poll(consumer, 1) == 3 for _ in range(30_000))  # one after the other, as a loop does


def _assigned_after_poll(consumer: Any, timeout_ms: int) -> int:
    consumer.poll(timeout_ms=timeout_ms)
    return len(consumer.assignment())
