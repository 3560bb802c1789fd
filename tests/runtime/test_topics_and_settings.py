"""Against a real broker: topic set-up, publishing, reading whole topics, and the settings view."""

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from kafka import KafkaConsumer
from kafka.admin import ConfigResource, ConfigResourceType, NewTopic

from runtime.config import ProcessConfig
from runtime.kafka.clients import make_admin, make_consumer, partition_counts
from runtime.kafka.producer import ProducerRecord, Publisher, UnpublishableError
from runtime.kafka.topic_plans import TopicPlan, plans
from runtime.kafka.topic_reader import TopicMissingError, read_to_end
from runtime.kafka.topic_setup import TopicSetupError, create_topics, missing_topics
from runtime.outages import OutageError
from runtime.settings_view import SettingsView
from runtime.telemetry.health import Health
from schemas.reasons import Reason
from schemas.settings import EmailOptions, Format
from schemas.snapshot import SettingsSnapshot
from schemas.topics import DAY_MS, MAIL_FETCHED, MAIL_REJECTED, MAIL_RESOLVED, PERSONS, SETTINGS, TOPICS
from schemas.wire import MAX_RECORD_BYTES, OutputRecord, encode, inline_bytes, tombstone
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


def _plans(config: ProcessConfig) -> list[TopicPlan]:
    return list(plans(config.topic_prefix))


def _settings(config: ProcessConfig, topic: str) -> dict[str, str]:
    return {name: entry["value"] for name, entry in _entries(config, topic).items()}


def _entries(config: ProcessConfig, topic: str) -> dict[str, dict[str, str]]:
    with closing(make_admin(config)) as admin:
        found: dict[str, dict[str, str]] = admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])[
            "topic"
        ][topic]
        return found


def test_other_numbers_of_partitions_are_told_and_left(config: ProcessConfig) -> None:
    name = MAIL_FETCHED.name(config.topic_prefix)
    make_topics(config, [name], partitions=2)
    report = create_topics(config)
    assert name in report.present
    [difference] = report.differing
    assert (difference.topic, difference.setting) == (name, "partitions")
    assert (difference.found, difference.wanted, difference.matters) == ("2", "12", False)
    assert "order of mails of one sender" in difference.why


def test_topics_of_a_broker_that_takes_smaller_records_are_made_for_these(config: ProcessConfig) -> None:
    small = config.model_copy(update={"kafka_max_record_bytes": 1024 * 1024})
    assert create_topics(small).differing == ()
    topic = MAIL_REJECTED.name(config.topic_prefix)
    assert _settings(config, topic)["max.message.bytes"] == "1048576"
    larger = create_topics(config).differing  # by a process that is set otherwise
    assert {(one.setting, one.found, one.wanted, one.matters) for one in larger} == {
        ("max.message.bytes", "1048576", str(MAX_RECORD_BYTES), True)
    }
    with closing(Publisher(small)) as publisher:
        publisher.publish([ProducerRecord(topic, b"k", os.urandom(inline_bytes(1024 * 1024)))] * 3)
        with pytest.raises(UnpublishableError, match="MAILCALL_KAFKA_MAX_RECORD_BYTES is 1048576"):
            publisher.publish([ProducerRecord(topic, b"k", b"x" * 1024 * 1024)])
    assert len(list(read_to_end(config, [topic]))) == 3


def test_a_broker_that_refuses_settings_gets_none_and_it_is_said_what_they_would_be(
    config: ProcessConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The refusal is real: no broker takes a share of 7."""
    refused = [replace(plan, settings={**plan.settings, "min.cleanable.dirty.ratio": "7"}) for plan in _plans(config)]
    with monkeypatch.context() as patched:
        patched.setattr("runtime.kafka.topic_setup.plans", lambda *_: refused)
        with pytest.raises(TopicSetupError, match=r"(?s)cannot be created: .*MAILCALL_TOPIC_CONFIGURATION=leave"):
            create_topics(config)
        assert set(missing_topics(config)) == {plan.name for plan in refused}
    report = create_topics(config.model_copy(update={"topic_configuration": "leave"}))
    assert report.created == tuple(plan.name for plan in _plans(config))
    assert not any(
        value["config_source"] == "DYNAMIC_TOPIC_CONFIG" for value in _entries(config, report.created[0]).values()
    )
    compacted = [plan.name for plan in _plans(config) if plan.settings["cleanup.policy"] == "compact"]
    assert compacted
    told = {(one.topic, one.setting): one for one in report.differing}
    assert [name for name, setting in told if setting == "cleanup.policy"] == compacted
    assert all(told[name, "cleanup.policy"].matters for name in compacted)
    assert {one.found for one in report.differing if one.setting == "max.message.bytes"} == {"10485760"}
    kept = told[MAIL_REJECTED.name(config.topic_prefix), "retention.ms"]
    assert (kept.found, kept.wanted, kept.matters) == (str(7 * DAY_MS), str(MAIL_REJECTED.retention_ms), False)


def test_topics_that_an_administrator_made_are_accepted_as_they_are(config: ProcessConfig) -> None:
    mails, settings = MAIL_FETCHED.name(config.topic_prefix), SETTINGS.name(config.topic_prefix)
    made = {
        mails: {"cleanup.policy": "compact,delete", "retention.ms": "-1", "retention.bytes": "1000000"},
        settings: {"cleanup.policy": "compact", "min.insync.replicas": "2", "max.message.bytes": "20000000"},
    }
    with closing(make_admin(config)) as admin:
        admin.create_topics([NewTopic(name, 1, 1, topic_configs=given) for name, given in made.items()])
        admin.wait_for_topics(list(made))
    report = create_topics(config.model_copy(update={"topic_replication_factor": 1}))
    assert set(made) <= set(report.present)
    assert {(one.topic, one.setting): one.matters for one in report.differing} == {
        (mails, "partitions"): False,
        (mails, "cleanup.policy"): True,
        (mails, "retention.ms"): False,
        (mails, "retention.bytes"): False,
        (mails, "max.message.bytes"): True,
        (settings, "min.insync.replicas"): True,
        (settings, "min.cleanable.dirty.ratio"): False,
        (settings, "segment.ms"): False,
    }
    for name, given in made.items():
        assert given.items() <= _settings(config, name).items()  # nothing was changed


def test_a_topic_that_the_broker_refuses_is_named(config: ProcessConfig) -> None:
    too_many = config.model_copy(update={"topic_replication_factor": 99})
    with pytest.raises(TopicSetupError, match=rf"{config.topic_prefix}\..* cannot be created: .*replication"):
        create_topics(too_many)


# ---- publishing and reading ------------------------------------------------------------------------------------------


def test_what_is_published_is_read_whole_in_the_order_of_each_key(config: ProcessConfig, publisher: Publisher) -> None:
    topic = MAIL_FETCHED.name(config.topic_prefix)
    make_topics(config, [topic])
    messages = [OutputRecord(MAIL_FETCHED, f"key-{n % 9}", b"%d" % n, (("n", b"%d" % n),)) for n in range(500)]
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

    monkeypatch.setattr("runtime.kafka.topic_reader.partition_counts", know_nothing_once)
    assert list(read_to_end(config, [topic])) == []
    assert [list(answer) for answer in answers] == [[], [topic]]


def test_a_consumer_asks_the_broker_for_its_own_topics_alone(config: ProcessConfig) -> None:
    wanted, missing, other = (topic.name(config.topic_prefix) for topic in (MAIL_FETCHED, MAIL_RESOLVED, SETTINGS))
    make_topics(config, [wanted, other], partitions=3)
    with closing(make_consumer(config, "test")) as consumer:
        assert partition_counts(consumer, [missing]) == {}
        assert partition_counts(consumer, [wanted, missing]) == {wanted: 3}
        assert consumer._cluster.topics() == {wanted}  # what it has been told of


def test_two_questions_about_topics_need_no_wait_between_them(config: ProcessConfig) -> None:
    """kafka-python 3.0.12 does not hand `retry_backoff_ms` on to what asks about topics: there it is always 100."""
    topic = MAIL_FETCHED.name(config.topic_prefix)
    make_topics(config, [topic], partitions=3)
    with closing(make_consumer(config, "test", retry_backoff_ms=1)) as consumer:
        cluster = consumer._cluster
        assert cluster.config["retry_backoff_ms"] == 100, "no need to go round it any more"
        waits: list[float] = []
        ttl = cluster.ttl

        def noted() -> float:
            waits.append(ttl())
            return waits[-1]

        cluster.ttl = noted
        assert [partition_counts(consumer, [topic]) for _ in range(5)] == [{topic: 3}] * 5
        assert waits and all(wait == 0 or wait > 1_000 for wait in waits)  # at once, or not before it is too old
        assert cluster.config["retry_backoff_ms"] == 100


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
        publisher.publish([ProducerRecord(topic, b"k", b"x" * (MAX_RECORD_BYTES + 1))])
    publisher.publish([ProducerRecord(topic, b"k", b"fits")])
    assert [record.value for record in read_to_end(config, [topic])] == [b"fits"]
    with pytest.raises(OutageError) as raised:
        Publisher(nowhere).publish([ProducerRecord(topic, b"k", b"v")])
    assert raised.value.reason is Reason.BROKER_AWAY


def test_one_record_that_the_broker_refuses_is_no_outage(config: ProcessConfig, publisher: Publisher) -> None:
    topic = PERSONS.name(config.topic_prefix)
    make_topics(config, [topic], partitions=1)
    without_key = ProducerRecord(topic, None, b"a compacted topic takes no record without a key")
    with pytest.raises(UnpublishableError):
        publisher.publish([ProducerRecord(topic, b"k", b"before"), without_key, ProducerRecord(topic, b"k", b"behind")])
    publisher.publish([ProducerRecord(topic, b"k", b"good")])
    assert [record.value for record in read_to_end(config, [topic])] == [b"good"]


# ---- settings view ---------------------------------------------------------------------------------------------------


def options(format_: Format) -> OutputRecord:
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
        ProducerRecord(topic, b"email-options/email-options", b"\xff\x00"),
        ProducerRecord(topic, b"email-options/email-options", b'{"kind":"email-options","default_format":"pdf"}'),
        ProducerRecord(topic, b"partition/it", good.value, good.headers),
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
