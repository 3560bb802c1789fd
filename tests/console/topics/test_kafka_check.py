"""`mailcall kafka check` on a real broker with an authorizer, and what a process says of the same troubles."""

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
from kafka.admin import (
    ACL,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    ResourcePattern,
    ResourceType,
)

from deploy.local.servers.secure_broker import ACLS_HOLD, PLAIN_USER, SecureBroker
from runtime.config import ProcessConfig
from runtime.kafka.clients import make_admin
from runtime.kafka.connection_check import check_connection
from runtime.kafka.security import security_of
from runtime.kafka.settings import KafkaSettings
from runtime.kafka.topic_setup import create_topics
from schemas.access import Rule, rules_of
from schemas.reasons import Reason
from tests.captured_logs import capture_logs
from tests.console.conftest import Mailcall
from tests.contract.loops import ObedientHandler, Running, until

pytestmark = [pytest.mark.timeout(180), pytest.mark.broker]

PREFIX = "t"
ADMINISTRATOR, NOBODY_LISTENS = "SSL", "127.0.0.1:1"


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecureBroker]:
    """Who comes without a log-in may do all, and has made the topics; who logs in may do nothing."""
    with SecureBroker(tmp_path_factory.mktemp("secure"), settings=ACLS_HOLD) as broker:
        create_topics(ProcessConfig(topic_prefix=PREFIX, **broker.settings_of(ADMINISTRATOR)))
        yield broker


@pytest.fixture
def check(mailcall: Mailcall, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs it with these settings; its exit code and steps."""

    def run(settings: Mapping[str, Any], *options: str) -> tuple[int, list[dict[str, str]]]:
        for name in KafkaSettings.model_fields:
            monkeypatch.delenv(f"MAILCALL_{name.upper()}", raising=False)
        for name, value in settings.items():
            if value is not None:
                monkeypatch.setenv(f"MAILCALL_{name.upper()}", str(value))
        ran = mailcall("--topic-prefix", PREFIX, "kafka", "check", "--json", *options)
        answer = json.loads(ran.out)
        assert answer["ok"] is (ran.code == 0)
        return ran.code, answer["steps"]

    return run


def test_a_broker_that_is_as_it_should_be(broker: SecureBroker, check: Any) -> None:
    code, steps = check(broker.settings_of(ADMINISTRATOR))
    assert code == 0, steps
    assert {step["step"] for step in steps} == {
        "address", "connection", "TLS", "Kafka", "topics", "rights", "sizes"
    }  # fmt: skip
    assert [step["where"] for step in steps if step["step"] == "rights"] == [
        "ingest", "resolver", "logger", "outbound", "console"
    ]  # fmt: skip


def faults(broker: SecureBroker, directory: Path) -> Mapping[Reason, tuple[dict[str, Any], str]]:
    """What is wrong, and what the remedy names."""
    good = broker.settings_of("PLAIN")
    wrong = directory / "wrong-password"
    wrong.write_text("not the password")
    return {
        Reason.BROKER_LOGIN_REFUSED: (good | {"kafka_password_file": wrong}, str(wrong)),
        Reason.BROKER_NOT_SECURE: (good | {"kafka_ca_file": broker.others.authority}, "MAILCALL_KAFKA_CA_FILE"),
        Reason.BROKER_AWAY: (good | {"kafka_bootstrap_servers": NOBODY_LISTENS}, "MAILCALL_KAFKA_BOOTSTRAP_SERVERS"),
        Reason.BROKER_RIGHT_MISSING: (good, "Give "),
    }


def test_four_troubles_are_four_messages_that_name_the_remedy(broker: SecureBroker, check: Any, tmp_path: Path) -> None:
    told = {}
    for reason, (settings, remedy) in faults(broker, tmp_path).items():
        code, steps = check(settings, "--role", "resolver")
        assert code == 1
        failed = next(step for step in steps if step["outcome"] != "ok")
        assert failed["outcome"] == reason, steps
        assert remedy in failed["remedy"], failed
        told[reason] = failed["what"]
    assert len(set(told.values())) == 4


def test_processes_tell_them_apart_in_log_and_readiness(broker: SecureBroker, tmp_path: Path) -> None:
    """Both loops in each trouble, all at once: each of them waits out kafka-python's time-out first."""
    troubles = {
        f"{loop}-{reason}": (loop, reason, ProcessConfig(topic_prefix=PREFIX, **settings), remedy)
        for reason, (settings, remedy) in faults(broker, tmp_path).items()
        for loop in ("kafka-python", "faust")
    }
    with capture_logs() as logged, ExitStack() as stack:
        health = {
            stage: stack.enter_context(Running(loop, config, ObedientHandler(stage))).health
            for stage, (loop, _, config, _) in troubles.items()
        }
        until(lambda: all("broker" in one.not_ready() for one in health.values()), "told")
        told = {troubles[stage][1]: one.not_ready()["broker"] for stage, one in health.items()}
    assert len(set(told.values())) == 4
    for stage, (_, reason, _, remedy) in troubles.items():
        waiting = [line for line in logged if line["event"] == "waiting" and line["stage"] == stage]
        assert {line["reason"] for line in waiting} == {reason}, waiting
        assert remedy in waiting[0]["remedy"]


def _mistakes(broker: SecureBroker, directory: Path) -> Iterator[tuple[dict[str, Any], Reason, str, str]]:
    """Settings, the reason, and words of what is said and of the remedy."""
    tls, plain, token = (broker.settings_of(way) for way in ("SSL", "PLAIN", "OAUTHBEARER"))
    refused, insecure = Reason.BROKER_LOGIN_REFUSED, Reason.BROKER_NOT_SECURE
    opened, protected = broker.kafka.bootstrap_servers, tls["kafka_bootstrap_servers"]
    mutual = broker.settings_of("mutual TLS")["kafka_bootstrap_servers"]
    gone = directory / "gone"
    gone.write_text("for now")
    elsewhere = broker.oauth.register("mailcall", audience="elsewhere")
    other_secret = directory / "other-secret"
    other_secret.write_text(elsewhere.client_secret or "")
    yield tls | {"kafka_bootstrap_servers": opened}, insecure, "does not speak TLS", "without SSL"
    yield {"kafka_bootstrap_servers": protected}, insecure, "speaks TLS", "SASL_SSL"
    yield tls | {"kafka_bootstrap_servers": mutual}, insecure, "ends TLS", "MAILCALL_KAFKA_CERTIFICATE_FILE"
    certificate = {
        "kafka_certificate_file": broker.others.certificate, "kafka_key_file": broker.others.key
    }  # fmt: skip
    yield tls | {"kafka_bootstrap_servers": mutual} | certificate, insecure, "ends TLS", "truststore"
    other_name = protected.replace("127.0.0.1", "127.1")
    yield tls | {"kafka_bootstrap_servers": other_name}, insecure, "127.1", "advertised.listeners"
    without = tls | {"kafka_bootstrap_servers": plain["kafka_bootstrap_servers"]}
    yield without, refused, "wants a log-in", "MAILCALL_KAFKA_SECURITY_PROTOCOL to SASL_SSL"
    yield plain | {"kafka_bootstrap_servers": protected}, refused, "nor any log-in", "listener with SASL"
    other_way = plain | {"kafka_bootstrap_servers": token["kafka_bootstrap_servers"]}
    yield other_way, refused, "it has OAUTHBEARER", "MAILCALL_KAFKA_SASL_MECHANISM"
    missing = Reason.BROKER_LOGIN_MISSING
    yield token | {"kafka_token_client_secret_file": other_secret}, missing, "invalid_client", "the text names"
    other_client = {"kafka_token_client_id": elsewhere.client_id, "kafka_token_client_secret_file": other_secret}
    yield token | other_client, refused, "refused", "audience"
    yield plain | {"kafka_password_file": gone}, missing, str(gone), "the text names"


def test_each_mistake_has_its_own_words(broker: SecureBroker, tmp_path: Path) -> None:
    for settings, reason, said, remedy in _mistakes(broker, tmp_path):
        config = ProcessConfig(topic_prefix=PREFIX, **settings)
        (tmp_path / "gone").unlink(missing_ok=True)
        host, port = config.kafka_bootstrap_servers.split(":")
        failed = check_connection(host, int(port), security_of(config), 20).failed
        assert failed, settings
        assert failed.reason is reason, failed
        assert said in failed.text, failed
        assert remedy in failed.remedy, failed
        (tmp_path / "gone").write_text("for now")


def test_one_of_several_brokers_that_is_away_is_told_and_the_rest_looked_into(broker: SecureBroker, check: Any) -> None:
    settings = broker.settings_of(ADMINISTRATOR)
    both = f"{NOBODY_LISTENS},{settings['kafka_bootstrap_servers']}"
    code, steps = check(settings | {"kafka_bootstrap_servers": both}, "--role", "logger")
    assert code == 1
    assert [step["where"] for step in steps if step["outcome"] != "ok"] == [NOBODY_LISTENS]
    assert "rights" in {step["step"] for step in steps}


def test_rights_that_are_given_are_found(broker: SecureBroker, check: Any) -> None:
    """All but one."""
    rules = [*rules_of("resolver", PREFIX)]
    left_out = rules.pop(0)
    with closing(make_admin(ProcessConfig(**broker.settings_of(ADMINISTRATOR)))) as admin:
        assert admin.create_acls([acl(PLAIN_USER, rule) for rule in rules])["failed"] == []
        until(lambda: len(_missing(check(broker.settings_of("PLAIN"), "--role", "resolver")[1])) == 1, "in force", 1)
    [missing] = _missing(check(broker.settings_of("PLAIN"), "--role", "resolver")[1])
    assert missing == f"has no {left_out.operation} on topic {left_out.name}"


def _missing(steps: list[dict[str, str]]) -> list[str]:
    return [step["what"] for step in steps if step["outcome"] != "ok"]


def acl(user: str, rule: Rule) -> ACL:
    pattern = ResourcePattern(ResourceType[rule.resource], rule.name, ACLResourcePatternType.LITERAL)
    return ACL(f"User:{user}", "*", ACLOperation[rule.operation], ACLPermissionType.ALLOW, pattern)
