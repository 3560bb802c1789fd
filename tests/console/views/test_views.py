"""The kept view on a real broker: complete at the start, current after each change, and open about being stale."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from console.config import ConsoleConfig
from console.views.follower import Follower
from console.views.views import FRESHNESS, SERVERS, SETTINGS, Views
from deploy.local.ports import wait_until
from deploy.local.servers.broker import KafkaProcess
from runtime.kafka.producer import Publisher
from runtime.kafka.topic_setup import create_topics
from runtime.telemetry.health import Health
from schemas.topics import SETTINGS as SETTINGS_TOPIC
from tests.console.views.following import SECONDS, Told, options, started, status
from tests.freezing import frozen

pytestmark = pytest.mark.broker


def test_all_that_was_there_before_the_start_is_there_once_it_is_ready(
    config: ConsoleConfig, publisher: Publisher
) -> None:
    create_topics(config)
    publisher.publish([options(10), options(20), status("it", "idle")])
    health = Health()
    views = Views(config, Told(), health)

    with started(views):
        assert "views" in health.not_ready()
        assert views.wait_ready(SECONDS)
        assert views.current.settings.email_options().token_days == 20
        assert views.current.status("incoming", "it") is not None
        assert "views" not in health.not_ready()
        assert (views.freshness.ready, views.freshness.stale_since) == (True, None)


def test_what_was_published_is_read_by_whoever_waits_for_it(config: ConsoleConfig, publisher: Publisher) -> None:
    create_topics(config)
    views = Views(config, Told())

    with started(views):
        for days in range(1, 30):  # a race would be lost now and then
            publisher.publish([options(days)])
            assert views.catch_up(SECONDS)
            assert views.current.settings.email_options().token_days == days


def test_the_names_of_what_changed_are_told(config: ConsoleConfig, publisher: Publisher) -> None:
    create_topics(config)
    told = Told()
    views = Views(config, told)

    with started(views):
        assert views.wait_ready(SECONDS)
        told.clear()
        publisher.publish([status("it", "unreachable")])
        assert told.wait_for(SERVERS)
        assert SETTINGS not in told.names
        publisher.publish([options(3)])
        assert told.wait_for(SETTINGS)


def test_it_starts_without_a_broker_and_without_topics_and_says_so(config: ConsoleConfig) -> None:
    health = Health()
    views = Views(config, Told(), health)

    with started(views):
        assert not views.catch_up(0.5)
        assert "views" in health.not_ready()
        create_topics(config)
        assert views.wait_ready(SECONDS)
        assert not health.not_ready()


def test_a_view_that_has_failed_says_so_and_keeps_what_it_knew(config: ConsoleConfig, publisher: Publisher) -> None:
    create_topics(config)
    told, health = Told(), Health()

    def take(_records: object) -> None:
        raise ValueError("a fault of ours")

    topics = [SETTINGS_TOPIC.name(config.topic_prefix)]
    follower = Follower(config, "faulty", topics, take, health=health, told=lambda: told(("told",)))
    with started(follower):
        assert follower.wait_ready(SECONDS)
        told.clear()
        publisher.publish([options(1)])
        assert told.wait_for("told")
        assert follower.stale_since is not None
        assert "restart the process" in health.not_ready()["faulty"]
        assert not follower.catch_up(0.5)


@pytest.fixture
def own_broker(tmp_path: Path) -> Iterator[KafkaProcess]:
    """A broker that is frozen by the test."""
    with KafkaProcess(tmp_path / "broker") as broker:
        yield broker


@pytest.mark.timeout(180)
def test_while_the_broker_is_away_it_says_since_when_and_is_current_again_afterwards(
    own_broker: KafkaProcess,
) -> None:
    config = ConsoleConfig(kafka_bootstrap_servers=own_broker.bootstrap_servers, topic_prefix="t")
    create_topics(config)
    told, health = Told(), Health()
    views = Views(config, told, health)
    with closing(Publisher(config)) as publisher, started(views):
        publisher.publish([options(10)])
        assert views.catch_up(SECONDS)
        told.clear()
        with frozen(own_broker.pid):
            assert told.wait_for(FRESHNESS)
            assert views.freshness.stale_since is not None
            assert wait_until(lambda: "broker" in health.not_ready(), SECONDS)
            assert views.current.settings.email_options().token_days == 10  # what is known stays
            assert not views.catch_up(0.5)
            told.clear()
        assert told.wait_for(FRESHNESS)
        assert views.freshness.stale_since is None
        publisher.publish([options(11)])
        # A broker that has just come back may not name itself to a new client for a moment.
        assert wait_until(lambda: views.catch_up(SECONDS), SECONDS)
        assert views.current.settings.email_options().token_days == 11
        assert wait_until(lambda: not health.not_ready(), SECONDS)
