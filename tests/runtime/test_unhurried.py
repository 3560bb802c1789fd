"""Topics that need not be read at once: all of their records are read, in fewer polls; other topics do not wait."""

import threading
from collections.abc import Sequence

import pytest
from kafka import TopicPartition

from runtime.config import ProcessConfig
from runtime.kafka.producer import ProducerRecord, Publisher
from runtime.processing.consumer import ConsumerLoop
from runtime.processing.outcomes import FinalOutcome, Ok
from runtime.processing.unhurried import PAUSE_SECONDS, UnhurriedTopics
from runtime.telemetry.health import Health
from schemas.topics import MAIL_RESOLVED, NOTIFICATION_RESULTS, Topic
from schemas.wire import Record
from tests.contract.loops import make_topics, until

MOST = 5
SLOW, OTHER_SLOW, FAST = TopicPartition("slow", 0), TopicPartition("slow", 1), TopicPartition("fast", 0)


class Consumer:
    """What is paused of kafka-python's."""

    def __init__(self) -> None:
        self.assigned = {SLOW, OTHER_SLOW, FAST}
        self.paused: set[TopicPartition] = set()

    def assignment(self) -> set[TopicPartition]:
        return self.assigned

    def pause(self, *partitions: TopicPartition) -> None:
        self.paused |= set(partitions)

    def resume(self, *partitions: TopicPartition) -> None:
        assert self.assigned.issuperset(partitions), "kafka-python raises IllegalStateError"
        self.paused -= set(partitions)


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def consumer() -> Consumer:
    return Consumer()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def unhurried(clock: Clock) -> UnhurriedTopics:
    return UnhurriedTopics(["slow"], MOST, clock)


def test_a_topic_is_paused_once_it_has_been_read_and_goes_on_in_time(
    unhurried: UnhurriedTopics, consumer: Consumer, clock: Clock
) -> None:
    unhurried.pause_read(consumer, {SLOW: [1, 2], FAST: [1]})
    assert consumer.paused == {SLOW, OTHER_SLOW}
    clock.now += PAUSE_SECONDS - 0.01
    unhurried.resume_due(consumer)
    assert consumer.paused == {SLOW, OTHER_SLOW}
    clock.now += 0.01
    unhurried.resume_due(consumer)
    assert consumer.paused == set()


def test_it_is_not_paused_while_there_may_be_more_at_hand(unhurried: UnhurriedTopics, consumer: Consumer) -> None:
    unhurried.pause_read(consumer, {SLOW: [1, 2, 3], FAST: [1, 2]})
    assert consumer.paused == set()


@pytest.mark.parametrize("polled", [{}, {FAST: [1, 2]}])
def test_nothing_is_paused_where_none_of_it_was_read(
    unhurried: UnhurriedTopics, consumer: Consumer, polled: dict[TopicPartition, list[int]]
) -> None:
    unhurried.pause_read(consumer, polled)
    assert consumer.paused == set()


def test_a_partition_that_another_instance_has_by_then_is_left_alone(
    unhurried: UnhurriedTopics, consumer: Consumer, clock: Clock
) -> None:
    unhurried.pause_read(consumer, {SLOW: [1]})
    consumer.assigned = {OTHER_SLOW, FAST}
    clock.now += PAUSE_SECONDS
    unhurried.resume_due(consumer)
    assert OTHER_SLOW not in consumer.paused


class Seen:
    stage = "logger"
    topics: tuple[Topic, ...] = (MAIL_RESOLVED, NOTIFICATION_RESULTS)

    def __init__(self) -> None:
        self.values: list[bytes | None] = []

    def handle(self, records: Sequence[Record]) -> Sequence[FinalOutcome]:
        self.values += [record.value for record in records]
        return [Ok()] * len(records)


@pytest.fixture
def config(kafka_bootstrap: str, topic_prefix: str) -> ProcessConfig:
    return ProcessConfig(kafka_bootstrap_servers=kafka_bootstrap, topic_prefix=topic_prefix, batch_records=MOST)


@pytest.mark.broker
def test_every_record_is_read_and_other_topics_do_not_wait(
    config: ProcessConfig, publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    results, mails = (topic.name(config.topic_prefix) for topic in (NOTIFICATION_RESULTS, MAIL_RESOLVED))
    make_topics(config, [results, mails], partitions=2)
    handler, stop = Seen(), threading.Event()
    loop = ConsumerLoop(config, handler, publisher, "unhurried", stop, Health(), unhurried=(NOTIFICATION_RESULTS,))
    thread = threading.Thread(target=loop.run)
    thread.start()
    try:
        publisher.publish([ProducerRecord(results, b"%d" % n, b"result %d" % n) for n in range(23)])
        until(lambda: len(handler.values) >= 23, "all results")
        monkeypatch.setattr("runtime.processing.unhurried.PAUSE_SECONDS", 3_600.0)
        publisher.publish([ProducerRecord(results, b"k", b"result after a pause")])
        until(lambda: b"result after a pause" in handler.values, "a result after a pause")
        publisher.publish([ProducerRecord(results, b"k", b"result in a pause"), ProducerRecord(mails, b"k", b"mail")])
        until(lambda: b"mail" in handler.values, "a mail while results are paused")
    finally:
        stop.set()
        thread.join()
    read = [b"result %d" % n for n in range(23)]
    assert sorted(filter(None, handler.values)) == sorted([*read, b"result after a pause", b"mail"])
