"""What `mailcall topics create` tells an administrator, and that its commands and its YAML say the same."""

import json
import re
import shlex
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import jsonschema_rs
import pytest
import yaml

from deploy.local.checkers.custom_resources import strimzi_schemas
from runtime.kafka.topic_plans import TopicPlan, plans
from schemas.access import GROUPS, Rule, rules_of
from tests.console.conftest import Mailcall

PREFIX = "desk"
CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
Granted = dict[str, set[Rule]]


@pytest.fixture
def shown(mailcall: Mailcall, monkeypatch: pytest.MonkeyPatch) -> Mailcall:
    """Runs the dry run for a broker that does not exist."""
    monkeypatch.setenv("MAILCALL_KAFKA_MAX_RECORD_BYTES", "1048576")
    monkeypatch.setenv("MAILCALL_TOPIC_REPLICATION_FACTOR", "3")

    def run(*arguments: object, prefix: str = PREFIX) -> Any:
        place = ("--bootstrap-servers", "127.0.0.1:9", "--topic-prefix", prefix)
        return mailcall(*place, "topics", "create", *arguments)

    return run


@pytest.fixture(scope="module")
def strict_schemas() -> Mapping[str, jsonschema_rs.Validator]:
    return {kind: jsonschema_rs.validator_for(schema) for kind, schema in strimzi_schemas().items()}


def commands(script: str, tool: str) -> list[list[str]]:
    """The words behind `tool --bootstrap-server ... $ADMIN` of each of its commands."""
    lines = script.replace("\\\n", "").splitlines()
    found = [shlex.split(line) for line in lines if line.startswith(tool)]
    assert all(words[:4] == [tool, "--bootstrap-server", "127.0.0.1:9", "$ADMIN"] for words in found)
    return [words[4:] for words in found]


def values(words: list[str], option: str) -> list[str]:
    return [value for name, value in pairwise(words) if name == option]


def planned_by_commands(script: str) -> list[TopicPlan]:
    found = commands(script, "kafka-topics.sh")
    assert all(values(words, "--replication-factor") == ["3"] for words in found)
    return [
        TopicPlan(
            values(words, "--topic")[0],
            int(values(words, "--partitions")[0]),
            dict(setting.split("=") for setting in values(words, "--config")),
        )
        for words in found
    ]


def granted_by_commands(script: str) -> Granted:
    users = dict(line.split("=") for line in script.splitlines() if re.match(r"[A-Z]+=", line))
    granted: Granted = {}
    for words in commands(script, "kafka-acls.sh"):
        (principal,), (operation,) = values(words, "--allow-principal"), values(words, "--operation")
        prefixed = values(words, "--resource-pattern-type") == ["prefixed"]
        rules = granted.setdefault(users[principal.removeprefix("$")].removeprefix("User:"), set())
        rules |= {Rule("TOPIC", name, operation, prefixed) for name in values(words, "--topic")}  # type: ignore[arg-type]
        rules |= {Rule("GROUP", name, operation, prefixed) for name in values(words, "--group")}  # type: ignore[arg-type]
    return granted


def granted_by_strimzi(users: list[dict[str, Any]]) -> Granted:
    """As Strimzi's User Operator takes them."""
    return {
        user["metadata"]["name"]: {
            Rule(
                acl["resource"]["type"].upper(),
                acl["resource"]["name"],
                CAMEL.sub("_", operation).upper(),  # type: ignore[arg-type]
                acl["resource"]["patternType"] == "prefix",
            )
            for acl in user["spec"]["authorization"]["acls"]
            for operation in acl["operations"]
        }
        for user in users
    }


def test_every_form_shows_the_same_topics_and_rights(shown: Mailcall) -> None:
    wanted = list(plans(PREFIX, 1024 * 1024))
    assert {plan.settings["max.message.bytes"] for plan in wanted} == {"1048576"}
    rights = {f"{PREFIX}-{program}": set(rules_of(program, PREFIX, makes_topics=False)) for program in GROUPS}

    script = shown("--dry-run", "--commands", "--acls").out
    assert planned_by_commands(script) == wanted
    assert granted_by_commands(script) == rights

    resources = list(yaml.safe_load_all(shown("--dry-run", "--strimzi", "central", "--acls").out))
    topics = [one for one in resources if one["kind"] == "KafkaTopic"]
    assert [TopicPlan(one["metadata"]["name"], one["spec"]["partitions"], one["spec"]["config"]) for one in topics] == (
        wanted
    )
    assert {one["spec"]["replicas"] for one in topics} == {3}
    assert {one["metadata"]["labels"]["strimzi.io/cluster"] for one in resources} == {"central"}
    assert granted_by_strimzi([one for one in resources if one["kind"] == "KafkaUser"]) == rights

    data = json.loads(shown("--dry-run", "--acls", "--json").out)
    assert [TopicPlan(**one) for one in data["topics"]] == wanted
    assert {one["user"] for one in data["acls"]} == set(rights)
    table = shown("--dry-run", "--acls").out
    for plan in wanted:
        assert re.search(rf"^{re.escape(plan.name)} +{plan.partitions} +3 +max.message.bytes=1048576 ", table, re.M)
    assert re.search(rf"^{PREFIX}-resolver +READ +topic +{PREFIX}.mail.fetched.v1 *$", table, re.M)


def test_without_acls_no_user_is_shown(shown: Mailcall) -> None:
    for form in ((), ("--commands",), ("--strimzi", "central")):
        ran = shown("--dry-run", *form)
        assert (ran.code, f"{PREFIX}.mail.fetched.v1" in ran.out, f"{PREFIX}-resolver" in ran.out) == (0, True, False)


@pytest.mark.parametrize("prefix", [PREFIX, "a-.b..c-", "7" * 63])
def test_strimzi_would_take_what_is_shown(
    prefix: str, shown: Mailcall, strict_schemas: Mapping[str, jsonschema_rs.Validator]
) -> None:
    resources = list(yaml.safe_load_all(shown("--dry-run", "--strimzi", "central", "--acls", prefix=prefix).out))
    assert len(resources) == len(list(plans(prefix))) + len(GROUPS)
    for resource in resources:
        strict_schemas[resource["kind"]].validate(resource)
    names = {one["spec"].get("topicName", one["metadata"]["name"]) for one in resources if one["kind"] == "KafkaTopic"}
    assert names == {plan.name for plan in plans(prefix)}
    assert len({(one["kind"], one["metadata"]["name"]) for one in resources}) == len(resources)


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        ("KafkaTopic", {"apiVersion": "kafka.strimzi.io/v1beta2"}),
        ("KafkaTopic", {"metadata": {"name": "a_b"}}),
        ("KafkaTopic", {"spec": {"partition": 12}}),
        ("KafkaTopic", {"spec": {"partitions": "12"}}),
        ("KafkaUser", {"spec": {"authorization": {"type": "simple", "acls": [{"operations": ["Read"]}]}}}),
        ("KafkaUser", {"spec": {"authorization": {"type": "simple", "rules": []}}}),
        ("KafkaUser", {"spec": {"authentication": {"type": "scram-sha-256"}}}),
    ],
)
def test_what_strimzi_would_not_take_is_refused(
    kind: str, wrong: dict[str, Any], strict_schemas: Mapping[str, jsonschema_rs.Validator]
) -> None:
    right: dict[str, Any] = {"apiVersion": "kafka.strimzi.io/v1", "kind": kind, "metadata": {"name": "a"}, "spec": {}}
    assert strict_schemas[kind].is_valid(right)
    assert not strict_schemas[kind].is_valid(right | wrong)


@pytest.mark.parametrize(
    ("arguments", "remedy"),
    [
        (("--acls",), "add --dry-run"),
        (("--strimzi", "central"), "add --dry-run"),
        (("--dry-run", "--commands", "--strimzi", "central"), "choose one"),
        (("--dry-run", "--commands", "--json"), "choose one"),
    ],
)
def test_forms_that_exclude_each_other_are_told(arguments: tuple[str, ...], remedy: str, shown: Mailcall) -> None:
    ran = shown(*arguments)
    assert (ran.code, ran.out) == (2, "")
    assert remedy in ran.err


def test_what_matters_is_told_first_and_ends_with_1(at_broker: Mailcall, monkeypatch: pytest.MonkeyPatch) -> None:
    assert at_broker("topics", "create").out.startswith("0 created")
    monkeypatch.setenv("MAILCALL_TOPIC_REPLICATION_FACTOR", "2")
    ran = at_broker("topics", "create")
    assert ran.code == 0
    assert re.search(r"^no +\S+mail.fetched.v1 +replication factor +1 +2 *$", ran.out, re.M)
    assert ran.out.count("replication factor: so many brokers") == 1  # of all these topics


def test_a_topic_that_loses_records_ends_with_1(
    mailcall: Mailcall, kafka_bootstrap: str, topic_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAILCALL_TOPIC_CONFIGURATION", "leave")
    place = ("--bootstrap-servers", kafka_bootstrap, "--topic-prefix", topic_prefix)
    for arguments in ((), ("--json",)):  # the first creates, the second finds them as they are
        ran = mailcall(*place, "topics", "create", *arguments)
        assert ran.code == 1
    told = [one for one in json.loads(ran.out)["differing"] if one["setting"] == "cleanup.policy"]
    assert {(one["found"], one["wanted"], one["matters"]) for one in told} == {("delete", "compact", True)}
    assert f"{topic_prefix}.settings.v1" in {one["topic"] for one in told}
