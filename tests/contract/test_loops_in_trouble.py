"""Both loops when the broker goes away, and when the process is killed: nothing is lost."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import pytest

from deploy.local.servers.broker import KafkaProcess
from runtime.config import ProcessConfig
from runtime.kafka.producer import ProducerRecord, Publisher
from runtime.kafka.topic_reader import read_to_end
from schemas.topics import MAIL_FETCHED, MAIL_RESOLVED
from tests.contract.loops import LoopName, ObedientHandler, Running, make_topics, until

ROOT = Path(__file__).resolve().parents[2]
KILLS = 2


pytestmark = pytest.mark.broker


@pytest.fixture(params=["kafka-python", "faust"])
def loop(request: pytest.FixtureRequest) -> LoopName:
    name: LoopName = request.param
    return name


@pytest.fixture(scope="module")
def own_broker() -> Iterator[KafkaProcess]:
    """A broker that these tests may stop."""
    with KafkaProcess() as broker:
        yield broker


def mails(config: ProcessConfig, values: list[bytes]) -> list[ProducerRecord]:
    topic = MAIL_FETCHED.name(config.topic_prefix)
    return [ProducerRecord(topic, b"key-%d" % (number % 40), value) for number, value in enumerate(values)]


def outputs(config: ProcessConfig) -> list[bytes]:
    return [record.value or b"" for record in read_to_end(config, [MAIL_RESOLVED.name(config.topic_prefix)])]


def make(config: ProcessConfig) -> ProcessConfig:
    prefix = config.topic_prefix
    make_topics(config, [MAIL_FETCHED.name(prefix), MAIL_FETCHED.dlq(prefix), MAIL_RESOLVED.name(prefix)])
    return config


def test_a_broker_that_goes_away_is_waited_for(loop: LoopName, own_broker: KafkaProcess, topic_prefix: str) -> None:
    config = make(ProcessConfig(kafka_bootstrap_servers=own_broker.bootstrap_servers, topic_prefix=topic_prefix))
    sent = [b"mail-%d" % number for number in range(200)]
    handler = ObedientHandler()
    publisher = Publisher(config)
    with Running(loop, config, handler) as running:
        publisher.publish(mails(config, sent[:100]))
        until(lambda: len(handler.handled) >= 100, "the first records handled")
        own_broker.stop()
        try:
            until(lambda: "broker" in running.health.not_ready(), "the outage noticed")
        finally:
            own_broker.start()
        until(lambda: _published(publisher, mails(config, sent[100:])), "published again")
        until(lambda: set(handler.count()) == set(sent), "the other records handled")
        until(lambda: not running.health.not_ready(), "ready again")
    assert running.error is None
    assert set(outputs(config)) == set(sent)
    publisher.close()


def _published(publisher: Publisher, messages: list[ProducerRecord]) -> bool:
    try:
        publisher.publish(messages)
    except Exception:
        return False
    return True


def test_a_broker_that_is_away_at_the_start_is_waited_for(
    loop: LoopName, own_broker: KafkaProcess, topic_prefix: str
) -> None:
    config = make(ProcessConfig(kafka_bootstrap_servers=own_broker.bootstrap_servers, topic_prefix=topic_prefix))
    handler = ObedientHandler()
    own_broker.stop()
    with Running(loop, config, handler) as running:
        try:
            until(lambda: "broker" in running.health.not_ready(), "the outage noticed")
        finally:
            own_broker.start()
        until(lambda: not running.health.not_ready(), "ready")
    assert running.error is None


def test_a_process_that_is_killed_loses_nothing(loop: LoopName, kafka_bootstrap: str, topic_prefix: str) -> None:
    config = make(ProcessConfig(kafka_bootstrap_servers=kafka_bootstrap, topic_prefix=topic_prefix))
    with Feeder(config) as feeder:
        for _ in range(KILLS):
            with _process_at_work(loop, config) as process:
                process.kill()
        with _process_at_work(loop, config) as process:
            feeder.end()
            until(lambda: set(outputs(config)) >= set(feeder.sent), "all records handled", every=0.2)
            process.terminate()
            assert process.wait(30) == 0
    assert set(outputs(config)) == set(feeder.sent)


class Feeder:
    """Publishes a steady stream of records until the end of the block, so that a kill comes in the middle of it."""

    def __init__(self, config: ProcessConfig) -> None:
        self._config = config
        self._enough = threading.Event()
        self._thread = threading.Thread(target=self._feed)
        self.sent: list[bytes] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        self._enough.set()
        self._thread.join()

    def _feed(self) -> None:
        publisher = Publisher(self._config)
        while not self._enough.wait(0.05):
            values = [b"mail-%d" % (len(self.sent) + number) for number in range(5)]
            publisher.publish(mails(self._config, values))
            self.sent += values
        publisher.close()


@contextmanager
def _process_at_work(loop: LoopName, config: ProcessConfig) -> "Iterator[subprocess.Popen[bytes]]":
    """A process around the loop that has handled some records already. It is gone at the end of the block."""
    before = len(outputs(config))
    environment = os.environ | {
        "MAILCALL_KAFKA_BOOTSTRAP_SERVERS": config.kafka_bootstrap_servers,
        "MAILCALL_TOPIC_PREFIX": config.topic_prefix,
        "MAILCALL_METRICS_PORT": "off",
        "PYTHONPATH": str(ROOT),
    }
    with subprocess.Popen([sys.executable, "-m", "tests.contract.process", loop], env=environment, cwd=ROOT) as process:
        try:
            until(lambda: len(outputs(config)) > before + 50, "the process at work", every=0.2)
            yield process
        finally:
            process.kill()
