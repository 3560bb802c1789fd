"""Records in hand on a real broker: others go on, commits stay before them, and whoever goes leaves nothing behind."""

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import closing
from dataclasses import dataclass, field

import pytest
from kafka.admin import MemberToRemove

from deploy.local.servers.broker import KafkaProcess
from runtime.config import ProcessConfig
from runtime.kafka.clients import make_admin
from runtime.kafka.producer import ProducerRecord, Publisher
from runtime.kafka.topic_reader import read_to_end
from runtime.outages import OutageError
from runtime.processing.outcomes import InFlight, Ok, Outcome, Retry
from schemas.reasons import Reason
from schemas.topics import NOTIFICATION_REQUESTED, NOTIFICATION_RESULTS, Topic
from schemas.wire import OutputRecord, Record
from tests.contract.loops import GROUP, Running, make_topics, until

TOPICS = NOTIFICATION_REQUESTED, NOTIFICATION_RESULTS


@dataclass
class SlowHandler:
    """A record whose value begins with `slow` is in hand until somebody ends its work; the others are done at once."""

    stage: str = "outbound"
    topics: tuple[Topic, ...] = (NOTIFICATION_REQUESTED,)
    works: dict[bytes, "Future[None]"] = field(default_factory=dict)
    handled: list[bytes] = field(default_factory=list)
    let_go: list[tuple[bytes, float]] = field(default_factory=list)  # values, and after how long they are due

    def handle(self, records: Sequence[Record]) -> Sequence[Outcome]:
        return [self._answer(record.value or b"") for record in records]

    def _answer(self, value: bytes) -> Outcome:
        self.handled.append(value)
        outcome = Ok((OutputRecord(NOTIFICATION_RESULTS, "k", value),))
        if not value.startswith(b"slow"):
            return outcome
        work = self.works.setdefault(value, Future())
        if work.cancelled():
            work = self.works[value] = Future()
        return InFlight(
            work,
            lambda: (work.result(), outcome)[1],
            Retry(Reason.SERVER_SLOW, 900),
            lambda fallback: self.let_go.append((value, fallback.after_seconds)),
        )

    def begin(self, value: bytes) -> None:
        assert self.works[value].set_running_or_notify_cancel()

    def end(self, value: bytes, error: Exception | None = None) -> None:
        if error is None:
            self.works[value].set_result(None)
        else:
            self.works.pop(value).set_exception(error)


class EndsWhenLetGo(Future[None]):
    """Work that ends a moment after its record is to be let go of."""

    def cancel(self) -> bool:
        threading.Timer(0.1, self.set_result, (None,)).start()
        return super().cancel()


@pytest.fixture
def config(kafka_bootstrap: str, topic_prefix: str) -> ProcessConfig:
    return made(kafka_bootstrap, topic_prefix)


def made(bootstrap_servers: str, topic_prefix: str) -> ProcessConfig:
    """A configuration, and its topics."""
    config = ProcessConfig(
        kafka_bootstrap_servers=bootstrap_servers, topic_prefix=topic_prefix, commit_seconds=0, batch_records=3
    )
    names = [NOTIFICATION_REQUESTED.name(topic_prefix), NOTIFICATION_RESULTS.name(topic_prefix)]
    names += [NOTIFICATION_REQUESTED.retry(topic_prefix), NOTIFICATION_REQUESTED.dlq(topic_prefix)]
    make_topics(config, names, partitions=1)
    return config


@pytest.fixture
def running(config: ProcessConfig) -> Iterator[tuple[SlowHandler, Running]]:
    handler = SlowHandler()
    with Running("kafka-python", config, handler) as running:
        yield handler, running


def ask(config: ProcessConfig, *values: bytes) -> None:
    with closing(Publisher(config)) as publisher:
        topic = NOTIFICATION_REQUESTED.name(config.topic_prefix)
        publisher.publish([ProducerRecord(topic, b"k", value) for value in values])


def values(config: ProcessConfig, topic: str) -> list[bytes]:
    return [record.value or b"" for record in read_to_end(config, [topic])]


def results(config: ProcessConfig) -> list[bytes]:
    return values(config, NOTIFICATION_RESULTS.name(config.topic_prefix))


def deferred(config: ProcessConfig) -> list[bytes]:
    return values(config, NOTIFICATION_REQUESTED.retry(config.topic_prefix))


def again(config: ProcessConfig) -> list[bytes]:
    """What another process is given that takes the partition over now."""
    handler, last = SlowHandler(), b"last"
    ask(config, last)
    with Running("kafka-python", config, handler):
        until(lambda: last in handler.handled, "the last record")
    return [value for value in handler.handled if value != last]


def test_others_go_on_and_its_outcome_is_published_when_it_is_there(
    config: ProcessConfig, running: tuple[SlowHandler, Running]
) -> None:
    handler, _ = running
    ask(config, b"slow", b"one", b"two")
    until(lambda: results(config) == [b"one", b"two"], "the others' results")
    handler.begin(b"slow")
    handler.end(b"slow")
    until(lambda: results(config) == [b"one", b"two", b"slow"], "the slow one's result")


def test_the_commit_stays_before_what_is_in_hand(config: ProcessConfig) -> None:
    """The process goes without a word, as by kill -9: only what was committed is left of it."""
    handler = SlowHandler()
    running = Running("kafka-python", config, handler)
    with running:
        ask(config, b"one", b"slow", b"two")
        until(lambda: results(config) == [b"one", b"two"], "the others' results")
        until(lambda: committed(config) == 1, "the commit before the slow one")
        handler.begin(b"slow")
        handler.end(b"slow")
        until(lambda: committed(config) == 3, "the commit of all")


def test_a_process_that_ends_defers_what_is_in_hand(config: ProcessConfig) -> None:
    handler = SlowHandler()
    with Running("kafka-python", config, handler) as running:
        ask(config, b"slow begun", b"slow waiting", b"one")
        until(lambda: results(config) == [b"one"], "the other's result")
        handler.begin(b"slow begun")
        running.end()
    assert handler.works[b"slow waiting"].cancelled()
    assert set(handler.let_go) == {(b"slow begun", 900), (b"slow waiting", 1)}
    due = {record.value: dict(record.headers)["retry-not-before"] for record in read_retry(config)}
    assert set(due) == {b"slow begun", b"slow waiting"}
    assert int(due[b"slow begun"] or 0) - int(due[b"slow waiting"] or 0) > 800_000
    assert b"slow begun" not in again(config)


def test_what_ends_while_the_process_ends_is_told(config: ProcessConfig) -> None:
    handler = SlowHandler()
    with Running("kafka-python", config, handler) as running:
        ask(config, b"slow", b"one")
        until(lambda: results(config) == [b"one"], "the other's result")
        handler.begin(b"slow")
        ending = threading.Timer(0.5, handler.end, (b"slow",))
        ending.start()
        running.end()
        ending.join()
    assert results(config) == [b"one", b"slow"]
    assert deferred(config) == [] and handler.let_go == []


def test_a_partition_that_is_shared_out_anew_is_given_up_clean(config: ProcessConfig) -> None:
    """Another member joins: the one partition may move; the record in hand is deferred, or stays with who has it."""
    handler, other = SlowHandler(), SlowHandler()
    with Running("kafka-python", config, handler):
        ask(config, b"slow", b"one")
        until(lambda: results(config) == [b"one"], "the other's result")
        handler.begin(b"slow")
        with Running("kafka-python", config, other):
            ask(config, b"two")
            until(lambda: b"two" in results(config), "the next result")
            assert b"slow" not in other.handled
        handler.end(b"slow")


def test_what_ends_while_a_partition_is_given_up_is_told_and_not_handled_again(config: ProcessConfig) -> None:
    handler, other = SlowHandler(works={b"slow": EndsWhenLetGo()}), SlowHandler()
    with Running("kafka-python", config, handler):
        ask(config, b"slow", b"one")
        until(lambda: results(config) == [b"one"], "the other's result")
        handler.begin(b"slow")
        with Running("kafka-python", config, other):
            until(lambda: results(config) == [b"one", b"slow"], "the slow one's result")
            ask(config, b"two")
            until(lambda: b"two" in results(config), "the next result")
    assert deferred(config) == []
    assert [*handler.handled, *other.handled].count(b"slow") == 1


def test_a_process_that_was_put_out_of_the_group_begins_nothing_more_and_is_given_the_records_again(
    config: ProcessConfig, running: tuple[SlowHandler, Running]
) -> None:
    handler, _ = running
    ask(config, b"slow begun", b"slow waiting", b"one")
    until(lambda: results(config) == [b"one"], "the other's result")
    handler.begin(b"slow begun")
    begun, waiting = handler.works[b"slow begun"], handler.works[b"slow waiting"]
    put_out(config)
    until(lambda: handler.handled.count(b"slow waiting") == 2, "the records again")
    assert waiting.cancelled()
    assert not begun.cancelled()
    for value in (b"slow waiting", b"slow begun"):
        if handler.works[value] is not begun:
            handler.begin(value)
        handler.end(value)
    until(lambda: {b"slow waiting", b"slow begun"} <= set(results(config)), "their results")
    assert results(config).count(b"slow begun") == 1
    assert deferred(config) == []


def test_an_outage_that_its_work_met_is_waited_out_and_the_record_handled_again(
    config: ProcessConfig, running: tuple[SlowHandler, Running]
) -> None:
    handler, _ = running
    ask(config, b"slow")
    until(lambda: b"slow" in handler.works, "the record")
    handler.begin(b"slow")
    handler.end(b"slow", OutageError(Reason.DATABASE_AWAY, "away"))
    until(lambda: handler.handled.count(b"slow") == 2, "the record again")
    handler.begin(b"slow")
    handler.end(b"slow")
    until(lambda: results(config) == [b"slow"], "its result")


@pytest.mark.broker
def test_what_ends_while_the_broker_is_away_is_told_when_it_is_back(topic_prefix: str) -> None:
    handler = SlowHandler()
    with KafkaProcess() as broker:
        config = made(broker.bootstrap_servers, topic_prefix)
        with Running("kafka-python", config, handler) as running:
            ask(config, b"slow", b"one")
            until(lambda: results(config) == [b"one"], "the other's result")
            handler.begin(b"slow")
            broker.stop()
            try:
                handler.end(b"slow")
                until(lambda: "broker" in running.health.not_ready(), "the outage noticed")
            finally:
                broker.start()
            until(lambda: not running.health.not_ready(), "ready again")
        assert set(results(config)) == {b"one", b"slow"}
        assert committed(config) == 2


def test_a_fault_in_its_work_is_a_dead_letter(config: ProcessConfig, running: tuple[SlowHandler, Running]) -> None:
    handler, _ = running
    ask(config, b"slow")
    until(lambda: b"slow" in handler.works, "the record")
    handler.begin(b"slow")
    handler.end(b"slow", ValueError("a fault"))
    dead_letters = NOTIFICATION_REQUESTED.dlq(config.topic_prefix)
    until(lambda: values(config, dead_letters) == [b"slow"], "the dead letter")


def read_retry(config: ProcessConfig) -> list[Record]:
    return list(read_to_end(config, [NOTIFICATION_REQUESTED.retry(config.topic_prefix)]))


def put_out(config: ProcessConfig) -> None:
    """The only member of the group is told at its next heartbeat that it is none any more."""
    group = f"{config.topic_prefix}.{GROUP}"
    with closing(make_admin(config)) as admin:
        [member] = admin.describe_groups([group])[group]["members"]
        admin.remove_group_members(group, [MemberToRemove(member["member_id"])])


def committed(config: ProcessConfig) -> int:
    from kafka import TopicPartition

    from runtime.kafka.clients import make_consumer

    consumer = make_consumer(config, "test", group_id=f"{config.topic_prefix}.contract")
    try:
        return consumer.committed(TopicPartition(NOTIFICATION_REQUESTED.name(config.topic_prefix), 0)) or 0
    finally:
        consumer.close(autocommit=False)
