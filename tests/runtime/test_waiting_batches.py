"""What a producer's thread looks at: the partitions that something waits for, of all that it has ever produced to."""

from collections.abc import Collection

import pytest
from kafka import TopicPartition
from kafka.producer.record_accumulator import RecordAccumulator

from runtime.config import ProcessConfig
from runtime.kafka.appending import append
from runtime.kafka.producer import ProducerRecord, Publisher
from runtime.kafka.waiting_batches import WaitingBatches
from schemas.topics import MAIL_FETCHED
from tests.contract.loops import make_topics

NODE = 1
PLACES = [TopicPartition("t", number) for number in range(12)]
FULL, EMPTIED = PLACES[3:5], PLACES[:3]


class Cluster:
    """As much of kafka-python's metadata as an accumulator asks for."""

    def leader_for_partition(self, _place: TopicPartition) -> int:
        return NODE

    def partitions_for_broker(self, _node: int) -> Collection[TopicPartition]:
        return PLACES


@pytest.fixture
def accumulator() -> RecordAccumulator:
    """Of `PLACES` some were produced to; for some of those a record waits. It is at once too old and ready."""
    accumulator = RecordAccumulator(message_version=2, linger_ms=0, delivery_timeout_ms=1, request_timeout_ms=1)
    accumulator._batches = WaitingBatches()
    for place in (*EMPTIED, *FULL):
        append(accumulator, place, b"k", b"v", ())
    for place in EMPTIED:
        accumulator._batches[place].clear()
    return accumulator


@pytest.fixture
def looked_at(accumulator: RecordAccumulator, monkeypatch: pytest.MonkeyPatch) -> list[TopicPartition]:
    """Each partition that the accumulator locks from now on."""
    places: list[TopicPartition] = []
    lock = accumulator._tp_lock

    def noted(place: TopicPartition) -> object:
        places.append(place)
        return lock(place)

    monkeypatch.setattr(accumulator, "_tp_lock", noted)
    return places


def test_whether_something_is_ready_is_asked_where_something_waits(
    accumulator: RecordAccumulator, looked_at: list[TopicPartition]
) -> None:
    ready, _, _ = accumulator.ready(Cluster(), now=accumulator._batches[FULL[0]][0].created + 1)
    assert ready == {NODE}
    assert looked_at == FULL[:1]  # one is enough to send to its node
    assert accumulator.has_undrained()
    assert set(looked_at) <= set(FULL)


def test_what_is_sent_is_taken_where_something_waits(
    accumulator: RecordAccumulator, looked_at: list[TopicPartition]
) -> None:
    taken = accumulator.drain_batches_for_one_node(Cluster(), NODE, 1_000_000)
    assert [batch.topic_partition for batch in taken] == looked_at == FULL
    assert not accumulator.has_undrained()


def test_what_is_too_old_is_looked_for_where_something_waits(
    accumulator: RecordAccumulator, looked_at: list[TopicPartition]
) -> None:
    expired = accumulator.expired_batches(now=accumulator._batches[FULL[0]][0].created + 1)
    assert [batch.topic_partition for batch in expired] == looked_at == FULL


def test_an_entry_that_was_empty_shows_once_it_is_filled(accumulator: RecordAccumulator) -> None:
    held = accumulator._batches[EMPTIED[0]]  # as a thread holds it that has not yet found it empty
    append(accumulator, EMPTIED[0], b"k", b"v", ())
    assert accumulator._batches[EMPTIED[0]] is held
    taken = accumulator.drain_batches_for_one_node(Cluster(), NODE, 1_000_000)
    assert [batch.topic_partition for batch in taken] == [EMPTIED[0], *FULL]


@pytest.mark.broker
def test_a_flush_looks_only_at_the_partition_of_its_record(
    kafka_bootstrap: str, topic_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = ProcessConfig(kafka_bootstrap_servers=kafka_bootstrap, topic_prefix=topic_prefix)
    topic = MAIL_FETCHED.name(topic_prefix)
    make_topics(config, [topic], partitions=12)
    publisher = Publisher(config)
    publisher.publish([ProducerRecord(topic, b"%d" % number, b"v") for number in range(100)])
    looked_at = []
    lock = RecordAccumulator._tp_lock

    def noted(accumulator: RecordAccumulator, place: TopicPartition) -> object:
        looked_at.append(place)
        return lock(accumulator, place)

    monkeypatch.setattr(RecordAccumulator, "_tp_lock", noted)
    publisher.publish([ProducerRecord(topic, b"1", b"v")])
    publisher.close()
    assert len(set(looked_at)) == 1
