"""Against a real broker: topic set-up, publishing, reading whole topics, and the settings view."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime

import pytest
from kafka import KafkaConsumer
from kafka.admin import ConfigResource, ConfigResourceType

from runtime.clients import MAX_RECORD_BYTES, make_admin, make_consumer, partition_counts
from runtime.config import ProcessConfig
from runtime.health import Health
from runtime.outcomes import OutageError
from runtime.outgoing import Outgoing
from runtime.publisher import Publisher, UnpublishableError
from runtime.reader import TopicMissingError, read_to_end
from runtime.settings_view import SettingsView
from runtime.topic_setup import TopicSetupError, create_topics, missing_topics, plans
from schemas.reasons import Reason
from schemas.settings import EmailOptions, Format
from schemas.snapshot import SettingsSnapshot
from schemas.topics import MAIL_FETCHED, MAIL_REJECTED, MAIL_RESOLVED, PERSONS, SETTINGS, TOPICS
from schemas.wire import Message, encode, tombstone
from tests.contract.loops import make_topics, until


@pytest.fixture
def config(kafka_bootstrap: str, topic_prefix: str) -> ProcessConfig:
    return ProcessConfig(kafka_bootstrap_servers=kafka_bootstrap, topic_prefix=topic_prefix)


@pytest.fixture
def nowhere(topic_prefix: str) -> ProcessConfig:
    """A configuration whose broker does not exist."""
    return ProcessConfig(kafka_bootstrap_servers="127.0.0.1:9", topic_prefix=topic_prefix)


# ---- topics ----------------------------------------------------------------------------------------------------------


def test_topics_are_created_once_as_the_catalogue_says(config: ProcessConfig) -> None:
    prefix = config.topic_prefix
    assert set(missing_topics(config)) == {plan.name for plan in plans(prefix)}
    first = create_topics(config)
    assert len(first.created) > len(TOPICS)
    assert first.differing == ()
    second = create_topics(config)
    assert (second.created, set(second.present)) == ((), set(first.created))
    assert missing_topics(config) == ()

    settings = _settings(config, PERSONS.name(prefix))
    assert settings["cleanup.policy"] == "compact"
    settings = _settings(config, MAIL_REJECTED.name(prefix))
    assert settings["cleanup.policy"] == "delete"
    assert settings["retention.ms"] == str(MAIL_REJECTED.retention_ms)
    assert settings["max.message.bytes"] == str(MAX_RECORD_BYTES)


def _settings(config: ProcessConfig, topic: str) -> dict[str, str]:
    admin = make_admin(config)
    try:
        found = admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])["topic"][topic]
        return {name: entry["value"] for name, entry in found.items()}
    finally:
        admin.close()


def test_other_numbers_of_partitions_are_told_and_left(config: ProcessConfig) -> None:
    name = MAIL_FETCHED.name(config.topic_prefix)
    make_topics(config, [name], partitions=2)
    report = create_topics(config)
    assert name in report.present
    [difference] = report.differing
    assert f"{name} has 2 partitions, the catalogue says 12" in difference


def test_a_topic_that_the_broker_refuses_is_named(config: ProcessConfig) -> None:
    too_many = config.model_copy(update={"topic_replication_factor": 99})
    with pytest.raises(TopicSetupError, match=rf"{config.topic_prefix}\..* cannot be created: .*replication"):
        create_topics(too_many)


# ---- publishing and reading ------------------------------------------------------------------------------------------


def test_what_is_published_is_read_whole_in_the_order_of_each_key(config: ProcessConfig, publisher: Publisher) -> None:
    topic = MAIL_FETCHED.name(config.topic_prefix)
    make_topics(config, [topic])
    messages = [Message(MAIL_FETCHED, f"key-{n % 9}", b"%d" % n, (("n", b"%d" % n),)) for n in range(500)]
    publisher.publish(messages)
    publisher.publish([])
    records = list(read_to_end(config, [topic]))
    assert sorted(int(record.value or b"") for record in records) == list(range(500))
    for key in range(9):
        of_key = [int(record.value or b"") for record in records if record.key == b"key-%d" % key]
        assert of_key == sorted(of_key)
    assert records[0].headers[0][0] == "n"


def test_a_topic_that_the_broker_does_not_know_at_once_is_no_missing_one(
    config: ProcessConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = MAIL_FETCHED.name(config.topic_prefix)
    make_topics(config, [topic])
    answers: list[dict[str, int]] = []

    def know_nothing_once(consumer: KafkaConsumer, topics: Sequence[str]) -> dict[str, int]:
        answers.append(partition_counts(consumer, topics) if answers else {})
        return answers[-1]

    monkeypatch.setattr("runtime.reader.partition_counts", know_nothing_once)
    assert list(read_to_end(config, [topic])) == []
    assert [list(answer) for answer in answers] == [[], [topic]]


def test_a_consumer_asks_the_broker_for_its_own_topics_alone(config: ProcessConfig) -> None:
    wanted, missing, other = (topic.name(config.topic_prefix) for topic in (MAIL_FETCHED, MAIL_RESOLVED, SETTINGS))
    make_topics(config, [wanted, other], partitions=3)
    with closing(make_consumer(config, "test")) as consumer:
        assert partition_counts(consumer, [missing]) == {}
        assert partition_counts(consumer, [wanted, missing]) == {wanted: 3}
        assert consumer._cluster.topics() == {wanted}  # what it has been told of


def test_an_empty_topic_ends_at_once_and_a_missing_one_is_named(config: ProcessConfig) -> None:
    topic = MAIL_FETCHED.name(config.topic_prefix)
    with pytest.raises(TopicMissingError, match=f"{topic} does not exist"):
        list(read_to_end(config, [topic]))
    make_topics(config, [topic])
    assert list(read_to_end(config, [topic])) == []


def test_too_large_is_told_apart_from_a_broker_that_is_away(
    config: ProcessConfig, publisher: Publisher, nowhere: ProcessConfig
) -> None:
    topic = MAIL_FETCHED.name(config.topic_prefix)
    make_topics(config, [topic])
    with pytest.raises(UnpublishableError):
        publisher.publish([Outgoing(topic, b"k", b"x" * (MAX_RECORD_BYTES + 1))])
    publisher.publish([Outgoing(topic, b"k", b"fits")])
    assert [record.value for record in read_to_end(config, [topic])] == [b"fits"]
    with pytest.raises(OutageError) as raised:
        Publisher(nowhere).publish([Outgoing(topic, b"k", b"v")])
    assert raised.value.reason is Reason.BROKER_AWAY


def test_one_record_that_the_broker_refuses_is_no_outage(config: ProcessConfig, publisher: Publisher) -> None:
    topic = PERSONS.name(config.topic_prefix)
    make_topics(config, [topic], partitions=1)
    without_key = Outgoing(topic, None, b"a compacted topic takes no record without a key")
    with pytest.raises(UnpublishableError):
        publisher.publish([Outgoing(topic, b"k", b"before"), without_key, Outgoing(topic, b"k", b"behind")])
    publisher.publish([Outgoing(topic, b"k", b"good")])
    assert [record.value for record in read_to_end(config, [topic])] == [b"good"]


# ---- settings view ---------------------------------------------------------------------------------------------------


def options(format_: Format) -> Message:
    body = EmailOptions(default_format=format_)
    return encode(SETTINGS, "email-options/email-options", body, id="1", source="/test", time=datetime.now(UTC))


@pytest.fixture
def stop() -> Iterator[threading.Event]:
    stop = threading.Event()
    yield stop
    stop.set()


def test_the_view_is_complete_at_the_start_and_follows(
    config: ProcessConfig, publisher: Publisher, stop: threading.Event
) -> None:
    make_topics(config, [SETTINGS.name(config.topic_prefix)])
    publisher.publish([options(Format.HTML), options(Format.TEXT)])
    health = Health()
    view = SettingsView(config, health)
    told: list[SettingsSnapshot] = []
    view.on_change(told.append)
    view.start(stop)
    assert view.current.email_options().default_format is Format.TEXT
    assert view.current.versions == {"email-options/email-options": 1}
    assert not health.not_ready()

    publisher.publish([options(Format.HTML)])
    until(lambda: view.current.email_options().default_format is Format.HTML, "the change seen")
    publisher.publish([tombstone(SETTINGS, "email-options/email-options")])
    until(lambda: not view.current.settings, "the deletion seen")
    until(lambda: told and told[-1] == view.current, "the listener told")
    assert [len(snapshot.settings) for snapshot in told][-2:] == [1, 0]


def test_the_view_of_an_empty_topic_is_complete_without_waiting_for_a_record(
    config: ProcessConfig, stop: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    def poll_in_vain(_consumer: KafkaConsumer) -> dict[object, list[object]]:
        stop.wait()
        return {}

    make_topics(config, [SETTINGS.name(config.topic_prefix)])
    monkeypatch.setattr("runtime.settings_view._poll", poll_in_vain)
    health = Health()
    starting = threading.Thread(target=SettingsView(config, health).start, args=(stop,), daemon=True)
    starting.start()
    until(lambda: not starting.is_alive(), "the view to be complete")
    assert not health.not_ready()


def test_a_record_that_cannot_be_read_leaves_the_earlier_setting(
    config: ProcessConfig, publisher: Publisher, stop: threading.Event
) -> None:
    topic = SETTINGS.name(config.topic_prefix)
    make_topics(config, [topic])
    good = options(Format.TEXT)
    wrong = [
        Outgoing(topic, b"email-options/email-options", b"\xff\x00"),
        Outgoing(topic, b"email-options/email-options", b'{"kind":"email-options","default_format":"pdf"}'),
        Outgoing(topic, b"partition/it", good.value, good.headers),
    ]
    publisher.publish([good, *wrong])
    view = SettingsView(config)
    view.start(stop)
    assert view.current.versions == {"email-options/email-options": 0}
    assert view.current.email_options().default_format is Format.TEXT


@pytest.mark.timeout(150)  # much waiting: begun early
def test_the_view_waits_for_the_broker_until_it_is_stopped(nowhere: ProcessConfig, stop: threading.Event) -> None:
    health = Health()
    view = SettingsView(nowhere, health)
    starting = threading.Thread(target=view.start, args=(stop,))
    starting.start()
    until(lambda: "broker" in health.not_ready(), "the outage told")
    assert starting.is_alive()
    stop.set()
    starting.join(30)
    assert not starting.is_alive()
