"""A look at a real broker: ends, lag, members, and the age of what waits."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.structs import OffsetAndMetadata

from console.config import ConsoleConfig
from console.health import probe as module
from console.health.probe import Probe
from runtime.kafka.producer import Publisher
from runtime.kafka.topic_setup import create_topics
from schemas.topics import MAIL_FETCHED, MAIL_RESOLVED, SERVER_TESTS
from schemas.wire import OutputRecord

pytestmark = pytest.mark.broker


@pytest.fixture
def probe(config: ConsoleConfig) -> Iterator[Probe]:
    create_topics(config)
    with closing(Probe(config)) as probe:
        yield probe


def commit(config: ConsoleConfig, group: str, topic: str, partition: int, offset: int) -> None:
    consumer = KafkaConsumer(
        bootstrap_servers=config.kafka_bootstrap_servers, group_id=f"{config.topic_prefix}.{group}"
    )
    place = TopicPartition(topic, partition)
    consumer.assign([place])
    consumer.commit({place: OffsetAndMetadata(offset, "", -1)})
    consumer.close(autocommit=False)


def write(config: ConsoleConfig, topic: str, minutes_ago: tuple[int, ...], partition: int = 0) -> None:
    producer = KafkaProducer(bootstrap_servers=config.kafka_bootstrap_servers)
    for minutes in minutes_ago:
        at = datetime.now(UTC) - timedelta(minutes=minutes)
        producer.send(topic, b"x", partition=partition, timestamp_ms=int(at.timestamp() * 1000)).get(30)
    producer.close()


def test_lag_and_age_are_those_of_what_the_group_takes_next(config: ConsoleConfig, probe: Probe) -> None:
    topic = MAIL_FETCHED.name(config.topic_prefix)
    write(config, topic, (50, 30, 10), partition=3)
    write(config, topic, (40,), partition=5)
    commit(config, "resolver", topic, 3, 1)
    commit(config, "resolver", topic, 5, 1)
    sample = probe.measure()

    found = sample.progress["resolver", "mail.fetched"]
    assert (found.lag, found.taken) == (2, 2)
    assert found.oldest is not None
    assert 29 <= (sample.at - found.oldest).total_seconds() / 60 <= 31
    assert sample.written["mail.fetched"] == sample.kept["mail.fetched"] == 4
    assert sample.progress["outbound", "notification.requested"].lag == 0

    commit(config, "resolver", topic, 3, 3)
    found = probe.measure().progress["resolver", "mail.fetched"]
    assert (found.lag, found.taken, found.oldest) == (0, 4, None)


def test_a_group_that_never_committed_is_behind_by_all_there_is(config: ConsoleConfig, probe: Probe) -> None:
    write(config, MAIL_RESOLVED.name(config.topic_prefix), (5, 1))

    assert probe.measure().progress["logger", "mail.resolved"].lag == 2


def test_two_groups_at_different_places_of_one_partition_have_an_age_each(config: ConsoleConfig, probe: Probe) -> None:
    topic = SERVER_TESTS.name(config.topic_prefix)
    write(config, topic, (20, 10))
    commit(config, "ingest-tests", topic, 0, 0)
    commit(config, "outbound-tests", topic, 0, 1)
    probe.measure()
    sample = probe.measure()  # one place of a partition is looked at in one sample

    ages = [sample.progress[group, "server.tests"].oldest for group in ("ingest-tests", "outbound-tests")]
    minutes = [round((sample.at - age).total_seconds() / 60) for age in ages if age]
    assert minutes == [20, 10]


def test_only_so_many_records_are_looked_at_in_one_sample(
    config: ConsoleConfig, probe: Probe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_LOOKS", 1)
    topic = MAIL_FETCHED.name(config.topic_prefix)
    write(config, topic, (10, 10), partition=0)
    write(config, topic, (30,), partition=1)
    first, second = probe.measure(), probe.measure()

    ages = [sample.progress["resolver", "mail.fetched"].oldest for sample in (first, second)]
    assert [round((first.at - age).total_seconds() / 60) for age in ages if age] == [10, 30]


def test_marks_of_transactions_are_nothing_that_waits(config: ConsoleConfig, probe: Probe) -> None:
    topic = MAIL_FETCHED.name(config.topic_prefix)
    producer = KafkaProducer(bootstrap_servers=config.kafka_bootstrap_servers, transactional_id=config.topic_prefix)
    producer.init_transactions()
    producer.begin_transaction()
    producer.send(topic, b"x", partition=0)
    producer.commit_transaction()
    producer.close()
    commit(config, "resolver", topic, 0, 1)  # behind the record, before the mark

    assert probe.measure().progress["resolver", "mail.fetched"].lag == 0
    write(config, topic, (1,))
    assert probe.measure().progress["resolver", "mail.fetched"].lag > 0


def test_members_missing_topics_and_dead_letters_of_the_last_hour(
    config: ConsoleConfig, probe: Probe, publisher: Publisher
) -> None:
    write(config, MAIL_FETCHED.dlq(config.topic_prefix), (90, 20, 10))
    member = KafkaConsumer(
        MAIL_FETCHED.name(config.topic_prefix),
        bootstrap_servers=config.kafka_bootstrap_servers,
        group_id=f"{config.topic_prefix}.resolver",
    )
    while not member.assignment():
        member.poll(200)
    publisher.publish([OutputRecord(MAIL_RESOLVED, "k", b"x")])
    sample = probe.measure()
    member.close(autocommit=False)

    assert (sample.members["resolver"], sample.members["logger"]) == (1, 0)
    assert sample.last_hour["mail.fetched.dlq"] == 2
    assert sample.missing == ()


def test_a_topic_that_is_missing_is_named(config: ConsoleConfig) -> None:
    with closing(Probe(config)) as probe:
        assert f"{config.topic_prefix}.mail.fetched.v1" in probe.measure().missing
