"""What a publisher makes of the records that it is given: where they go, in which order, and what it takes."""

from typing import Any

import pytest
from kafka.net.compat import KafkaNetClient

from runtime.config import ProcessConfig
from runtime.kafka.partitioner import partition_of_key
from runtime.kafka.producer import ProducerRecord, Publisher
from runtime.kafka.topic_reader import read_to_end
from schemas.topics import MAIL_FETCHED
from tests.contract.loops import make_topics

pytestmark = pytest.mark.broker

PARTITIONS = 3


@pytest.fixture
def config(kafka_bootstrap: str, topic_prefix: str) -> ProcessConfig:
    return ProcessConfig(kafka_bootstrap_servers=kafka_bootstrap, topic_prefix=topic_prefix)


@pytest.fixture
def topic(config: ProcessConfig) -> str:
    name = MAIL_FETCHED.name(config.topic_prefix)
    make_topics(config, [name], partitions=PARTITIONS)
    return name


def test_records_arrive_as_they_are_in_order_and_where_their_keys_belong(
    config: ProcessConfig, topic: str, publisher: Publisher
) -> None:
    headers = (("ce_id", b"1"), ("größe", b""))
    keyed = [ProducerRecord(topic, b"%d" % (n % 7), b"%d" % n, headers) for n in range(50)]
    deleted, without_key = ProducerRecord(topic, b"gone", None), ProducerRecord(topic, None, b"anywhere", headers)
    publisher.publish([*keyed[:25], deleted, without_key, *keyed[25:]])
    there = list(read_to_end(config, [topic]))
    assert {(r.key, r.value, tuple(r.headers)) for r in there} == {
        (r.key, r.value, r.headers) for r in (*keyed, deleted, without_key)
    }
    for record in there:
        assert record.key is None or record.partition == partition_of_key(record.key, PARTITIONS)
    for key in {record.key for record in keyed}:
        assert [r.value for r in there if r.key == key] == [r.value for r in keyed if r.key == key]


def test_the_thread_that_sends_is_woken_once_for_all_records(
    config: ProcessConfig, topic: str, publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    publisher.publish([ProducerRecord(topic, b"k", b"the first one asks for the topic's partitions")])
    woken: list[Any] = []
    wake = KafkaNetClient.wakeup

    def noted(client: Any) -> None:
        woken.append(client)
        wake(client)

    monkeypatch.setattr(KafkaNetClient, "wakeup", noted)
    publisher.publish([ProducerRecord(topic, b"%d" % n, b"x" * 100_000) for n in range(30)])
    assert len(woken) == 1
    assert len(list(read_to_end(config, [topic]))) == 31
