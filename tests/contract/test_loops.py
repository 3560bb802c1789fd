"""Both loops keep the same promises: the same handler under the kafka-python loop and under Faust, on a real broker."""

import random
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from contextlib import closing

import pytest
from kafka import TopicPartition
from prometheus_client import REGISTRY

from runtime.config import ProcessConfig
from runtime.kafka.clients import make_consumer, make_producer
from runtime.kafka.producer import ProducerRecord, Publisher
from runtime.kafka.topic_reader import read_to_end
from runtime.lifecycle import TOO_MANY_DEAD_LETTERS, StopProcess
from runtime.processing.lag import LagProbe
from schemas.topics import MAIL_FETCHED, MAIL_RESOLVED
from schemas.wire import Record
from tests.contract.loops import GROUP, LoopName, ObedientHandler, Running, make_topics, until

FIVE_MEGABYTES = 5_000_000


@pytest.fixture(params=["kafka-python", "faust"])
def loop(request: pytest.FixtureRequest) -> LoopName:
    name: LoopName = request.param
    return name


@pytest.fixture
def empty(kafka_bootstrap: str, topic_prefix: str) -> ProcessConfig:
    """A configuration whose topics do not exist yet."""
    return ProcessConfig(kafka_bootstrap_servers=kafka_bootstrap, topic_prefix=topic_prefix)


@pytest.fixture
def config(empty: ProcessConfig) -> ProcessConfig:
    make_topics(empty, topics_of(empty.topic_prefix))
    return empty


def topics_of(prefix: str) -> list[str]:
    return [MAIL_FETCHED.name(prefix), MAIL_FETCHED.dlq(prefix), MAIL_RESOLVED.name(prefix)]


def fetched(config: ProcessConfig, values: Iterable[bytes | None], keys: int = 7) -> list[ProducerRecord]:
    topic = MAIL_FETCHED.name(config.topic_prefix)
    return [ProducerRecord(topic, b"key-%d" % (i % keys), value, (("n", b"%d" % i),)) for i, value in enumerate(values)]


def outputs(config: ProcessConfig) -> list[bytes | None]:
    return [record.value for record in read_to_end(config, [MAIL_RESOLVED.name(config.topic_prefix)])]


def dead_letters(config: ProcessConfig) -> list[Record]:
    return list(read_to_end(config, [MAIL_FETCHED.dlq(config.topic_prefix)]))


def uncommitted(config: ProcessConfig) -> int:
    """Records of `mail.fetched` that the group has not committed."""
    consumer = make_consumer(config, "test")
    topic = MAIL_FETCHED.name(config.topic_prefix)
    partitions = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic)]
    consumer.close(autocommit=False)
    probe = LagProbe(config, f"{config.topic_prefix}.{GROUP}")
    try:
        return sum(probe.measure(partitions).values())
    finally:
        probe.close()


def test_every_record_is_handled_in_order_and_its_output_published(
    loop: LoopName, config: ProcessConfig, publisher: Publisher
) -> None:
    sent = [b"mail-%d" % number for number in range(500)]
    publisher.publish(fetched(config, sent))
    handler = ObedientHandler()
    with Running(loop, config, handler) as running:
        until(lambda: len(handler.handled) >= len(sent), "all records handled")
        until(lambda: not running.health.not_ready(), "ready")
    assert Counter(outputs(config)) == Counter(sent)
    assert max(handler.batches) > 1
    numbers = defaultdict(list)
    for record in handler.handled:
        numbers[record.partition].append(record.offset)
    assert all(offsets == sorted(offsets) for offsets in numbers.values())
    assert uncommitted(config) == 0
    assert dead_letters(config) == []


def test_a_loop_that_was_stopped_goes_on_where_it_was(
    loop: LoopName, config: ProcessConfig, publisher: Publisher
) -> None:
    first = [b"first-%d" % number for number in range(50)]
    second = [b"second-%d" % number for number in range(50)]
    publisher.publish(fetched(config, first))
    before, after = ObedientHandler(), ObedientHandler()
    with Running(loop, config, before):
        until(lambda: len(before.handled) >= len(first), "the first records handled")
    publisher.publish(fetched(config, second))
    with Running(loop, config, after):
        until(lambda: len(after.handled) >= len(second), "the second records handled")
    assert before.count() == Counter(first)
    assert after.count() == Counter(second)


def test_a_dead_record_is_exactly_one_dead_letter_with_all_that_is_known(
    loop: LoopName, config: ProcessConfig, publisher: Publisher
) -> None:
    publisher.publish(fetched(config, [b"mail-1", b"dead by decision", b"mail-2"], keys=1))
    handler = ObedientHandler()
    with Running(loop, config, handler):
        until(lambda: len(handler.handled) >= 3, "all records handled")
    [letter] = dead_letters(config)
    dead = next(record for record in handler.handled if record.value == b"dead by decision")
    headers = dict(letter.headers)
    assert (letter.key, letter.value, headers["n"]) == (dead.key, dead.value, b"1")
    assert headers["dlq-original-topic"].decode() == MAIL_FETCHED.name(config.topic_prefix)
    assert headers["dlq-original-partition"] == b"%d" % dead.partition
    assert headers["dlq-original-offset"] == b"%d" % dead.offset
    assert headers["dlq-original-timestamp"] == b"%d" % dead.timestamp_ms
    assert headers["dlq-stage"] == b"resolver"
    assert headers["dlq-attempts"] == b"1"
    assert headers["dlq-error-class"] == b"wrong-schema"
    assert headers["dlq-error-message"].startswith(b"field: what is wrong")
    assert len(headers["dlq-error-message"]) == 500
    assert headers["dlq-failed-at"].startswith(b"20")
    assert Counter(outputs(config)) == Counter([b"mail-1", b"mail-2"])


def test_any_bytes_pass_and_the_partition_moves_on(loop: LoopName, config: ProcessConfig, publisher: Publisher) -> None:
    noise = random.Random(1)
    hostile: list[bytes | None] = [None, b"", noise.randbytes(100), b"\0" * FIVE_MEGABYTES, None]
    hostile.append(noise.randbytes(FIVE_MEGABYTES))
    topic = MAIL_FETCHED.name(config.topic_prefix)
    odd_headers = (("same", b"1"), ("same", b"2"), ("", b""), ("n\N{SNOWMAN}", b"\xff\xfe"))
    messages = [*fetched(config, hostile, keys=1), ProducerRecord(topic, None, b"no key", odd_headers)]
    messages += fetched(config, [b"the end"], keys=1)
    publisher.publish(messages)
    handler = ObedientHandler()
    with Running(loop, config, handler):
        until(lambda: len(handler.handled) >= len(messages), "all records handled")
    assert Counter(outputs(config)) == Counter([v for v in hostile if v is not None] + [b"no key", b"the end"])
    assert [dict(letter.headers)["dlq-error-class"] for letter in dead_letters(config)] == [b"null-value"] * 2
    without_key = next(record for record in handler.handled if record.key is None)
    assert tuple(without_key.headers) == odd_headers
    assert uncommitted(config) == 0


def test_a_fault_costs_only_the_record_that_brought_it_to_light(
    loop: LoopName, config: ProcessConfig, publisher: Publisher
) -> None:
    good = [b"mail-%d" % number for number in range(30)]
    publisher.publish(fetched(config, [*good[:15], b"fault: content of a mail", *good[15:]], keys=1))
    handler = ObedientHandler()
    with Running(loop, config, handler):
        until(lambda: len(set(handler.count())) >= len(good), "all good records handled")
    [letter] = dead_letters(config)
    assert letter.value == b"fault: content of a mail"
    headers = dict(letter.headers)
    assert headers["dlq-error-class"] == b"handler-failed"
    assert headers["dlq-error-message"].startswith(b"ValueError in contract/loops.py:")
    assert b"content of a mail" not in b"".join(headers.values())
    assert Counter(outputs(config)) == Counter(good)


def test_an_output_that_cannot_be_published_costs_only_its_record(
    loop: LoopName, config: ProcessConfig, publisher: Publisher
) -> None:
    publisher.publish(fetched(config, [b"mail-1", b"!", b"mail-2"], keys=1))
    with Running(loop, config, ObedientHandler()):
        until(lambda: dead_letters(config), "the dead letter")
    [letter] = dead_letters(config)
    assert letter.value == b"!"
    assert dict(letter.headers)["dlq-error-class"] == b"handler-failed"
    assert b"larger than topics accept" in dict(letter.headers)["dlq-error-message"]
    assert set(outputs(config)) == {b"mail-1", b"mail-2"}
    assert uncommitted(config) == 0


def test_an_outage_is_waited_out_in_place(loop: LoopName, config: ProcessConfig, publisher: Publisher) -> None:
    sent = [b"mail-1", b"outage", b"mail-2"]
    publisher.publish(fetched(config, sent, keys=1))
    handler = ObedientHandler()
    with Running(loop, config, handler) as running:
        until(lambda: handler.outages >= 3, "the outage met three times")
        assert running.health.not_ready() == {"database": "the database does not answer"}
        assert b"mail-2" not in outputs(config)
        handler.outage_over.set()
        until(lambda: b"mail-2" in handler.count(), "the records behind the outage handled")
        until(lambda: not running.health.not_ready(), "ready again")
    assert outputs(config) == sent
    assert dead_letters(config) == []


def test_metrics_tell_how_old_the_oldest_record_is(loop: LoopName, config: ProcessConfig) -> None:
    def told() -> float:
        labels = {"stage": "resolver", "topic": "mail.fetched.v1"}
        return REGISTRY.get_sample_value("mailcall_oldest_record_age_seconds", labels) or 0

    hour_ago = int((time.time() - 3600) * 1000)
    handler = ObedientHandler()
    with Running(loop, config, handler):
        with closing(make_producer(config, "test")) as producer:
            producer.send(MAIL_FETCHED.name(config.topic_prefix), b"outage", key=b"k", timestamp_ms=hour_ago).get(10)
        until(lambda: handler.outages, "the outage met")
        assert 3590 < told() < 3700
        handler.outage_over.set()
        until(lambda: handler.count() == {b"outage": 1}, "the record handled")
        until(lambda: not told(), "nothing left to be old")


def test_a_stop_during_an_outage_loses_nothing(loop: LoopName, config: ProcessConfig, publisher: Publisher) -> None:
    publisher.publish(fetched(config, [b"mail-1", b"outage", b"mail-2"], keys=1))
    before, after = ObedientHandler(), ObedientHandler()
    with Running(loop, config, before):
        until(lambda: before.outages, "the outage met")
    after.outage_over.set()
    with Running(loop, config, after):
        until(lambda: b"mail-2" in after.count(), "the records behind the outage handled")
    assert set(outputs(config)) == {b"mail-1", b"outage", b"mail-2"}


def test_a_stage_that_cannot_handle_anything_stops_instead_of_draining_the_topic(
    loop: LoopName, config: ProcessConfig, publisher: Publisher
) -> None:
    config = config.model_copy(update={"dead_letter_limit": 10, "batch_records": 5})
    publisher.publish(fetched(config, [b"dead-%d" % number for number in range(100)], keys=1))
    handler = ObedientHandler()
    with Running(loop, config, handler) as running:
        running.wait()
    assert isinstance(running.error, StopProcess)
    assert running.error.exit_code == TOO_MANY_DEAD_LETTERS
    assert "wrong-schema" in str(running.error)
    parked = len(dead_letters(config))
    assert parked <= 10
    assert uncommitted(config) == 100 - parked


def test_it_waits_for_a_topic_that_does_not_exist_yet(loop: LoopName, empty: ProcessConfig) -> None:
    topics = topics_of(empty.topic_prefix)
    with Running(loop, empty, ObedientHandler()) as running:
        until(lambda: topics[0] in running.health.not_ready().get("broker", ""), "the missing topic named")
        make_topics(empty, topics)
        until(lambda: not running.health.not_ready(), "ready")


def test_two_share_the_work_and_hand_it_over(loop: LoopName, config: ProcessConfig, publisher: Publisher) -> None:
    config = config.model_copy(update={"batch_records": 10})
    sent = [b"mail-%d" % number for number in range(600)]
    first, second = ObedientHandler(), ObedientHandler()
    with Running(loop, config, first) as one:
        until(lambda: not one.health.not_ready(), "the first is ready")
        publisher.publish(fetched(config, sent[:200], keys=40))
        with Running(loop, config, second) as two:
            until(lambda: not two.health.not_ready(), "the second is ready")
            publisher.publish(fetched(config, sent[200:400], keys=40))
            until(lambda: second.handled, "the second has work")
        publisher.publish(fetched(config, sent[400:], keys=40))
        until(lambda: set(first.count()) | set(second.count()) == set(sent), "all records handled")
    assert set(outputs(config)) == set(sent)
    assert uncommitted(config) == 0
