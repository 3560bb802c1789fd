"""What an administrator has to create: topics, and who may use them. As commands, and for Strimzi. Pure."""

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

import yaml

from runtime.kafka.topic_plans import TopicPlan
from schemas.access import GROUPS, Rule, rules_of

PROGRAMS = tuple(GROUPS)  # ours; each logs in as a user of its own
_API = "kafka.strimzi.io/v1"
_ADMIN = "# Where the broker wants a login: ADMIN='--command-config admin.properties'"
_USERS = "# The users that the programs log in as. Where they come by certificate: User:CN=..."
_AUTHENTICATION = (
    "# `type: tls` instead where users come by certificate; no `authentication` where somebody else keeps them"
)


def user_of(program: str, prefix: str) -> str:
    """The name that a program logs in by, as everything here has it."""
    return _resource_name(f"{prefix}-{program}")


def rules(program: str, prefix: str) -> list[Rule]:
    """The ACLs of a program where an administrator makes the topics."""
    return list(rules_of(program, prefix, makes_topics=False))


def topic_commands(topics: Iterable[TopicPlan], servers: str, replication_factor: int) -> str:
    """Commands of Kafka's `kafka-topics.sh`, for a shell."""
    copies = [] if replication_factor < 0 else [f"--replication-factor {replication_factor}"]
    return "\n".join([_ADMIN, *(_topic_command(plan, servers, copies) for plan in topics)])


def acl_commands(prefix: str, servers: str) -> str:
    """Commands of Kafka's `kafka-acls.sh`, for a shell."""
    names = [f"{program.upper()}=User:{user_of(program, prefix)}" for program in PROGRAMS]
    commands = [command for program in PROGRAMS for command in _acl_commands(program, prefix, servers)]
    return "\n".join([_USERS, *names, *commands])


def strimzi_topics(topics: Iterable[TopicPlan], cluster: str, replication_factor: int) -> str:
    """A `KafkaTopic` each, as YAML. `cluster`: the name of Strimzi's `Kafka` resource."""
    return _documents(_kafka_topic(plan, cluster, replication_factor) for plan in topics)


def strimzi_users(prefix: str, cluster: str) -> str:
    """A `KafkaUser` with its ACLs for each program, as YAML."""
    return f"{_AUTHENTICATION}\n{_documents(_kafka_user(program, prefix, cluster) for program in PROGRAMS)}"


def _topic_command(plan: TopicPlan, servers: str, copies: Sequence[str]) -> str:
    settings = (f"--config {name}={value}" for name, value in plan.settings.items())
    parts = (f"--partitions {plan.partitions}", *copies, *settings)
    return _command("kafka-topics.sh", servers, f"--create --if-not-exists --topic {plan.name}", parts)


def _acl_commands(program: str, prefix: str, servers: str) -> Iterator[str]:
    for (resource, operation, prefixed), alike in groupby(rules(program, prefix), _kind_of_rule):
        what = f'--add --allow-principal "${program.upper()}" --operation {operation}'
        names = [f"--{resource.lower()} {rule.name}" for rule in alike]
        pattern = ["--resource-pattern-type prefixed"] if prefixed else []
        yield _command("kafka-acls.sh", servers, what, [*pattern, *names])


def _kind_of_rule(rule: Rule) -> tuple[str, str, bool]:
    return rule.resource, rule.operation, rule.prefixed


def _command(tool: str, servers: str, what: str, parts: Iterable[str]) -> str:
    return " \\\n    ".join([f"{tool} --bootstrap-server {shlex.quote(servers)} $ADMIN {what}", *parts])


def _kafka_topic(plan: TopicPlan, cluster: str, replication_factor: int) -> dict[str, Any]:
    name = _resource_name(plan.name)
    spec: dict[str, Any] = {} if name == plan.name else {"topicName": plan.name}
    spec["partitions"] = plan.partitions
    if replication_factor > 0:
        spec["replicas"] = replication_factor
    return _resource("KafkaTopic", name, cluster, spec | {"config": dict(plan.settings)})


def _kafka_user(program: str, prefix: str, cluster: str) -> dict[str, Any]:
    granted: dict[tuple[str, str, bool], list[str]] = {}
    for rule in rules(program, prefix):
        operations = granted.setdefault((rule.resource, rule.name, rule.prefixed), [])
        operations.append("".join(word.capitalize() for word in rule.operation.split("_")))
    acls = [
        {
            "resource": {"type": resource.lower(), "name": name, "patternType": "prefix" if prefixed else "literal"},
            "operations": operations,
        }
        for (resource, name, prefixed), operations in granted.items()
    ]
    spec = {"authentication": {"type": "scram-sha-512"}, "authorization": {"type": "simple", "acls": acls}}
    return _resource("KafkaUser", user_of(program, prefix), cluster, spec)


def _resource(kind: str, name: str, cluster: str, spec: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": _API,
        "kind": kind,
        "metadata": {"name": name, "labels": {"strimzi.io/cluster": cluster}},
        "spec": dict(spec),
    }


def _resource_name(name: str) -> str:
    """As Kubernetes allows it: no dot beside a dot or hyphen. What our prefixes may have besides, it allows too."""
    return re.sub(r"-*\.[.-]*", ".", name)


def _documents(resources: Iterable[Mapping[str, Any]]) -> str:
    return "".join(f"---\n{yaml.safe_dump(resource, sort_keys=False)}" for resource in resources).rstrip()
