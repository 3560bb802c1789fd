"""Each way to protect and log in, under load over several ends of sessions: nothing is lost, and nothing double."""

import os
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass

import pytest
from prometheus_client import REGISTRY

from deploy.local.servers.secure_broker import WAYS, SecureBroker
from runtime.config import ProcessConfig
from runtime.kafka.connection_check import check_connection
from runtime.kafka.credentials import Token, TokenLogin
from runtime.kafka.producer import ProducerRecord, Publisher
from runtime.kafka.security import security_of
from runtime.kafka.settings import addresses
from runtime.kafka.topic_reader import read_to_end
from schemas.reasons import Reason
from schemas.topics import MAIL_FETCHED, MAIL_RESOLVED
from tests.captured_logs import capture_logs
from tests.contract.loops import ObedientHandler, Running, make_topics, until

pytestmark = [pytest.mark.timeout(240), pytest.mark.broker]

LOOPS = ("kafka-python", "faust")
SESSION_SECONDS = 8
# Two ends of sessions. More for a person who wants to see more of them.
LOAD_SECONDS = float(os.environ.get("KAFKA_SECURITY_LOAD_SECONDS", "16"))
PAUSE_SECONDS = 0.1


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecureBroker]:
    with SecureBroker(tmp_path_factory.mktemp("secure"), SESSION_SECONDS) as broker:
        yield broker


@dataclass
class Case:
    """One loop, connected in one way, and what it has to handle."""

    way: str
    loop: str
    config: ProcessConfig
    handler: ObedientHandler
    publisher: Publisher
    sent: list[bytes]

    def __str__(self) -> str:
        return f"{self.way} by {self.loop}"

    def load(self, over: threading.Event) -> None:
        """A record every moment, over a connection of the same kind."""
        while not over.is_set():
            self.send()
            over.wait(PAUSE_SECONDS)

    def send(self) -> None:
        value = b"mail-%d" % len(self.sent)
        self.publisher.publish([ProducerRecord(MAIL_FETCHED.name(self.config.topic_prefix), value, value, ())])
        self.sent.append(value)


def make_case(broker: SecureBroker, way: str, loop: str, name: str = "load") -> Case:
    prefix = f"{name}-{way}-{loop}".lower().replace(",", "").replace(" ", "-")
    config = ProcessConfig(topic_prefix=prefix, **broker.settings_of(way))
    make_topics(config, [MAIL_FETCHED.name(prefix), MAIL_FETCHED.dlq(prefix), MAIL_RESOLVED.name(prefix)])
    return Case(way, loop, config, ObedientHandler(), Publisher(config), [])


def test_sessions_end_under_load_and_nothing_is_lost_or_double(broker: SecureBroker) -> None:
    cases = [make_case(broker, way, loop) for way in WAYS for loop in LOOPS]
    over = threading.Event()
    with capture_logs() as logged, ExitStack() as stack:
        running = [stack.enter_context(Running(case.loop, case.config, case.handler)) for case in cases]
        for case in cases:
            stack.enter_context(closing(case.publisher))
            case.send()
        until(lambda: not any(loop.health.not_ready() for loop in running), "ready")
        outages = outage_seconds()
        loads = [threading.Thread(target=case.load, args=(over,)) for case in cases]
        for load in loads:
            load.start()
        time.sleep(LOAD_SECONDS)
        over.set()
        for load in loads:
            load.join()
        until(lambda: all(len(case.handler.handled) >= len(case.sent) for case in cases), "all records handled")
        assert not any(loop.health.not_ready() for loop in running)
        assert outage_seconds() == outages
    ends = Counter(line["broker"] for line in logged if line["event"].startswith("the broker's session ends"))
    assert ends[broker.kafka.address_of("OAUTH")] >= LOAD_SECONDS // SESSION_SECONDS
    assert ends[broker.kafka.address_of("PASSWORD")] >= 3 * (LOAD_SECONDS // SESSION_SECONDS)  # by three mechanisms
    assert ends.keys() == {broker.kafka.address_of("OAUTH"), broker.kafka.address_of("PASSWORD")}
    for case in cases:
        print(f"{case}: {len(case.sent)} sent, {len(case.handler.handled)} handled")  # noqa: T201 - for pytest -s
        assert len(case.sent) > LOAD_SECONDS
        assert case.handler.count() == Counter(case.sent), str(case)
        published = read_to_end(case.config, [MAIL_RESOLVED.name(case.config.topic_prefix)])
        assert Counter(record.value for record in published) == Counter(case.sent), str(case)


def outage_seconds() -> float:
    """Of all outages that this process has told of."""
    return sum(
        sample.value
        for metric in REGISTRY.collect()
        for sample in metric.samples
        if sample.name == "mailcall_outage_seconds_total"
    )


def test_a_password_that_is_changed_is_told_and_then_read_anew(broker: SecureBroker) -> None:
    """Both loops find out with the next session; once the file holds the new one they go on by themselves."""
    cases = [make_case(broker, "SCRAM-SHA-512", loop, "changed") for loop in LOOPS]
    others = [Publisher(case.config.model_copy(update=broker.settings_of("SSL"))) for case in cases]
    with ExitStack() as stack:
        running = [stack.enter_context(Running(case.loop, case.config, case.handler)) for case in cases]
        for case, publisher in zip(cases, others, strict=True):
            case.publisher = stack.enter_context(closing(publisher))
            case.send()
        until(lambda: all(len(case.handler.handled) == 1 for case in cases), "the first record handled")
        broker.change_password("an0ther s3cret")
        for case in cases:
            case.send()
        until(lambda: all("broker" in loop.health.not_ready() for loop in running), "told")
        assert all("refused" in loop.health.not_ready()["broker"] for loop in running)
        broker.password_file.write_text("an0ther s3cret")
        until(lambda: not any(loop.health.not_ready() for loop in running), "ready again")
        until(lambda: all(len(case.handler.handled) >= 2 for case in cases), "the second record handled")
    for case in cases:
        assert case.handler.count() == Counter(case.sent), str(case)


def test_the_broker_reads_what_stands_beside_the_token(broker: SecureBroker) -> None:
    """It refuses a name that no extension can have (RFC 7628, section 3.1), so it looked at what it took, too."""
    settings = broker.settings_of("OAUTHBEARER, extensions")
    security = security_of(ProcessConfig(**settings))
    login = security.login
    assert isinstance(login, TokenLogin)
    assert login.extensions == {"logicalCluster": "lkc-12345", "identityPoolId": "pool-abc"}
    unreadable = security._replace(login=TokenLogin(lambda: Token(login.token()), {"logical_cluster": "lkc-12345"}))
    ((host, port),) = addresses(settings["kafka_bootstrap_servers"])
    taken, refused = (check_connection(host, port, one, 30.0).failed for one in (security, unreadable))
    assert taken is None
    assert refused
    assert refused.reason is Reason.BROKER_LOGIN_REFUSED
