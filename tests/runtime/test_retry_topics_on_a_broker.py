"""Deferral by `.retry` under the consumer loop: at its time, with its attempt, and holding up nobody."""

import time
from collections.abc import Sequence
from itertools import pairwise

import pytest

from runtime.config import ProcessConfig
from runtime.kafka.producer import ProducerRecord, Publisher
from runtime.kafka.topic_reader import read_to_end
from runtime.processing.outcomes import Dead, FinalOutcome, Ok, Retry
from runtime.processing.retry_topics import attempt_of
from schemas.reasons import Reason
from schemas.topics import NOTIFICATION_REQUESTED, Topic
from schemas.wire import Record
from tests.contract.loops import Running, make_topics, until


class Outbound:
    """`later N S`: deferred S seconds each time until try N; after `give up` a dead letter at the second try."""

    stage = "outbound"
    topics: tuple[Topic, ...] = (NOTIFICATION_REQUESTED,)

    def __init__(self) -> None:
        self.tries: list[tuple[float, int, Record]] = []

    def handle(self, records: Sequence[Record]) -> Sequence[FinalOutcome]:
        return [self._outcome(record) for record in records]

    def _outcome(self, record: Record) -> FinalOutcome:
        attempt = attempt_of(record)
        self.tries.append((time.time(), attempt, record))
        words = (record.value or b"").decode().split()
        if words[0] == "later" and attempt < int(words[1]):
            return Retry(Reason.SERVER_DEFERRED, float(words[2]))
        if words[0] == "hopeless":
            return Retry(Reason.SERVER_DEFERRED, 0.1) if attempt == 1 else Dead(Reason.RETRIES_EXHAUSTED, "gave up")
        return Ok()

    def of(self, value: bytes) -> list[tuple[float, int, Record]]:
        return [entry for entry in self.tries if entry[2].value == value]


@pytest.fixture
def config(kafka_bootstrap: str, topic_prefix: str) -> ProcessConfig:
    config = ProcessConfig(kafka_bootstrap_servers=kafka_bootstrap, topic_prefix=topic_prefix)
    topic = NOTIFICATION_REQUESTED
    make_topics(config, [topic.name(topic_prefix), topic.retry(topic_prefix), topic.dlq(topic_prefix)], partitions=2)
    return config


def requests(config: ProcessConfig, *values: bytes) -> list[ProducerRecord]:
    topic = NOTIFICATION_REQUESTED.name(config.topic_prefix)
    return [ProducerRecord(topic, b"somebody", value, (("h", b"1"),)) for value in values]


def test_a_deferred_record_comes_again_when_it_is_due(config: ProcessConfig, publisher: Publisher) -> None:
    publisher.publish(requests(config, b"later 3 1.5", b"plain"))
    handler = Outbound()
    with Running("kafka-python", config, handler):
        until(lambda: len(handler.of(b"later 3 1.5")) >= 3, "the third try")
    tries = handler.of(b"later 3 1.5")
    assert [attempt for _, attempt, _ in tries] == [1, 2, 3]
    assert all(after - before >= 1.5 for (before, *_), (after, *_) in pairwise(tries))
    first = tries[0][2]
    for _, _, record in tries:
        assert (record.topic, record.partition, record.offset, record.key) == (
            first.topic,
            first.partition,
            first.offset,
            first.key,
        )
    assert len(handler.of(b"plain")) == 1
    [plain] = handler.of(b"plain")
    assert plain[0] < tries[1][0], "what is behind a deferred record does not wait for it"


def test_a_far_due_time_does_not_hold_up_nearer_ones(
    config: ProcessConfig, publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runtime.processing.retry_topics.TURN_MS", 500)
    publisher.publish(requests(config, b"later 2 3600", b"later 2 1"))
    handler = Outbound()
    with Running("kafka-python", config, handler):
        until(lambda: len(handler.of(b"later 2 1")) >= 2, "the nearer one tried again")
    assert len(handler.of(b"later 2 3600")) == 1


def test_more_deferred_records_than_a_batch_takes_come_again_while_others_are_handled(
    config: ProcessConfig, publisher: Publisher
) -> None:
    config = config.model_copy(update={"batch_records": 3})
    publisher.publish(requests(config, *(b"later 2 2 %d" % number for number in range(10))))
    handler = Outbound()
    with Running("kafka-python", config, handler):
        until(lambda: len(handler.tries) >= 10, "the first tries")
        publisher.publish(requests(config, b"plain"))
        until(lambda: handler.of(b"plain"), "a record that comes meanwhile")
        until(lambda: len(handler.tries) >= 21, "the second tries")
    assert sorted(attempt for _, attempt, _ in handler.tries) == [1] * 11 + [2] * 10


def test_a_deferred_record_survives_a_restart(config: ProcessConfig, publisher: Publisher) -> None:
    publisher.publish(requests(config, b"later 2 2"))
    before, after = Outbound(), Outbound()
    with Running("kafka-python", config, before):
        until(lambda: before.tries, "the first try")
    with Running("kafka-python", config, after):
        until(lambda: after.tries, "the second try")
    assert [attempt for _, attempt, _ in before.tries] == [1]
    assert [attempt for _, attempt, _ in after.tries] == [2]


def test_a_deferred_record_that_is_given_up_is_a_dead_letter_of_the_original(
    config: ProcessConfig, publisher: Publisher
) -> None:
    publisher.publish(requests(config, b"hopeless"))
    handler = Outbound()
    with Running("kafka-python", config, handler):
        until(lambda: len(handler.tries) >= 2, "the second try")
    [letter] = read_to_end(config, [NOTIFICATION_REQUESTED.dlq(config.topic_prefix)])
    headers = dict(letter.headers)
    assert headers["dlq-attempts"] == b"2"
    assert headers["dlq-original-topic"].decode() == NOTIFICATION_REQUESTED.name(config.topic_prefix)
    assert not [name for name in headers if name.startswith("retry-")]
    assert headers["h"] == b"1"
