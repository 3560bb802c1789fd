"""A broker with an authorizer, a user for each role, and the ACLs of the table: what they may do, and what not."""

import os
import re
import shlex
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import yaml
from kafka.admin import (
    ACL,
    ACLFilter,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    KafkaAdminClient,
    ResourcePattern,
    ResourcePatternFilter,
    ResourceType,
)

from console.topics.provisioning import acl_commands, strimzi_users, topic_commands, user_of
from deploy.local.packages.jars import java_command
from deploy.local.ports import wait_until
from deploy.local.servers.broker import QUICK_START, KafkaProcess, Listener
from deploy.local.servers.secure_broker import ACLS_HOLD, plain_users
from runtime.config import ProcessConfig
from runtime.kafka import clients
from runtime.kafka.clients import broker_errors, make_consumer
from runtime.kafka.producer import ProducerRecord, Publisher
from runtime.kafka.topic_plans import plans
from runtime.kafka.topic_reader import read_to_end
from runtime.kafka.topic_setup import TopicSetupError, create_topics, partition_counts
from runtime.outages import OutageError
from schemas.access import GROUPS, ROLES, Rule, access_of, rules_of
from schemas.reasons import Reason
from schemas.topics import PERSONS

pytestmark = [pytest.mark.timeout(180), pytest.mark.broker]

PREFIX = "t"
TOPICS = sorted(plan.name for plan in plans(PREFIX))
GROUP_NAMES = sorted(f"{PREFIX}.{name}" for names in GROUPS.values() for name in names)
PASSWORD = uuid4().hex
USERS = {role: role.lower().replace(" ", "-") for role in ROLES}
# Users with just what `mailcall topics create --dry-run --acls` shows an administrator.
SHOWN = {program: user_of(program, PREFIX) for program in GROUPS}
BY_COMMANDS = "resolver-by-commands"
LOOKER, STRANGER = "looker", "stranger"
LogIn = Callable[[str], ProcessConfig]
ANY_ACL = ACLFilter(
    None, "*", ACLOperation.ANY, ACLPermissionType.ANY,
    ResourcePatternFilter(ResourceType.ANY, None, ACLResourcePatternType.ANY),
)  # fmt: skip


class GuardedBroker(KafkaProcess):
    """Besides the open port, whose user may do all, one where users log in and may do what ACLs allow."""

    def __init__(self, directory: Path) -> None:
        users = dict.fromkeys((*USERS.values(), *SHOWN.values(), BY_COMMANDS, LOOKER, STRANGER), PASSWORD)
        super().__init__(
            directory / "broker",
            listeners=[Listener("GUARDED", "SASL_PLAINTEXT", plain_users(users))],
            settings=ACLS_HOLD,
        )
        self.password_file = directory / "password"
        self.password_file.write_text(PASSWORD)


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GuardedBroker]:
    with GuardedBroker(tmp_path_factory.mktemp("broker")) as broker:
        config = config_of(broker)
        create_topics(config)
        with closing(Publisher(config)) as publisher:  # a topic without records is never fetched from
            publisher.publish([ProducerRecord(name, b"key", None, ()) for name in TOPICS])
        wanted = {acl for role in ROLES for acl in acls(USERS[role], rules_of(role, PREFIX))} | shown_acls()
        wanted |= set(acls(LOOKER, [Rule("TOPIC", f"{PREFIX}.", "DESCRIBE", prefixed=True)]))
        with closing(clients.make_admin(config)) as admin:
            assert admin.create_acls(list(wanted))["failed"] == []
            # They are in force some time later.
            assert wait_until(lambda: len(admin.describe_acls(ANY_ACL)[0]) >= len(wanted), 30)
        yield broker


def acls(user: str, rules: Iterable[Rule]) -> Iterator[ACL]:
    for rule in rules:
        pattern = ACLResourcePatternType.PREFIXED if rule.prefixed else ACLResourcePatternType.LITERAL
        yield ACL(
            f"User:{user}", "*", ACLOperation[rule.operation], ACLPermissionType.ALLOW,
            ResourcePattern(ResourceType[rule.resource], rule.name, pattern),
        )  # fmt: skip


STRIMZI_OPERATIONS = {
    "Read": ACLOperation.READ,
    "Write": ACLOperation.WRITE,
    "Describe": ACLOperation.DESCRIBE,
    "DescribeConfigs": ACLOperation.DESCRIBE_CONFIGS,
}
STRIMZI_PATTERNS = {"literal": ACLResourcePatternType.LITERAL, "prefix": ACLResourcePatternType.PREFIXED}


def shown_acls() -> set[ACL]:
    """As Strimzi's User Operator makes them of the users that are shown for it."""
    users = list(yaml.safe_load_all(strimzi_users(PREFIX, "central")))
    assert [user["metadata"]["name"] for user in users] == list(SHOWN.values())
    return {
        ACL(
            f"User:{user['metadata']['name']}", "*", STRIMZI_OPERATIONS[operation], ACLPermissionType.ALLOW,
            ResourcePattern(
                ResourceType[acl["resource"]["type"].upper()],
                acl["resource"]["name"],
                STRIMZI_PATTERNS[acl["resource"]["patternType"]],
            ),
        )
        for user in users
        for acl in user["spec"]["authorization"]["acls"]
        for operation in acl["operations"]
    }  # fmt: skip


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A directory with Kafka's own `kafka-topics.sh` and `kafka-acls.sh`."""
    for tool, name in (("kafka-topics.sh", "TopicCommand"), ("kafka-acls.sh", "AclCommand")):
        java = java_command("kafka", f"org.apache.kafka.tools.{name}", QUICK_START, beside=("kafka-tools",))
        (tmp_path / tool).write_text(f'#!/bin/sh\nexec {shlex.join(java)} "$@"\n')
        (tmp_path / tool).chmod(0o755)
    return tmp_path


def run_as_administrator(script: str, tools: Path) -> None:
    properties = tools / "admin.properties"
    properties.write_text("default.api.timeout.ms=30000\n")
    environment = {"PATH": f"{tools}:{os.environ['PATH']}", "ADMIN": f"--command-config {properties}"}
    done = subprocess.run(["sh", "-eu"], input=script, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def log_in(broker: GuardedBroker) -> Callable[[str], ProcessConfig]:
    """The configuration to log in with as this user."""
    return lambda user: ProcessConfig(
        kafka_bootstrap_servers=broker.address_of("GUARDED"),
        topic_prefix=PREFIX,
        kafka_security_protocol="SASL_PLAINTEXT",
        kafka_sasl_mechanism="PLAIN",
        kafka_username=user,
        kafka_password_file=broker.password_file,
    )


def allowed_on_topics(admin: KafkaAdminClient) -> Mapping[str, set[str]]:
    """What the broker says that this user may do, by topic."""
    described = admin.describe_topics(TOPICS)
    return {one["name"]: set(one["authorized_operations"] or ()) for one in described if not one["error_code"]}


@pytest.mark.parametrize("role", ROLES)
def test_a_role_may_do_on_each_topic_what_the_table_says(role: str, log_in: LogIn) -> None:
    access = access_of(role, PREFIX)
    with closing(clients.make_admin(log_in(USERS[role]))) as admin:
        allowed = allowed_on_topics(admin)
    assert {name for name, operations in allowed.items() if "READ" in operations} == set(access.reads)
    assert {name for name, operations in allowed.items() if "WRITE" in operations} == set(access.writes)
    more = {"CREATE", "DESCRIBE_CONFIGS"} if role == "console" else set()
    assert set().union(*allowed.values()) == {"DESCRIBE", *more, *(["READ"] if access.reads else ()), "WRITE"} - (
        set() if access.writes else {"WRITE"}
    )


@pytest.mark.parametrize("stage", GROUPS)
def test_a_process_reads_writes_and_joins_with_the_clients_it_has(stage: str, log_in: LogIn) -> None:
    works_as(stage, log_in(stage))


def test_the_console_makes_a_topic_with_its_settings(broker: GuardedBroker, log_in: LogIn) -> None:
    name = PERSONS.dlq(PREFIX)
    with closing(clients.make_admin(config_of(broker))) as admin:
        admin.delete_topics([name])
        assert wait_until(lambda: name not in partition_counts(admin, TOPICS), 30)
    refused = pytest.raises(TopicSetupError, match=rf"{name} cannot be created: (?i:.*authoriz)")
    with refused:
        create_topics(log_in(SHOWN["console"]))
    config = log_in("console")
    report = create_topics(config)
    assert (report.created, report.differing) == ((name,), ())
    with closing(Publisher(config)) as publisher:
        publisher.publish([ProducerRecord(name, b"key", None, ())])


@pytest.mark.parametrize("stage", GROUPS)
def test_a_process_works_with_just_what_an_administrator_is_shown(stage: str, log_in: LogIn) -> None:
    access, config = access_of(stage, PREFIX), log_in(SHOWN[stage])
    works_as(stage, config)
    with closing(clients.make_admin(config)) as admin:
        allowed = allowed_on_topics(admin)
    assert {name for name, operations in allowed.items() if "READ" in operations} == set(access.reads)
    assert {name for name, operations in allowed.items() if "WRITE" in operations} == set(access.writes)
    more = {"DESCRIBE_CONFIGS"} if stage == "console" else set()
    assert set().union(*allowed.values()) == {"READ", "WRITE", "DESCRIBE", *more}
    with pytest.raises(OutageError):
        join(config, next(name for name in GROUP_NAMES if name not in access.groups), access.reads[0])


def test_the_commands_that_an_administrator_is_shown_do_the_same(
    broker: GuardedBroker, log_in: LogIn, tools: Path
) -> None:
    script = acl_commands(PREFIX, broker.bootstrap_servers).replace("\\\n", "")
    script, replaced = re.subn("^RESOLVER=.*$", f"RESOLVER=User:{BY_COMMANDS}", script, flags=re.MULTILINE)
    assert replaced == 1
    chosen = [line for line in script.splitlines() if re.match("[A-Z]+=", line) or "$RESOLVER" in line]
    assert len(chosen) == len(GROUPS) + 3  # all of the resolver's: Java takes a second for each
    run_as_administrator("\n".join(chosen), tools)
    with closing(clients.make_admin(config_of(broker))) as admin:
        by_user: dict[str, set[Any]] = {}
        for acl in admin.describe_acls(ANY_ACL)[0]:
            by_user.setdefault(acl.principal, set()).add((acl.operation, acl.resource_pattern))
    assert by_user[f"User:{BY_COMMANDS}"] == by_user[f"User:{SHOWN['resolver']}"]
    works_as("resolver", log_in(BY_COMMANDS))


def test_topics_made_by_the_commands_are_as_the_catalogue_says(broker: GuardedBroker, tools: Path) -> None:
    config = config_of(broker, "by-commands")
    chosen = [plan for plan in plans("by-commands") if plan.name.endswith(("mail.fetched.v1", ".settings.v1"))]
    assert len(chosen) == 2  # of each kind one: Java takes a second for each
    run_as_administrator(topic_commands(chosen, broker.bootstrap_servers, 1), tools)
    report = create_topics(config)
    assert (set(report.present), report.differing) == ({plan.name for plan in chosen}, ())


def test_settings_that_may_not_be_seen_are_called_unchecked(log_in: LogIn) -> None:
    report = create_topics(log_in(LOOKER))
    assert (report.created, sorted(report.unchecked), report.differing) == ((), TOPICS, ())


def config_of(broker: GuardedBroker, prefix: str = PREFIX) -> ProcessConfig:
    """Of who may do all."""
    return ProcessConfig(kafka_bootstrap_servers=broker.bootstrap_servers, topic_prefix=prefix)


def works_as(stage: str, config: ProcessConfig) -> None:
    """Reads, writes and joins, with the clients that the process has."""
    access = access_of(stage, PREFIX)
    with closing(Publisher(config)) as publisher:
        publisher.publish([ProducerRecord(name, b"key", None, ()) for name in access.writes])
    assert {record.topic for record in read_to_end(config, access.reads)} == set(access.reads)
    for name in access.groups:
        join(config, name, access.reads[0])
    if stage == "console":
        report = create_topics(config)
        assert (report.created, report.differing, report.unchecked) == ((), (), ())


@pytest.mark.parametrize("stage", [*GROUPS, STRANGER])
def test_the_broker_refuses_what_is_not_in_the_table(stage: str, log_in: LogIn) -> None:
    access, config = access_of(stage, PREFIX), log_in(stage)
    unwritten = [name for name in TOPICS if name not in access.writes]
    unread = [name for name in TOPICS if name not in access.reads]
    others = [name for name in GROUP_NAMES if name not in access.groups]
    assert unwritten
    assert unread
    assert others
    with pytest.raises(OutageError) as raised, closing(Publisher(config)) as publisher:
        publisher.publish([ProducerRecord(unwritten[0], b"key", None, ())])
    assert raised.value.reason is Reason.BROKER_RIGHT_MISSING
    with pytest.raises(OutageError):
        list(read_to_end(config, [unread[0]]))
    with pytest.raises(OutageError):
        join(config, others[0], (*access.reads, TOPICS[0])[0])


def join(config: ProcessConfig, group: str, topic: str) -> None:
    """Returns once this is a member of the group. Raises `OutageError` where the broker refuses."""
    with closing(make_consumer(config, "test", group_id=group)) as consumer, broker_errors():
        consumer.subscribe([topic])
        while not consumer.assignment():
            consumer.poll(timeout_ms=100)
