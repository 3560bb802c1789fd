"""Whether the processes could work with this broker: the connection step by step, then topics, rights and sizes."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from console.config import ConsoleConfig
from runtime.kafka.clients import broker_errors, make_admin
from runtime.kafka.connection_check import ConnectionCheck, check_connection
from runtime.kafka.connection_failures import Finding
from runtime.kafka.rights import describe, in_words, missing_rights
from runtime.kafka.security import security_of
from runtime.kafka.settings import addresses
from runtime.outages import OutageError
from schemas.access import rules_of
from schemas.reasons import Reason

if TYPE_CHECKING:
    from kafka import KafkaAdminClient

_CREATE = "Create it with `mailcall topics create`."
BROKER_SECONDS = 10.0  # for each broker, login and a token for it included


@dataclass(frozen=True, slots=True)
class Checked:
    """A finding, and where: a broker, a topic, or the user that a role logs in as."""

    place: str
    finding: Finding

    @property
    def ok(self) -> bool:
        return self.finding.reason is None


def check_broker(config: ConsoleConfig, roles: Sequence[str]) -> Iterator[Checked]:
    """Ends early where nothing further can be asked. `roles`: of `schemas.access`, whose rights are looked into."""
    security = security_of(config)
    trials: dict[tuple[str, int], ConnectionCheck] = {}
    waiting = list(addresses(config.kafka_bootstrap_servers))
    while waiting:
        at = waiting.pop(0)
        if at not in trials:
            trials[at] = trial = check_connection(*at, security, BROKER_SECONDS)
            yield from (Checked(trial.place, finding) for finding in trial.findings)
            waiting += trial.brokers
    if all(trial.failed for trial in trials.values()):
        return
    try:
        with closing(make_admin(config)) as admin, broker_errors(config):
            yield from _topics_and_rights(admin, config, roles)
    except OutageError as error:
        yield Checked(config.kafka_bootstrap_servers, Finding("rights", str(error), error.reason, error.remedy))


def _topics_and_rights(admin: "KafkaAdminClient", config: ConsoleConfig, roles: Sequence[str]) -> Iterator[Checked]:
    prefix = config.topic_prefix
    rules = {role: [rule for rule in rules_of(role, prefix) if not rule.prefixed] for role in roles}
    topics = sorted({rule.name for of_role in rules.values() for rule in of_role if rule.resource == "TOPIC"})
    known = describe(admin, topics)
    absent = [name for name, allowed in known.items() if allowed is None]
    for name in absent:
        yield Checked(name, Finding("topics", "does not exist", Reason.BROKER_REFUSES, _CREATE))
    if not absent:
        yield Checked(prefix, Finding("topics", f"all {len(topics)} are there"))
    for role, of_role in rules.items():
        missing = list(missing_rights(admin, known, of_role))
        for rule in missing:
            remedy = f"Give the user of {role} the right {in_words(rule)}."
            yield Checked(role, Finding("rights", f"has no {in_words(rule)}", Reason.BROKER_RIGHT_MISSING, remedy))
        if not missing:
            yield Checked(role, Finding("rights", f"has all {len(of_role)} that it needs"))
    looked_into = [name for name, allowed in known.items() if allowed and "DESCRIBE_CONFIGS" in allowed]
    yield from _sizes(admin, looked_into, config.kafka_max_record_bytes)


def _sizes(admin: "KafkaAdminClient", topics: Sequence[str], most: int) -> Iterator[Checked]:
    """Of the topics that this user may look into. `most`: the largest record that is sent, in bytes."""
    from kafka.admin import ConfigResource, ConfigResourceType

    if not topics:
        yield Checked("", Finding("sizes", "not checked: that needs the right DESCRIBE_CONFIGS, which console has"))
        return
    asked = [ConfigResource(ConfigResourceType.TOPIC, name, ["max.message.bytes"]) for name in topics]
    told = admin.describe_configs(asked, config_filter="all")["topic"]
    sizes = {name: int(told[name]["max.message.bytes"]["value"]) for name in topics}
    small = {name: size for name, size in sizes.items() if size < most}
    for name, size in small.items():
        text = f"takes records of at most {size} bytes, and up to {most} are sent"
        remedy = f"Set the topic's max.message.bytes to {most}, or MAILCALL_KAFKA_MAX_RECORD_BYTES to {size}."
        yield Checked(name, Finding("sizes", text, Reason.BROKER_REFUSES, remedy))
    if not small:
        yield Checked("", Finding("sizes", f"topics take records of {min(sizes.values())} bytes"))
