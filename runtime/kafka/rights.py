"""What the broker lets us do with topics and groups; asked without doing anything."""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, get_args

from runtime.config import ProcessConfig
from runtime.kafka.clients import broker_errors, make_admin
from runtime.outages import OutageError
from schemas.access import Operation, Rule
from schemas.reasons import Reason

if TYPE_CHECKING:
    from kafka import KafkaAdminClient

TIMEOUT_SECONDS = 10.0  # a broker that has just started is still creating the topic that groups are kept in
PAUSE_SECONDS = 0.2
# Error codes of Kafka's protocol.
_HIDDEN, _GROUP_REFUSED = 29, 30
_ALL: frozenset[str] = frozenset(get_args(Operation))


def require_topics(wanted: Iterable[str], existing: Iterable[str]) -> None:
    """Raises `OutageError` where a topic is missing: a consumer would wait without a word."""
    missing = sorted(set(wanted) - set(existing))
    if missing:
        raise OutageError(Reason.BROKER_AWAY, f"topic {missing[0]} does not exist; `mailcall topics create` creates it")


def require_access(config: ProcessConfig, topics: Sequence[str], group: str) -> None:
    """Raises `OutageError` where a topic (full names) is missing or may not be read, or the group may not be joined.

    For Faust, whose consumer fails for good at a right that it does not have.
    """
    rules = [*(Rule("TOPIC", name, "READ") for name in topics), Rule("GROUP", group, "READ")]
    with closing(make_admin(config)) as admin, broker_errors(config):
        known = describe(admin, topics)
        missing = next(missing_rights(admin, known, rules), None)
    if missing:
        raise OutageError(Reason.BROKER_RIGHT_MISSING, f"the Kafka broker refuses a right: {in_words(missing)}")
    require_topics(topics, (name for name, allowed in known.items() if allowed is not None))


def describe(admin: "KafkaAdminClient", topics: Sequence[str]) -> Mapping[str, frozenset[str] | None]:
    """What may be done on each topic; None where it does not exist. Raises kafka-python's errors."""
    described = {one["name"]: one for one in admin.describe_topics(list(topics))}
    return {name: _allowed(described.get(name, {})) for name in topics}


def _allowed(topic: Mapping[str, object]) -> frozenset[str] | None:
    if topic.get("error_code") == _HIDDEN:
        return frozenset()
    if not topic.get("partitions"):
        return None
    operations = topic.get("authorized_operations")
    return frozenset(map(str, operations)) if isinstance(operations, Iterable) else _ALL  # some do not say


def missing_rights(
    admin: "KafkaAdminClient", known: Mapping[str, frozenset[str] | None], rules: Iterable[Rule]
) -> Iterator[Rule]:
    """Those of the rules, of single topics and groups, that the broker would not allow. `known`: by `describe`."""
    for rule in rules:
        if rule.resource == "GROUP":
            if not _may_join(admin, rule.name):
                yield rule
        elif (allowed := known.get(rule.name)) is not None and rule.operation not in allowed:
            yield rule


def _may_join(admin: "KafkaAdminClient", group: str) -> bool:
    """By a heartbeat of nobody, which changes nothing: only a client that may join learns that nobody is no member."""
    from kafka.errors import CoordinatorNotAvailableError, GroupAuthorizationFailedError

    deadline = time.monotonic() + TIMEOUT_SECONDS
    while True:
        try:
            return bool(admin._manager.run(_heartbeat, admin, group) != _GROUP_REFUSED)
        except GroupAuthorizationFailedError:
            return False
        except CoordinatorNotAvailableError:
            if time.monotonic() >= deadline:
                raise
            time.sleep(PAUSE_SECONDS)


async def _heartbeat(admin: "KafkaAdminClient", group: str) -> int:
    """The response's error code. Raises kafka-python's errors."""
    from kafka.protocol.consumer import HeartbeatRequest

    request = HeartbeatRequest(group_id=group, generation_id=-1, member_id="nobody")
    response = await admin._manager.send(request, node_id=await admin._find_coordinator_id(group))
    code: int = response.error_code
    return code


def in_words(rule: Rule) -> str:
    return f"{rule.operation} on {rule.resource.lower()} {rule.name}"
